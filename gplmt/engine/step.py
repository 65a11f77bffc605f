"""A step: its start and stop times, and its tasklist on each of its targets (LANGUAGE.md 8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from gplmt.clock import later
from gplmt.engine.barrier import Reached
from gplmt.engine.context import Context, Progress, Quorum
from gplmt.engine.duties import settling
from gplmt.engine.interpreter import Interpreter, limiter
from gplmt.engine.scopes import Scope
from gplmt.engine.session import Session, Tally
from gplmt.engine.signals import StopExperiment, StopStep, StopTarget, StopTimeReached
from gplmt.events import Outcome, StepFinished, StepReached, StepStarted, WarningIssued
from gplmt.inventory import Member
from gplmt.language.values import OnError
from gplmt.planning import Launch


class Surroundings(Struct, frozen=True, kw_only=True):
    """Where a step stands: the loops around it, and who counts its failures.

    `counters` are those of the loops from the outermost, `variables` what they export.
    """

    variables: Mapping[str, str]
    counters: tuple[int, ...]
    tally: Tally
    parent: int

    @property
    def iteration(self) -> str | None:
        """The counters as `GPLMT_ITERATION` shows them, None outside loops."""
        return ".".join(str(counter) for counter in self.counters) or None


class FanOut(Struct, frozen=True, kw_only=True):
    """A tasklist on many targets at once: what steps and teardowns have in common.

    `due` has the keys, by target, under which the journal has a teardown.
    """

    step: str
    tasklist: str
    members: tuple[Member, ...]
    variables: Mapping[str, str]
    iteration: str | None
    quorum: Quorum
    span: int
    parent: int
    max_parallel: int | None = None
    is_background: bool = False
    due: Mapping[str, str] = {}


class StepRunner:
    """Runs steps."""

    def __init__(self, session: Session, interpreter: Interpreter, foreground: Scope) -> None:
        self._session = session
        self._interpreter = interpreter
        self._foreground = foreground
        self._began = session.now()
        self._warned_of: set[str] = set()

    async def run(self, launch: Launch, surroundings: Surroundings, reached: Reached) -> None:
        """Run a step from the moment it is reached; return when its cleanups have ended, too.

        Raises:
            StopExperiment: the failure of a tasklist asks for it.
        """
        self._session.raise_if_stopped()
        fan_out = self._fan_out(launch, surroundings)
        self._emit_reached(launch, fan_out)
        tally, outcome = Tally(), None
        try:
            if launch.enabled:
                self._warn_if_late(launch)
                async with Scope() as scope:
                    scope.start(self._run_timed, scope, launch, fan_out, tally, reached)
                self._session.raise_if_stopped()  # perhaps before its targets had their turn
            outcome = Outcome.OK if launch.enabled else Outcome.SKIPPED
        except StopTimeReached:
            outcome = Outcome.STOPPED
        except StopStep:
            outcome = Outcome.FAILED
        finally:
            self._settle(fan_out, surroundings, tally, outcome, at=str(launch.at))
            reached.ended()

    async def run_members(
        self, fan_out: FanOut, tally: Tally, reached: Reached | None = None
    ) -> None:
        """Run the tasklist on all targets; `tally` gets their failures.

        Raises:
            Stop: the failure of a tasklist asks for it; the other targets have been stopped.
        """
        limited = limiter(fan_out.max_parallel)
        async with Scope() as scope:
            for index, member in enumerate(fan_out.members):
                scope.start(limited, self._run_member, fan_out, index, member, tally, reached)

    async def _run_timed(
        self, scope: Scope, launch: Launch, fan_out: FanOut, tally: Tally, reached: Reached
    ) -> None:
        watcher = scope.start(self._stop_at, launch.stop)
        try:
            await self._wait_for_start(launch.start)
            self._session.raise_if_stopped()
            if isinstance(launch.stop, timedelta):
                watcher = scope.start(self._stop_after, launch.stop)
            self._check_stop_time(launch.stop)
            self._emit_started(launch, fan_out)
            await self.run_members(fan_out, tally, reached)
        finally:
            if watcher is not None:
                watcher.cancel()

    def _warn_if_late(self, launch: Launch) -> None:
        """Warn once of a start time that has gone by since the experiment began (8.2).

        What had gone by before that, the checks have warned of.
        """
        start, place = launch.start, str(launch.at)
        if not isinstance(start, datetime) or not self._began <= start < self._session.now():
            return
        if place not in self._warned_of:
            self._warned_of.add(place)
            message = f"the start time of step '{launch.name}' has passed; it starts at once"
            self._session.recorder.emit(
                WarningIssued(time=self._session.now(), at=place, message=message)
            )

    async def _wait_for_start(self, start: timedelta | datetime | None) -> None:
        if isinstance(start, datetime):
            await self._session.sleep_until(start)
        elif start is not None:
            await self._session.clock.sleep(start.total_seconds())

    async def _stop_at(self, stop: timedelta | datetime | None) -> None:
        if isinstance(stop, datetime):
            await self._session.sleep_until(stop)
            raise StopTimeReached

    async def _stop_after(self, stop: timedelta) -> None:
        await self._session.clock.sleep(stop.total_seconds())
        raise StopTimeReached

    def _check_stop_time(self, stop: timedelta | datetime | None) -> None:
        """Do not even begin what would be stopped at once (LANGUAGE.md 8.3)."""
        if stop == timedelta() or (
            isinstance(stop, datetime) and stop <= self._session.clock.now()
        ):
            raise StopTimeReached

    async def _run_member(
        self,
        fan_out: FanOut,
        index: int,
        member: Member,
        tally: Tally,
        reached: Reached | None,
    ) -> None:
        context = Context(
            node=member.node,
            step=fan_out.step,
            iteration=fan_out.iteration,
            variables=self.variables(fan_out, index, member),
            quorum=fan_out.quorum,
            tally=tally,
            progress=Progress(),
            tasklist=fan_out.tasklist,
            on_error=OnError.STOP_TASKLIST,
            parent=fan_out.span,
            must_run=bool(fan_out.due),
            is_background=fan_out.is_background,
        )
        try:
            with settling(self._session, fan_out.due.get(member.node.name), member.node):
                await self._interpreter.run_tasklist(context, fan_out.tasklist)
        except StopTarget:
            pass
        except StopExperiment as stop:
            self._foreground.stop(stop)  # at once: other targets here may have long cleanups
            raise
        finally:
            if reached is not None:
                reached.part_ended(member.node.name)

    def variables(self, fan_out: FanOut, index: int, member: Member) -> dict[str, str]:
        """The variables of a command, weakest first (LANGUAGE.md 5.2, 5.3)."""
        variables = {
            **member.environment,
            **fan_out.variables,
            "GPLMT_TARGET": member.node.name,
            "GPLMT_TARGET_INDEX": str(index),
            "GPLMT_TARGET_COUNT": str(len(fan_out.members)),
            "GPLMT_RUN_ID": self._session.run_directory.name,
            "GPLMT_STEP": fan_out.step,
            "GPLMT_ITERATION": fan_out.iteration or "",
        }
        if member.node.address.kind == "local":
            variables["GPLMT_RUN_DIR"] = str(self._session.run_directory)
        return variables

    def _fan_out(self, launch: Launch, surroundings: Surroundings) -> FanOut:
        count = len(launch.members)
        required = None if launch.min_success is None else launch.min_success.of(count)
        return FanOut(
            step=launch.name,
            tasklist=launch.tasklist,
            members=launch.members,
            variables={**surroundings.variables, **launch.environment},
            iteration=surroundings.iteration,
            quorum=Quorum(target_count=count, required=required),
            span=self._session.span(),
            parent=surroundings.parent,
            max_parallel=launch.max_parallel,
            is_background=launch.background,
        )

    def _settle(
        self,
        fan_out: FanOut,
        surroundings: Surroundings,
        tally: Tally,
        outcome: Outcome | None,
        *,
        at: str,
    ) -> None:
        """Count the failures of a step unless its quorum is met, and tell how it ended."""
        failed = tuple(fan_out.quorum.failed)
        if is_failed := fan_out.quorum.is_lost:
            surroundings.tally.add(tally.failures)
        self._session.recorder.emit(
            StepFinished(
                time=self._session.now(),
                span=fan_out.span,
                parent=fan_out.parent,
                at=at,
                step=fan_out.step,
                iteration=fan_out.iteration,
                tasklist=fan_out.tasklist,
                outcome=Outcome.FAILED if is_failed else outcome or self._session.stopped,
                failed=failed if is_failed else (),
                tolerated=() if is_failed else failed,
            )
        )

    def _emit_reached(self, launch: Launch, fan_out: FanOut) -> None:
        now, start, stop = self._session.now(), launch.start, launch.stop
        if isinstance(start, timedelta):
            start = later(now, start)
        if isinstance(stop, timedelta):
            stop = later(max(now, start or now), stop)
        self._session.recorder.emit(
            StepReached(
                time=now,
                span=fan_out.span,
                parent=fan_out.parent,
                at=str(launch.at),
                step=launch.name,
                iteration=fan_out.iteration,
                tasklist=launch.tasklist,
                targets=tuple(member.node.name for member in launch.members),
                planned_start=start,
                planned_stop=stop,
                background=launch.background,
            )
        )

    def _emit_started(self, launch: Launch, fan_out: FanOut) -> None:
        self._session.recorder.emit(
            StepStarted(
                time=self._session.now(),
                span=fan_out.span,
                parent=fan_out.parent,
                at=str(launch.at),
                step=launch.name,
                iteration=fan_out.iteration,
                tasklist=launch.tasklist,
            )
        )
