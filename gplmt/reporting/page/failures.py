"""What failed, with the last lines of output."""

from __future__ import annotations

from collections.abc import Sequence

from gplmt.events import StepFinished, TasklistStarted, TaskStarted
from gplmt.reporting.history import Failed
from gplmt.reporting.page.model import KINDS, FailureRow, Texts
from gplmt.reporting.page.outputs import Tails, is_log, shortened
from gplmt.reporting.page.steps import Steps
from gplmt.reporting.page.tasks import KIND_PLACES, Targets
from gplmt.reporting.page.times import Scale

_MOST_FAILURES = 10_000


class FailureRows:
    """Makes the rows; `rows` are those of the tasks, `steps` of steps, by span."""

    def __init__(
        self, *, scale: Scale, texts: Texts, targets: Targets, tails: Tails, rows: dict[int, int]
    ) -> None:
        self._scale = scale
        self._texts = texts
        self._targets = targets
        self._tails = tails
        self._rows = rows

    def make(self, failures: Sequence[Failed], steps: Steps) -> list[FailureRow]:
        """The first failures, those that count before those that are tolerated."""
        chosen = sorted(failures, key=lambda failed: failed.is_tolerated)[:_MOST_FAILURES]
        return [self._row(failed, steps) for failed in chosen]

    def _row(self, failed: Failed, steps: Steps) -> FailureRow:
        failure, span = failed.failure, failed.span
        return FailureRow(
            at=self._texts.number(failure.at),
            what=self._texts.number(_what(failed)),
            reason=self._texts.number(shortened(failure.reason)),
            target=self._targets.place(failure.target),
            iteration=self._texts.number(getattr(span.begin, "iteration", None)),
            time=self._scale.at(span.ended or span.begin.time),
            task=self._rows.get(span.number, -1),
            is_tolerated=failed.is_tolerated,
            is_of_cleanup=steps.is_of_cleanup(steps.place_of(span)),
            logs=[log for log in failure.logs if is_log(log)],
            tails=self._tails.of(failure.logs),
        )


def _what(failed: Failed) -> str:
    """What failed, without the target and the iteration, in which alone many failures differ."""
    begin = failed.span.begin
    match begin:
        case TaskStarted():
            return f"{KINDS[KIND_PLACES[type(begin)]]} {begin.tasklist}.{begin.task}"
        case TasklistStarted():
            return f"{'cleanup' if begin.cleanup else 'tasklist'} {begin.tasklist}"
    if isinstance(failed.span.end, StepFinished):
        return f"step {failed.span.end.step}"
    return failed.failure.subject
