"""What came of a tasklist on a target, and of a whole run, as cases of JUnit XML."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from gplmt.events import (
    Outcome,
    RunFinished,
    StepReached,
    TaskFinished,
    TasklistStarted,
    TeardownStarted,
    WaitForFinished,
)
from gplmt.recording.logs import tail
from gplmt.recording.summary import show_failures
from gplmt.reporting.history import Failed, Span
from gplmt.reporting.junit_xml import Case, Verdict
from gplmt.reporting.recorded import RecordedRun

_TEXT_LINES = 10
_TAIL_LINES = 50
_TAIL_BYTES = 16_384
_MOST_TAILS = 20  # of one case
_CUT_OFF = "the record ends before that: gplmt was killed, or it is still running"


class Place(Struct, frozen=True, kw_only=True):
    """Where cases stand; `suffix` tells their names from those of other rounds of the step."""

    suite: str
    classname: str
    suffix: str

    def name(self, tasklist: str, target: str) -> str:
        """What a case is called: the same in each run, and no other case of the run."""
        return f"{tasklist} on {target}{self.suffix}"


class Judge:
    """Makes the cases of a run."""

    def __init__(self, run: RecordedRun) -> None:
        self._run = run

    def ran(self, place: Place, span: Span, failed: Sequence[Failed]) -> Case:
        """A tasklist that was begun on a target; `failed` is all that failed in it."""
        case = Case(
            classname=place.classname,
            name=place.name(_tasklist(span), span.target or "?"),
            seconds=self._seconds(span),
        )
        counting = [each for each in failed if not each.is_tolerated]
        if counting:
            return self._failed(case, counting)
        if failed:
            return self._with_failures(case, Verdict.SKIPPED, "tolerated", failed)
        return self._without_failures(case, span)

    def did_not_run(self, place: Place, step: Span, target: str) -> Case:
        """A tasklist that a step should have begun on a target, and did not."""
        case = Case(
            classname=place.classname,
            name=place.name(_tasklist(step), target),
        )
        match step.outcome:
            case None:
                reason = _CUT_OFF
            case Outcome.SKIPPED:
                reason = 'enabled="false"'
            case Outcome.CANCELLED:
                reason = self._interruption
            case Outcome.FAILED | Outcome.TIMEOUT:
                reason = "the step had failed before"
            case _:
                reason = "the step was stopped before"
        return _skipped(case, f"not run: {reason}")

    def teardown_did_not_run(self, place: Place, tasklist: str, target: str) -> Case:
        """A tasklist of a teardown that was registered, and not begun."""
        case = Case(classname=place.classname, name=place.name(tasklist, target))
        is_cut_off = self._run.history.ending is None
        return _skipped(case, f"not run: {_CUT_OFF if is_cut_off else self._interruption}")

    def experiment(self, failed: Sequence[Failed], *, has_told: bool, seconds: float) -> Case:
        """The run as a whole, and what `failed` outside of tasklists.

        `has_told` says that another case tells of a failure or an error.
        """
        name = self._run.manifest.experiment
        case = Case(classname=name, name="experiment", seconds=seconds)
        counting = [each for each in failed if not each.is_tolerated]
        if counting:
            case = self._failed(case, counting)
        problem = self._problem(has_told=has_told or bool(counting))
        if problem is None:
            return case
        kind, message = problem
        text = f"{self._at}: error: {message}"
        return replace(
            case,
            verdict=Verdict.ERROR,
            kind=kind,
            message=message,
            text=f"{text}\n{case.text}" if case.text else text,
        )

    @property
    def _interruption(self) -> str:
        signals = self._run.history.signals
        return (
            f"gplmt was interrupted by {signals[0].signal}" if signals else "gplmt was interrupted"
        )

    def _seconds(self, span: Span) -> float:
        ended = span.ended or self._run.history.last_time or span.begin.time
        return (ended - span.begin.time).total_seconds()

    def _without_failures(self, case: Case, span: Span) -> Case:
        match span.outcome:
            case None:
                return _skipped(case, f"not run to its end: {_CUT_OFF}")
            case Outcome.CANCELLED:
                return _skipped(case, f"stopped: {self._interruption}")
            case Outcome.STOPPED if not _was_to_be_stopped(span.parent):
                return _skipped(case, "stopped, as something else had failed")
            case Outcome.FAILED | Outcome.TIMEOUT:
                message = "it failed, and the record does not tell why"
                return replace(case, verdict=Verdict.FAILURE, kind="failed", message=message)
        return case

    def _problem(self, *, has_told: bool) -> tuple[str, str] | None:
        """Why the run as a whole is not well, where nothing else tells it."""
        ending, exit_code = self._run.history.ending, self._run.manifest.exit_code
        if ending is None:
            return "unfinished", (
                "the record ends before the experiment does: gplmt was killed, or it is still "
                "running"
            )
        if ending.reason is not None:
            is_signal = ending.outcome is Outcome.CANCELLED
            return "interrupted" if is_signal else "failed", ending.reason
        if exit_code and not ending.exit_code:
            return "incomplete", "the record of this run is not complete"
        if (exit_code or ending.exit_code) and not has_told:
            return "failed", "it failed, and the record does not tell why"
        return None

    @property
    def _at(self) -> str:
        beginning = self._run.history.beginning
        return (beginning.at if beginning else None) or self._run.manifest.document

    def _failed(self, case: Case, failed: Sequence[Failed]) -> Case:
        first = failed[0]
        is_lost = isinstance(first.span.end, TaskFinished) and first.span.end.lost
        verdict, kind = (Verdict.ERROR, "lost") if is_lost else (Verdict.FAILURE, "failed")
        if first.span.outcome is Outcome.TIMEOUT and not is_lost:
            kind = "timeout"
        return self._with_failures(case, verdict, kind, failed)

    def _with_failures(
        self, case: Case, verdict: Verdict, kind: str, failed: Sequence[Failed]
    ) -> Case:
        failures = [each.failure for each in failed]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        is_tolerated = verdict is Verdict.SKIPPED
        prefix = "tolerated: " if is_tolerated else ""
        lines = list(show_failures(failures, self._read_end))
        ends = [each.span.end for each in failed]
        logs = [end for end in ends if isinstance(end, RunFinished | WaitForFinished)]
        return replace(
            case,
            verdict=verdict,
            kind=kind,
            message=f"{prefix}{failures[0].what}{more}",
            text="\n".join(map(_as_warning, lines) if is_tolerated else lines),
            stdout=self._tails([end.stdout for end in logs]),
            stderr=self._tails([end.stderr for end in logs]),
        )

    def _read_end(self, log: str) -> bytes:
        return tail(self._run.path / log, max_lines=_TEXT_LINES, max_bytes=_TAIL_BYTES)

    def _tails(self, logs: Sequence[str | None]) -> str:
        """The last lines of each log that has some, below its name."""
        shown = ""
        for log in logs[:_MOST_TAILS]:
            if log is None:
                continue
            text = tail(self._run.path / log, max_lines=_TAIL_LINES, max_bytes=_TAIL_BYTES)
            if text:
                shown += f"==> {log} <==\n{text.decode('utf-8', 'replace').rstrip()}\n"
        return shown


def _as_warning(line: str) -> str:
    """A line that tells of a failure, as of one that was tolerated; those of output stay."""
    return line if line.startswith(" ") else line.replace(": error: ", ": warning: tolerated: ", 1)


def _skipped(case: Case, message: str) -> Case:
    return replace(case, verdict=Verdict.SKIPPED, kind="skipped", message=message)


def _tasklist(span: Span) -> str:
    begin = span.begin
    if isinstance(begin, StepReached | TeardownStarted | TasklistStarted):
        return begin.tasklist
    return "?"


def _was_to_be_stopped(step: Span | None) -> bool:
    """Whether being stopped is what the experiment wanted of a step (LANGUAGE.md 8.3, 9.4)."""
    if step is None or not isinstance(step.begin, StepReached):
        return False
    stop = step.begin.planned_stop
    has_reached_it = stop is not None and step.ended is not None and step.ended >= stop
    return step.begin.background or has_reached_it
