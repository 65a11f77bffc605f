"""What is told of a slice of a trace: its name, its kind, and all that its events say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum

from msgspec.structs import asdict

from gplmt.events import (
    CallStarted,
    ExperimentStarted,
    IterationStarted,
    LoopStarted,
    RecoveryStarted,
    StepReached,
    TasklistStarted,
    TaskStarted,
    TeardownStarted,
)
from gplmt.recording.masking import MASK, is_secret_variable
from gplmt.reporting.history import Span

_NOT_TOLD = {"time", "span", "parent", "target"}  # the slice itself tells them
_MOST_LISTED = 20


def name(span: Span) -> str:
    """What a slice is called; nothing for that of the experiment."""
    begin = span.begin
    match begin:
        case CallStarted(task=task, calls=calls):
            return f"{task} {calls}"
        case TaskStarted(task=task):
            return task
        case TasklistStarted(tasklist=tasklist, cleanup=is_cleanup):
            return f"{tasklist} (cleanup)" if is_cleanup else tasklist
        case TeardownStarted(step=step, tasklist=tasklist):
            return f"{step} {tasklist}"
        case StepReached(step=step, iteration=iteration):
            return step if iteration is None else f"{step} in iteration {iteration}"
    return _name_of_frame(span)


def _name_of_frame(span: Span) -> str:
    match span.begin:
        case ExperimentStarted():
            return ""
        case LoopStarted(loop=loop):
            return loop
        case IterationStarted(iteration=iteration):
            return f"iteration {iteration}"
        case RecoveryStarted():
            return "gplmt cleanup"
    return category(span)


def category(span: Span) -> str:
    """The kind of what a slice shows, in the words of the language: `step`, `tasklist`, `run`."""
    kind = type(span.begin).__name__
    return kind.removesuffix("Started").removesuffix("Reached").lower()


def details(span: Span) -> dict[str, object]:
    """What a viewer shows of a slice: the fields of its events that have a value."""
    told = dict(_told(asdict(span.begin)))
    if span.end is None:
        told["outcome"] = "unfinished"
        told["reason"] = "the record ends before it does"
    else:
        told.update(_told(asdict(span.end)))
    return told


def _told(fields: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for field, value in fields.items():
        if field in _NOT_TOLD or value is None or value is False or value in ((), {}):
            continue
        match value:
            case Enum():
                yield field, value.value
            case datetime():
                yield field, value.isoformat()
            case tuple():
                yield field, _listed(value)
            case dict():
                yield field, {key: _masked(str(key), value[key]) for key in value}
            case _:
                yield field, value


def _listed(names: tuple[object, ...]) -> str:
    more = len(names) - _MOST_LISTED
    words = " ".join(map(str, names[:_MOST_LISTED]))
    return f"{words} and {more} more" if more > 0 else words


def _masked(variable: str, value: object) -> object:
    return MASK if is_secret_variable(variable) else value
