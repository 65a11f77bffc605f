"""What tasklists mean on one target: order, failure, on-error, cleanup, timeout.

LANGUAGE.md 6 and 7.  `on-error` is applied in one place, `_apply_on_error`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import assert_never

from msgspec.structs import replace

from gplmt.engine.context import Context, Progress
from gplmt.engine.duties import settling
from gplmt.engine.execution import Executor
from gplmt.engine.scopes import Scope
from gplmt.engine.session import Session, seconds
from gplmt.engine.signals import StopExperiment, StopStep, StopTarget, TaskFailed
from gplmt.engine.verdict import Place, perform
from gplmt.events import (
    CallFinished,
    CallStarted,
    Outcome,
    ParFinished,
    ParStarted,
    SeqFinished,
    SeqStarted,
    TasklistFinished,
    TasklistStarted,
)
from gplmt.language.tasks import Call, Fail, Get, Par, Put, Run, Seq, Task, Tasklist, WaitFor
from gplmt.language.values import OnError, in_words
from gplmt.obligations import CleanupDue, split_variables

_FAILURES = (Outcome.FAILED, Outcome.TIMEOUT)
_REACHES_FURTHER = (OnError.STOP_STEP, OnError.STOP_EXPERIMENT)  # never excused by a call (6.4)


class Interpreter:
    """Runs tasklists on targets."""

    def __init__(self, session: Session, tasklists: Mapping[str, Tasklist]) -> None:
        self._session = session
        self._tasklists = tasklists
        self._executor = Executor(session)

    async def run_tasklist(self, context: Context, name: str) -> Outcome:
        """Run a tasklist and its cleanup in the surroundings of `context`, its caller's.

        Raises:
            Stop: what the failure of this tasklist, or of one it called, stops besides it.
            asyncio.CancelledError: stopped from outside; commands are gone, the cleanup has run.
        """
        self._session.raise_if_stopped()
        tasklist = self._tasklists[name]
        span = self._session.span()
        inner = replace(
            context,
            tasklist=name,
            on_error=tasklist.on_error,
            progress=Progress(span),
            parent=span,
            is_excused=context.is_excused and tasklist.on_error not in _REACHES_FURTHER,
        )
        self._emit_started(inner, context.parent, tasklist)
        outcome, reason = None, None
        try:
            try:
                outcome, reason = await self._run_body(inner, tasklist)
            finally:
                await self._clean_up(inner, tasklist)
        finally:
            self._emit_finished(inner, context.parent, tasklist, outcome, reason)
            if outcome in _FAILURES:
                self._apply_on_error(inner)  # also when a stop arrived meanwhile
        self._session.raise_if_stopped()
        return outcome

    async def _run_body(self, inner: Context, tasklist: Tasklist) -> tuple[Outcome, str | None]:
        try:
            async with asyncio.timeout(seconds(tasklist.timeout)):
                for task in tasklist.tasks:
                    await self._execute(inner, task)
        except TaskFailed:
            return Outcome.FAILED, None
        except TimeoutError:
            inner.note_failure(is_new=True)
            return Outcome.TIMEOUT, f"ran over its timeout of {in_words(tasklist.timeout)}"
        return Outcome.FAILED if inner.progress.has_failures else Outcome.OK, None

    async def _clean_up(self, inner: Context, tasklist: Tasklist) -> None:
        if tasklist.cleanup is None or not inner.progress.has_begun:
            return
        context = replace(inner, is_cleanup=True, must_run=True, is_excused=False)
        with settling(self._session, _cleanup_key(inner), inner.node):
            await self._session.shelter.run(self.run_tasklist, context, tasklist.cleanup)

    def _apply_on_error(self, inner: Context) -> None:
        """Raise what the failure of a tasklist stops besides it (LANGUAGE.md 7.1, 7.4, 7.6)."""
        if inner.is_cleanup or inner.on_error not in _REACHES_FURTHER:
            return
        if not inner.progress.has_lost_quorum:
            raise StopTarget
        raise StopStep if inner.on_error is OnError.STOP_STEP else StopExperiment

    async def _execute(self, context: Context, task: Task) -> None:
        self._session.raise_if_stopped()
        if task.enabled and not context.progress.has_begun:
            context.progress.has_begun = True
            self._owe_cleanup(context)
        try:
            await self._dispatch(context, task)
        except TaskFailed as failure:
            if failure.is_unlogged:
                return
            if context.on_error is not OnError.CONTINUE:
                raise
            context.progress.has_failures = True

    def _owe_cleanup(self, context: Context) -> None:
        """From the first task on, the cleanup is to run, also should gplmt crash."""
        tasklist = self._tasklists[context.tasklist]
        if tasklist.cleanup is None:
            return
        literal, host_variables = split_variables(context.variables)
        self._session.journal.use(context.node)
        self._session.journal.owe(
            CleanupDue(
                key=_cleanup_key(context),
                at=str(tasklist.at),
                target=context.node.name,
                step=context.step,
                iteration=context.iteration,
                tasklist=tasklist.cleanup,
                variables=literal,
                host_variables=host_variables,
                background=context.is_background,
            )
        )

    async def _dispatch(self, context: Context, task: Task) -> None:
        match task:
            case Run():
                await self._executor.run(context, task)
            case Put():
                await self._executor.put(context, task)
            case Get():
                await self._executor.get(context, task)
            case Call():
                await self._call(context, task)
            case Fail():
                await self._executor.fail(context, task)
            case WaitFor():
                await self._executor.wait_for(context, task)
            case Seq():
                await self._seq(context, task)
            case Par():
                await self._par(context, task)
            case _:
                assert_never(task)

    async def _seq(self, context: Context, seq: Seq) -> None:
        async def in_order(place: Place) -> None:
            inner = replace(context, parent=place["span"])
            for task in seq.tasks:
                await self._execute(inner, task)

        await perform(
            self._session,
            context,
            seq,
            started=lambda place, now: SeqStarted(**place, time=now),
            work=in_order,
            finished=lambda place, ending: SeqFinished(**place, **ending),
        )

    async def _par(self, context: Context, par: Par) -> None:
        async def at_once(place: Place) -> None:
            inner = replace(context, parent=place["span"])
            limited = limiter(par.max_parallel)
            async with Scope() as scope:
                for task in par.tasks:
                    scope.start(limited, self._execute, inner, task)

        await perform(
            self._session,
            context,
            par,
            started=lambda place, now: ParStarted(**place, time=now),
            work=at_once,
            finished=lambda place, ending: ParFinished(**place, **ending),
        )

    async def _call(self, context: Context, call: Call) -> None:
        await perform(
            self._session,
            context,
            call,
            started=lambda place, now: CallStarted(**place, time=now, calls=call.tasklist),
            work=lambda place: self._run_called(replace(context, parent=place["span"]), call),
            finished=lambda place, ending: CallFinished(**place, **ending, calls=call.tasklist),
        )

    async def _run_called(self, context: Context, call: Call) -> None:
        must_fail = call.expects_success is False
        called = replace(context, is_excused=context.is_excused or must_fail)
        outcome = await self.run_tasklist(called, call.tasklist)
        failed = outcome in _FAILURES
        if call.expects_success and failed:
            raise TaskFailed(Outcome.FAILED, None)
        if must_fail and not failed:
            raise TaskFailed(
                Outcome.FAILED, f"tasklist '{call.tasklist}' succeeded, but was expected to fail"
            )

    def _emit_started(self, inner: Context, parent: int, tasklist: Tasklist) -> None:
        self._session.recorder.emit(
            TasklistStarted(
                time=self._session.now(),
                span=inner.parent,
                parent=parent,
                at=str(tasklist.at),
                target=inner.node.name,
                step=inner.step,
                iteration=inner.iteration,
                tasklist=tasklist.name,
                cleanup=inner.is_cleanup,
            )
        )

    def _emit_finished(
        self,
        inner: Context,
        parent: int,
        tasklist: Tasklist,
        outcome: Outcome | None,
        reason: str | None,
    ) -> None:
        self._session.recorder.emit(
            TasklistFinished(
                time=self._session.now(),
                span=inner.parent,
                parent=parent,
                at=str(tasklist.at),
                target=inner.node.name,
                step=inner.step,
                iteration=inner.iteration,
                tasklist=tasklist.name,
                cleanup=inner.is_cleanup,
                outcome=outcome or self._session.stopped,
                reason=reason,
                excused=inner.is_excused,
            )
        )


Limited = Callable[..., Awaitable[None]]


def _cleanup_key(context: Context) -> str:
    """The key under which the cleanup of a running tasklist is owed."""
    return f"cleanup {context.progress.span}"


def limiter(most: int | None) -> Limited:
    """A wrapper under which at most `most` calls run at once, in the order of their start."""
    semaphore = None if most is None else asyncio.Semaphore(most)

    async def limited(function: Limited, *args: object) -> None:
        if semaphore is None:
            await function(*args)
            return
        async with semaphore:
            await function(*args)

    return limited
