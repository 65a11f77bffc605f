"""The tasks of a run, as columns."""

from __future__ import annotations

from collections.abc import Iterable

from gplmt.events import (
    CallStarted,
    FailStarted,
    Finished,
    GetFinished,
    GetStarted,
    Outcome,
    ParStarted,
    PutFinished,
    PutStarted,
    RunFinished,
    RunStarted,
    SeqStarted,
    TaskStarted,
    WaitForFinished,
    WaitForStarted,
)
from gplmt.reporting.history import Failed, Span
from gplmt.reporting.page.model import KINDS, OUTCOMES, TaskColumns, Texts
from gplmt.reporting.page.outputs import is_log, shortened
from gplmt.reporting.page.steps import Steps, place_of_outcome
from gplmt.reporting.page.telling import Told
from gplmt.reporting.page.times import Scale

_MOST_TASKS = 100_000
KIND_PLACES: dict[type[object], int] = {
    kind: KINDS.index(name)
    for kind, name in (
        (RunStarted, "run"),
        (WaitForStarted, "wait-for"),
        (PutStarted, "put"),
        (GetStarted, "get"),
        (CallStarted, "call"),
        (FailStarted, "fail"),
        (SeqStarted, "seq"),
        (ParStarted, "par"),
    )
}
_FAILURES = (Outcome.FAILED, Outcome.TIMEOUT)
_OK = OUTCOMES.index("ok")
_EXPECTED, _TOLERATED = OUTCOMES.index("expected"), OUTCOMES.index("tolerated")


class Targets:
    """Gives each target its place among all that the run has."""

    def __init__(self, names: Iterable[str]) -> None:
        self._places = {name: place for place, name in enumerate(dict.fromkeys(names))}

    def place(self, name: str | None) -> int:
        """Where it stands; -1 for none."""
        return -1 if name is None else self._places.setdefault(name, len(self._places))

    def all(self) -> list[str]:
        """All names, each at its place."""
        return list(self._places)


class Tasks:
    """Collects the tasks that do something, and of those around them the ones that failed.

    `failed` are the run's failures by span.
    """

    def __init__(self, steps: Steps, targets: Targets, failed: dict[int, Failed]) -> None:
        self._steps = steps
        self._targets = targets
        self._failed = failed
        self._seen: list[tuple[Span, TaskStarted, int, int]] = []  # with its step and its outcome

    def __len__(self) -> int:
        return len(self._seen)

    def outcome_of(self, span: Span) -> int:
        """How it ended, as a place in OUTCOMES."""
        failed = self._failed.get(span.number)
        if failed is not None and failed.is_tolerated:
            return _TOLERATED
        if span.outcome in _FAILURES and getattr(span.end, "excused", False):
            return _EXPECTED
        return place_of_outcome(span)

    def enter(self, span: Span, *, step: int, outcome: int, scale: Scale) -> None:
        """Take a span, if it is a task for the page."""
        task = span.begin
        if not isinstance(task, TaskStarted):
            return
        if isinstance(task, CallStarted | SeqStarted | ParStarted):
            if span.number not in self._failed:
                return
        elif span.outcome is not Outcome.SKIPPED:
            target = self._targets.place(task.target)
            self._steps.note_begin(step, target=target, begin=scale.at(task.time))
        self._seen.append((span, task, step, outcome))

    def columns(self, scale: Scale, texts: Texts, told: Told) -> tuple[TaskColumns, dict[int, int]]:
        """The columns, and the row of each span. Of too many, those that went well are left out."""
        columns, rows = TaskColumns(), dict[int, int]()
        for span, task, step, outcome in self._chosen():
            rows[span.number] = len(rows)
            begin, ended = scale.at(task.time), scale.maybe(span.ended)
            columns.kind.append(KIND_PLACES[type(task)])
            columns.target.append(self._targets.place(task.target))
            columns.step.append(step)
            columns.name.append(texts.number(f"{task.tasklist}.{task.task}"))
            columns.iteration.append(texts.number(task.iteration))
            columns.at.append(texts.number(task.at))
            columns.begin.append(begin)
            columns.length.append(None if ended is None else round(ended - begin, 1))
            columns.outcome.append(outcome)
            columns.result.append(texts.number(_result(span, told)))
            columns.reason.append(texts.number(_reason(span.end)))
            columns.log.append(_log(task))
        return columns, rows

    def _chosen(self) -> list[tuple[Span, TaskStarted, int, int]]:
        if len(self._seen) <= _MOST_TASKS:
            return self._seen
        well = sum(outcome == _OK for *_, outcome in self._seen)
        room = max(0, _MOST_TASKS - (len(self._seen) - well))
        chosen = []
        for seen in self._seen:
            if seen[3] == _OK:
                room -= 1
                if room < 0:
                    continue
            chosen.append(seen)
        return chosen[:_MOST_TASKS]


def _result(span: Span, told: Told) -> str:
    """What is known of its end but the reason why it failed."""
    words = []
    match span.end:
        case RunFinished(status=int() as status):
            words.append(f"status {status}")
        case RunFinished(signal=int() as signal):
            words.append(f"signal {signal}")
        case WaitForFinished(attempts=attempts):
            words.append(f"tried {_times(attempts)}")
        case PutFinished() | GetFinished() as end:
            words.append(f"{end.files} file{'' if end.files == 1 else 's'}, {_size(end.bytes)}")
    if getattr(span.end, "lost", False):
        words.append("target lost")
    if failed := told.attempts[span.number]:
        words.append(f"failed {_times(failed)} before ({told.last_reasons[span.number]})")
    return shortened(", ".join(words))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _size(count: int) -> str:
    size, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        del units[0]
    return f"{size:.3g} {units[0]}"


def _reason(end: Finished | None) -> str | None:
    return None if end is None or end.reason is None else shortened(end.reason)


def _log(task: TaskStarted) -> str:
    """Its logs without their suffix."""
    if not isinstance(task, RunStarted | WaitForStarted) or task.stdout is None:
        return ""
    stem = task.stdout.removesuffix(".out")
    return stem if task.stderr == f"{stem}.err" and is_log(task.stdout) else ""
