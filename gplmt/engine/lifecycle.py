"""An experiment from its first step to its last connection: how it ends (LANGUAGE.md 11)."""

from __future__ import annotations

import asyncio
import signal

from gplmt.clock import later
from gplmt.engine.interpreter import Interpreter
from gplmt.engine.scheduler import Scheduler
from gplmt.engine.scopes import Scope
from gplmt.engine.session import Session, Tally, seconds
from gplmt.engine.signals import StopExperiment
from gplmt.engine.step import StepRunner, Surroundings
from gplmt.engine.teardown import Teardowns
from gplmt.engine.tidying import remove_copies, stop_leftovers
from gplmt.events import (
    ExperimentFinished,
    ExperimentStarted,
    Outcome,
    SignalReceived,
)
from gplmt.language.values import in_words
from gplmt.planning import Plan, step_count


class ExperimentRun:
    """One run of a plan; `interrupt` is what a signal handler calls."""

    def __init__(self, session: Session, plan: Plan) -> None:
        self._session = session
        self._plan = plan
        self._tally = Tally()
        self._span = session.span()
        self._foreground = Scope()
        self._background = Scope()
        self._signals: list[int] = []
        self._is_ending = False
        self._is_complete = False
        self._reasons: list[str] = []
        self._task: asyncio.Task[object] | None = None
        interpreter = Interpreter(session, plan.tasklists)
        self._steps = StepRunner(session, interpreter, self._foreground)
        self._teardowns = Teardowns(session, self._steps, parent=self._span)

    async def run(self) -> int:
        """Run everything and give the exit code (LANGUAGE.md 11.3).

        Cancelling stops all steps, cleanups included, and skips the rest of the ending.
        """
        self._task = asyncio.current_task()
        self._emit_started()
        try:
            await self._run_and_close()
            self._is_complete = True
        finally:
            self._emit_finished()
        return self.exit_code

    def interrupt(self, number: int) -> None:
        """Take a signal: the first ends the experiment, the second also its ending (11.2)."""
        self._signals.append(number)
        name, count = signal.Signals(number).name, len(self._signals)
        self._session.recorder.emit(
            SignalReceived(time=self._session.now(), signal=name, count=count)
        )
        if count == 1:
            self._reasons.append(f"interrupted by {name}")
            self._interrupt()
        elif count == 2:
            self._reasons.append(f"the ending was cut short by a second signal, {name}")
            self._kill()

    async def _run_and_close(self) -> None:
        try:
            async with self._session.shelter:
                await self._run_in_order()
        except asyncio.CancelledError:
            await self._give_up()
        finally:
            self._task = None  # a signal that comes now has nothing left to cut short
            for transport in self._session.transports.values():
                await transport.close()

    async def _run_in_order(self) -> None:
        async with self._background:
            await self._run_foreground()
            self._begin_to_end()
            await self._teardowns.run(self._tally)
            self._background.cancel()
        await stop_leftovers(self._session)
        await remove_copies(self._session)

    async def _run_foreground(self) -> None:
        experiment = Surroundings(variables={}, counters=(), tally=self._tally, parent=self._span)
        scheduler = Scheduler(
            self._session,
            steps=self._steps,
            teardowns=self._teardowns,
            foreground=self._foreground,
            background=self._background,
            experiment=experiment,
        )
        scope = self._foreground
        try:
            async with asyncio.timeout(seconds(self._plan.timeout)), scope:
                scope.start(scheduler.run_items, scope, self._plan.items, experiment)
        except StopExperiment:
            pass
        except TimeoutError:
            self._tally.add()
            limit = in_words(self._plan.timeout)
            self._reasons.append(f"the experiment ran over its timeout of {limit}")
        self._session.raise_if_stopped()

    def _begin_to_end(self) -> None:
        self._is_ending = True
        self._session.stopped = Outcome.STOPPED

    def _interrupt(self) -> None:
        """End the foreground; an ending that is under way goes on (LANGUAGE.md 11.2)."""
        if not self._is_ending:
            self._session.stopped = Outcome.CANCELLED
            self._foreground.stop(StopExperiment())

    def _kill(self) -> None:
        self._session.stopped = Outcome.CANCELLED
        self._session.shelter.cancel()
        if self._task is not None:
            self._task.cancel()
        for transport in self._session.transports.values():
            transport.kill()

    async def _give_up(self) -> None:
        """Leave no process behind, though the ending is skipped.

        Raises:
            asyncio.CancelledError: it was not a second signal that cancelled the run.
        """
        if self._task is not None:
            self._task.uncancel()  # with that pending, time limits would not work any more
            self._task = None
        for transport in self._session.transports.values():
            transport.kill()
        await stop_leftovers(self._session)
        if len(self._signals) < 2:
            raise asyncio.CancelledError

    @property
    def exit_code(self) -> int:
        """What gplmt exits with (LANGUAGE.md 11.3)."""
        if self._signals:
            return 128 + self._signals[0]
        return 0 if self._is_well else 1

    @property
    def outcome(self) -> Outcome:
        """The run as a whole."""
        if self._signals:
            return Outcome.CANCELLED
        return Outcome.OK if self._is_well else Outcome.FAILED

    @property
    def _is_well(self) -> bool:
        """Whether nothing failed, gplmt itself included."""
        return self._is_complete and not self._tally.failures

    def _emit_started(self) -> None:
        now = self._session.now()
        self._session.recorder.emit(
            ExperimentStarted(
                time=now,
                span=self._span,
                at=str(self._plan.at),
                experiment=self._plan.name,
                run_id=self._session.run_directory.name,
                targets=tuple(self._plan.members()),
                description=self._plan.description,
                steps=step_count(self._plan.items),
                planned_end=later(now, self._plan.timeout),
            )
        )

    def _emit_finished(self) -> None:
        self._session.recorder.emit(
            ExperimentFinished(
                time=self._session.now(),
                span=self._span,
                at=str(self._plan.at),
                experiment=self._plan.name,
                outcome=self.outcome,
                reason="; ".join(self._reasons) or None,
                exit_code=self.exit_code,
                failures=self._tally.failures,
            )
        )
