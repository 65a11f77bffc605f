"""The spans of a run as the oracle tells them."""

from __future__ import annotations

from gplmt.events import (
    IterationStarted,
    LoopStarted,
    Outcome,
    StepReached,
    SynchronizeStarted,
    TasklistStarted,
    TaskStarted,
    TeardownStarted,
)
from tests.engine.properties.history import STOPPED, History, Span, seconds
from tests.engine.properties.oracle_results import Row


def rows_of(history: History) -> list[Row]:
    """All spans but the experiment's, sorted; by whom something was stopped does not count."""
    rows = []
    for span in history.spans.values():
        if (what := _what(span)) is not None:
            outcome = Outcome.STOPPED if span.outcome in STOPPED else span.outcome
            rows.append(Row(what, seconds(span.begin), seconds(span.end), outcome))
    return sorted_rows(rows)


def sorted_rows(rows: list[Row]) -> list[Row]:
    """With times as exact as those of events."""
    rounded = [row._replace(begin=round(row.begin, 4), end=round(row.end, 4)) for row in rows]
    return sorted(rounded, key=lambda row: (row.begin, row.end, row.what, row.outcome.value))


def _what(span: Span) -> tuple[str, ...] | None:
    begin = span.begin
    match begin:
        case TaskStarted():
            iteration = begin.iteration or ""
            return ("task", begin.step, iteration, begin.target, begin.tasklist, begin.task)
        case TasklistStarted():
            iteration, cleanup = begin.iteration or "", str(begin.cleanup)
            return ("tasklist", begin.step, iteration, begin.target, begin.tasklist, cleanup)
        case StepReached():
            return ("step", begin.step, begin.iteration or "")
        case LoopStarted():
            return ("loop", begin.loop, _iteration(span.parent))
        case IterationStarted():
            return ("iteration", begin.loop, begin.iteration)
        case SynchronizeStarted():
            return ("barrier", _iteration(span.parent))
        case TeardownStarted():
            return ("teardown", begin.step)
        case _:
            return None


def _iteration(span: Span | None) -> str:
    if span is None or not isinstance(span.begin, IterationStarted):
        return ""
    return span.begin.iteration
