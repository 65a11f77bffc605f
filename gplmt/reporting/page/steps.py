"""The steps of a run, and which of them each span is part of."""

from __future__ import annotations

from gplmt.events import (
    RecoveryStarted,
    StepFinished,
    StepReached,
    TeardownStarted,
)
from gplmt.reporting.history import Span
from gplmt.reporting.page.model import OUTCOMES, StepRow, Texts
from gplmt.reporting.page.outputs import shortened
from gplmt.reporting.page.times import Scale

UNFINISHED = OUTCOMES.index("unfinished")
_PLACES = {outcome: place for place, outcome in enumerate(OUTCOMES)}


def place_of_outcome(span: Span) -> int:
    """Where the span's own outcome stands in OUTCOMES."""
    outcome = span.outcome
    return UNFINISHED if outcome is None else _PLACES[outcome.value]


class Steps:
    """Collects steps, and when the first tasks of each began on its targets."""

    def __init__(self, scale: Scale, texts: Texts) -> None:
        self.rows: list[StepRow] = []
        self._scale = scale
        self._texts = texts
        self._places: dict[int, int] = {}  # of the step around each span
        self._firsts: list[dict[int, float]] = []  # by target
        self._of_cleanup: set[int] = set()  # places

    def enter(self, span: Span) -> int:
        """The place of the step that a span is, or is part of; -1 for none."""
        around = -1 if span.parent is None else self._places.get(span.parent.number, -1)
        row = self._row(span, is_of_cleanup=around in self._of_cleanup)
        if row is not None:
            around = len(self.rows)
            self.rows.append(row)
            self._firsts.append({})
            if row.kind in ("recovery", "cleanup"):
                self._of_cleanup.add(around)
        self._places[span.number] = around
        return around

    def is_of_cleanup(self, place: int) -> bool:
        """Whether it is none of the run itself but of a `gplmt cleanup`."""
        return place in self._of_cleanup

    def place_of(self, span: Span) -> int:
        """The same, later."""
        return self._places[span.number]

    def note_begin(self, place: int, *, target: int, begin: float) -> None:
        """A task of a step has begun; tasks come in the order in which they do."""
        if place >= 0:
            self._firsts[place].setdefault(target, begin)

    def finish(self) -> list[StepRow]:
        """All steps, with their first starts."""
        for row, firsts in zip(self.rows, self._firsts, strict=True):
            row.begun = len(firsts)
            if firsts:
                row.first, row.last = min(firsts.values()), max(firsts.values())
        return self.rows

    def _row(self, span: Span, *, is_of_cleanup: bool) -> StepRow | None:
        match span.begin:
            case StepReached() as reached:
                return self._of_step(span, reached)
            case TeardownStarted() as begin:
                kind = "cleanup" if is_of_cleanup else "teardown"
                return self._make(span, kind, begin.step, begin.tasklist, len(begin.targets))
            case RecoveryStarted() as begin:
                return self._make(span, "recovery", "gplmt cleanup", "", len(begin.targets))
        return None

    def _of_step(self, span: Span, reached: StepReached) -> StepRow:
        row = self._make(span, "step", reached.step, reached.tasklist, len(reached.targets))
        row.iteration = reached.iteration
        row.is_background = reached.background
        row.planned = self._scale.maybe(reached.planned_start)
        row.planned_stop = self._scale.maybe(reached.planned_stop)
        if isinstance(span.end, StepFinished):
            row.failed, row.tolerated = len(span.end.failed), len(span.end.tolerated)
        return row

    def _make(self, span: Span, kind: str, name: str, tasklist: str, targets: int) -> StepRow:
        return StepRow(
            kind=kind,
            name=name,
            iteration=None,
            tasklist=tasklist,
            at=self._texts.number(span.begin.at),
            targets=targets,
            reached=self._scale.at(span.begin.time),
            started=self._scale.maybe(span.started),
            ended=self._scale.maybe(span.ended),
            outcome=place_of_outcome(span),
            reason=_reason(span),
        )


def _reason(span: Span) -> str | None:
    reason = None if span.end is None else span.end.reason
    return None if reason is None else shortened(reason)
