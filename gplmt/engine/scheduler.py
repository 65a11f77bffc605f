"""When things happen: the items of a body, loops, barriers, background steps (LANGUAGE.md 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from msgspec.structs import replace

from gplmt.clock import later
from gplmt.engine.barrier import Reached
from gplmt.engine.scopes import Scope
from gplmt.engine.session import Session, Tally
from gplmt.engine.signals import StopExperiment
from gplmt.engine.step import StepRunner, Surroundings
from gplmt.engine.teardown import Teardowns
from gplmt.events import (
    IterationFinished,
    IterationStarted,
    LoopFinished,
    LoopStarted,
    Outcome,
    SynchronizeFinished,
    SynchronizeStarted,
)
from gplmt.language.steps import ForDuration, Iterations, Parameter, Sweep, Until
from gplmt.language.steps import Repeat as Times
from gplmt.planning import Barrier, Launch, PlanItem, Repeat, Teardown, iteration_count


class Scheduler:
    """Walks the items of a plan.

    Background steps live in a scope of the experiment's own, whatever loop they stand in; one
    that asks for it ends the foreground.
    """

    def __init__(
        self,
        session: Session,
        *,
        steps: StepRunner,
        teardowns: Teardowns,
        foreground: Scope,
        background: Scope,
        experiment: Surroundings,
    ) -> None:
        self._session = session
        self._steps = steps
        self._teardowns = teardowns
        self._foreground = foreground
        self._background = background
        self._experiment = experiment

    async def run_items(
        self, scope: Scope, items: tuple[PlanItem, ...], surroundings: Surroundings
    ) -> None:
        """Reach one item after another; steps and loops run on as children of `scope`."""
        reached: list[Reached] = []
        for item in items:
            match item:
                case Launch(background=True):
                    self._background.start(self._run_background, item, surroundings)
                case Launch():
                    part = Reached(member.node.name for member in item.members)
                    reached.append(part)
                    scope.start(self._steps.run, item, surroundings, part)
                case Repeat():
                    part = Reached(item.nodes)
                    reached.append(part)
                    scope.start(self._run_loop, item, surroundings, part)
                case Barrier():
                    await self._synchronize(item, reached, surroundings.parent)
                    reached = [part for part in reached if not part.has_ended]
                case Teardown():
                    await self._teardowns.register(item, surroundings)

    async def _run_background(self, launch: Launch, surroundings: Surroundings) -> None:
        own = replace(surroundings, tally=self._experiment.tally, parent=self._experiment.parent)
        try:
            await self._steps.run(launch, own, Reached(()))
        except StopExperiment as stop:
            self._foreground.stop(stop)

    async def _synchronize(self, barrier: Barrier, reached: list[Reached], parent: int) -> None:
        span, at = self._session.span(), str(barrier.at)
        self._session.recorder.emit(
            SynchronizeStarted(
                time=self._session.now(), span=span, parent=parent, at=at, targets=barrier.nodes
            )
        )
        nodes = None if barrier.nodes is None else frozenset(barrier.nodes)
        outcome = None
        try:
            for part in reached:
                await part.wait(nodes)
            outcome = Outcome.OK
        finally:
            self._session.recorder.emit(
                SynchronizeFinished(
                    time=self._session.now(),
                    span=span,
                    parent=parent,
                    at=at,
                    outcome=outcome or self._session.stopped,
                )
            )

    async def _run_loop(self, loop: Repeat, surroundings: Surroundings, part: Reached) -> None:
        own = replace(
            surroundings,
            variables={**surroundings.variables, **loop.environment},
            tally=Tally(surroundings.tally),
            parent=self._session.span(),
        )
        self._emit_loop_started(loop, own, surroundings.parent)
        outcome = None
        try:
            if loop.enabled:
                for counter, parameters in enumerate(self._iterations(loop.iterations)):
                    await self._run_iteration(loop, own, counter, parameters)
            outcome = _outcome(loop, own)
        finally:
            part.ended()
            self._session.recorder.emit(
                LoopFinished(
                    time=self._session.now(),
                    span=own.parent,
                    parent=surroundings.parent,
                    at=str(loop.at),
                    loop=loop.label,
                    outcome=outcome or self._session.stopped,
                )
            )

    async def _run_iteration(
        self, loop: Repeat, around: Surroundings, counter: int, parameters: dict[str, str]
    ) -> None:
        own = replace(
            around,
            variables={**around.variables, **parameters},
            counters=(*around.counters, counter),
            tally=Tally(around.tally),
            parent=self._session.span(),
        )
        self._emit_iteration_started(loop, own, around.parent, parameters)
        outcome = None
        try:
            async with Scope() as scope:
                scope.start(self.run_items, scope, loop.body, own)
            outcome = _outcome(loop, own)
        finally:
            self._session.recorder.emit(
                IterationFinished(
                    time=self._session.now(),
                    span=own.parent,
                    parent=around.parent,
                    at=str(loop.at),
                    loop=loop.label,
                    iteration=own.iteration or "",
                    outcome=outcome or self._session.stopped,
                )
            )

    def _iterations(self, iterations: Iterations) -> Iterator[dict[str, str]]:
        """The parameters of each iteration, lazily: time is looked at before each."""
        match iterations:
            case Times():
                yield from ({} for _ in range(iterations.count))
            case ForDuration():
                clock = self._session.clock
                end = clock.monotonic() + iterations.duration.total_seconds()
                yield from _while(lambda: clock.monotonic() < end)
            case Until():
                yield from _while(lambda: self._session.clock.now() < iterations.moment)
            case Sweep():
                yield from sweep(iterations.parameters)

    def _emit_loop_started(self, loop: Repeat, own: Surroundings, parent: int) -> None:
        self._session.recorder.emit(
            LoopStarted(
                time=self._session.now(),
                span=own.parent,
                parent=parent,
                at=str(loop.at),
                loop=loop.label,
                iterations=iteration_count(loop.iterations),
                planned_end=self._planned_end(loop.iterations),
            )
        )

    def _planned_end(self, iterations: Iterations) -> datetime | None:
        match iterations:
            case ForDuration():
                return later(self._session.now(), iterations.duration)
            case Until():
                return iterations.moment
        return None

    def _emit_iteration_started(
        self, loop: Repeat, own: Surroundings, parent: int, parameters: dict[str, str]
    ) -> None:
        self._session.recorder.emit(
            IterationStarted(
                time=self._session.now(),
                span=own.parent,
                parent=parent,
                at=str(loop.at),
                loop=loop.label,
                iteration=own.iteration or "",
                parameters=parameters,
            )
        )


def sweep(parameters: tuple[Parameter, ...]) -> Iterator[dict[str, str]]:
    """The Cartesian product, the last parameter varying fastest; long ranges stay unrolled."""
    if not parameters:
        yield {}
        return
    first, *rest = parameters
    for value in first.values:
        for others in sweep(tuple(rest)):
            yield {first.name: str(value), **others}


def _while(condition: Callable[[], bool]) -> Iterator[dict[str, str]]:
    while condition():
        yield {}


def _outcome(loop: Repeat, surroundings: Surroundings) -> Outcome:
    if not loop.enabled:
        return Outcome.SKIPPED
    return Outcome.FAILED if surroundings.tally.failures else Outcome.OK
