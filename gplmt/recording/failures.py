"""What has failed, told as `FILE:LINE: error: what`, from the events alone.

A failure is an event with a `reason`: the engine gives one only where a failure arises, not
where it passes through.  What a call with expected-status="1" asked for is none.
"""

from __future__ import annotations

from msgspec import Struct

from gplmt.events import (
    CallFinished,
    Event,
    ExperimentFinished,
    FailFinished,
    Finished,
    GetFinished,
    LoopFinished,
    Outcome,
    ParFinished,
    PutFinished,
    RecoveryFinished,
    RunFinished,
    SeqFinished,
    StepFinished,
    TaskFinished,
    TasklistFinished,
    TeardownFinished,
    WaitForFinished,
)

_TASKS: dict[type[TaskFinished], str] = {
    RunFinished: "run",
    PutFinished: "put",
    GetFinished: "get",
    CallFinished: "call",
    FailFinished: "fail",
    WaitForFinished: "wait-for",
    SeqFinished: "seq",
    ParFinished: "par",
}
_PREDICATES = ("exited ", "timed out ", "was ")  # such reasons go on where the subject ends


class Failure(Struct, frozen=True, kw_only=True):
    """One thing that failed; `logs` are those of its command, stderr first."""

    at: str
    subject: str
    reason: str
    span: int
    target: str | None = None
    logs: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The failure in one sentence, without its place."""
        if not self.reason:
            return f"{self.subject} failed"
        separator = " " if self.reason.startswith(_PREDICATES) else " failed: "
        return f"{self.subject}{separator}{self.reason}"


def failure_of(event: Event) -> Failure | None:
    """The failure that an event tells of, if it does."""
    if not isinstance(event, Finished) or isinstance(event, ExperimentFinished | RecoveryFinished):
        return None
    if event.outcome not in (Outcome.FAILED, Outcome.TIMEOUT) or event.reason is None:
        return None
    if isinstance(event, TaskFinished | TasklistFinished) and event.excused:
        return None
    return Failure(
        at=event.at or "?",
        subject=_subject(event),
        reason=event.reason,
        span=event.span,
        target=event.target if isinstance(event, TaskFinished | TasklistFinished) else None,
        logs=_logs(event),
    )


def _subject(event: Finished) -> str:
    match event:
        case TaskFinished():
            kind = _TASKS.get(type(event), "task")
            return f"{kind} '{event.tasklist}.{event.task}' on {event.target}{_round(event)}"
        case TasklistFinished():
            kind = "cleanup" if event.cleanup else "tasklist"
            return f"{kind} '{event.tasklist}' on {event.target}{_round(event)}"
        case StepFinished():
            return f"step '{event.step}'{_round(event)}"
        case TeardownFinished():
            return f"teardown '{event.tasklist}' ({event.step})"
        case LoopFinished():
            return f"{event.loop}"
    return type(event).__name__.removesuffix("Finished").lower()


def _round(event: TaskFinished | TasklistFinished | StepFinished) -> str:
    """Which iteration it was, where there are several."""
    return f" in iteration {event.iteration}" if event.iteration else ""


def _logs(event: Finished) -> tuple[str, ...]:
    if not isinstance(event, RunFinished | WaitForFinished):
        return ()
    return tuple(log for log in (event.stderr, event.stdout) if log is not None)
