"""How a task begins and ends in the record, the same for all kinds of tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from types import TracebackType
from typing import TypedDict

from gplmt.engine.context import Context
from gplmt.engine.session import Session
from gplmt.engine.signals import TaskFailed
from gplmt.events import Event, Outcome
from gplmt.language.tasks import Task


class Place(TypedDict):
    """Where a task stands: what its events have in common."""

    span: int
    parent: int
    at: str
    target: str
    step: str
    iteration: str | None
    tasklist: str
    task: str


class Ending(TypedDict):
    """How a task ended: what its finished event adds."""

    time: datetime
    outcome: Outcome
    reason: str | None
    seconds: float
    excused: bool
    lost: bool


async def perform(
    session: Session,
    context: Context,
    task: Task,
    *,
    started: Callable[[Place, datetime], Event],
    work: Callable[[Place], Awaitable[None]],
    finished: Callable[[Place, Ending], Event],
) -> None:
    """Do the work of a task between its two events; a disabled task has only the events."""
    place = _place(session, context, task)
    verdict = _Verdict(session, context, task)
    session.recorder.emit(started(place, session.now()))
    try:
        with verdict:
            if task.enabled:
                await work(place)
    finally:
        session.recorder.emit(finished(place, verdict.ending()))


def _place(session: Session, context: Context, task: Task) -> Place:
    return Place(
        span=session.span(),
        parent=context.parent,
        at=str(task.at),
        target=context.node.name,
        step=context.step,
        iteration=context.iteration,
        tasklist=context.tasklist,
        task=task.label,
    )


class _Verdict:
    """Wrapped around what a task does, to see how that ends."""

    def __init__(self, session: Session, context: Context, task: Task) -> None:
        self._session = session
        self._context = context
        self._began = session.clock.monotonic()
        self._outcome = Outcome.OK if task.enabled else Outcome.SKIPPED
        self._reason: str | None = None
        self._is_lost = False

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        match error:
            case None:
                pass
            case TaskFailed():
                self._outcome = error.outcome
                self._record(error)
            case _:
                self._outcome = self._session.stopped

    def _record(self, failure: TaskFailed) -> None:
        """Count a failure where it arises; the tasks around it only end with it."""
        if not failure.is_recorded:
            failure.is_recorded = True
            self._reason = failure.reason
            self._is_lost = failure.is_loss
            self._context.note_failure(is_new=failure.reason is not None)

    def ending(self) -> Ending:
        return Ending(
            time=self._session.now(),
            outcome=self._outcome,
            reason=self._reason,
            seconds=round(self._session.clock.monotonic() - self._began, 6),
            excused=self._context.is_excused,
            lost=self._is_lost,
        )
