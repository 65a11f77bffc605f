"""How scopes end when signals and cancellations collide (docs/decisions/0005-scopes.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import pairwise

import pytest

from gplmt.engine.scopes import Scope, Shelter, raise_pending_cancellation
from gplmt.engine.signals import (
    StopExperiment,
    StopStep,
    StopTarget,
    StopTimeReached,
    TaskFailed,
    stronger,
)
from gplmt.events import Outcome
from tests.support.clock import VirtualLoop

Main = Callable[[], Awaitable[object]]


def run(main: Main) -> None:
    async def call() -> None:
        await main()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(call())


def failure() -> TaskFailed:
    return TaskFailed(Outcome.FAILED, "x")


async def run_children(*children: Main) -> None:
    async with Scope() as scope:
        for child in children:
            scope.start(child)


async def fail_after(seconds: float, signal: Exception) -> None:
    await asyncio.sleep(seconds)
    raise signal


class Stubborn:
    """Takes its time to end when it is cancelled, and notes how often that happens."""

    def __init__(self, seconds: float) -> None:
        self.cancellations = 0
        self.has_ended = False
        self._seconds = seconds

    async def run(self) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            self.cancellations += 1
            deadline = asyncio.get_running_loop().time() + self._seconds
            while (left := deadline - asyncio.get_running_loop().time()) > 0:
                try:
                    await asyncio.sleep(left)
                except asyncio.CancelledError:
                    self.cancellations += 1
            self.has_ended = True


@pytest.mark.parametrize("signal", [failure(), StopTarget(), StopStep(), StopExperiment()])
def test_a_signal_of_a_child_ends_the_others_and_leaves_the_scope(signal: Exception) -> None:
    async def main() -> None:
        other = Stubborn(2)
        with pytest.raises(type(signal)) as caught:
            await run_children(partial(fail_after, 1, signal), other.run)
        assert caught.value is signal
        assert other.has_ended
        assert asyncio.get_running_loop().time() == pytest.approx(3)

    run(main)


def test_the_strongest_signal_leaves_the_scope() -> None:
    async def raise_when_cancelled(signal: Exception) -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            raise signal from None

    async def main() -> None:
        with pytest.raises(StopExperiment):
            await run_children(
                partial(fail_after, 1, StopStep()),
                partial(raise_when_cancelled, StopExperiment()),
                partial(raise_when_cancelled, failure()),
            )

    run(main)


def test_signals_have_an_order_and_the_first_of_equals_wins() -> None:
    order = [failure(), StopTarget(), StopTimeReached(), StopStep(), StopExperiment()]
    for weak, strong in pairwise(order):
        assert stronger(weak, strong) is strong
        assert stronger(strong, weak) is strong
        assert stronger(strong, type(strong)()) is strong
        assert stronger(None, weak) is weak


def test_a_scope_that_is_ending_starts_no_child() -> None:
    async def main() -> None:
        async with Scope() as scope:
            scope.start(asyncio.sleep, 10)
            scope.cancel()
            assert scope.start(asyncio.sleep, 10) is None
        assert asyncio.get_running_loop().time() == 0

    run(main)


def test_a_scope_cancelled_from_outside_starts_no_child_either() -> None:
    """Python 3.11 raises RuntimeError there."""
    started = []

    async def main() -> None:
        async def start_late(scope: Scope) -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                await asyncio.sleep(1)
                started.append(scope.start(asyncio.sleep, 5))

        async def limited() -> None:
            async with asyncio.timeout(3), Scope() as scope:
                scope.start(start_late, scope)
                scope.start(Stubborn(9).run)

        with pytest.raises(TimeoutError):
            await limited()
        assert started == [None]

    run(main)


def test_a_cancellation_from_outside_leaves_the_scope() -> None:
    async def main() -> None:
        child = Stubborn(2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), Scope() as scope:
                scope.start(child.run)
        assert child.has_ended

    run(main)


@pytest.mark.parametrize("signal", [failure(), StopStep()])
@pytest.mark.parametrize("moment", [1, 2.5, 3.5])
def test_a_signal_outlives_a_cancellation_which_stays_pending(
    moment: float, signal: Exception
) -> None:
    """The signal comes at 2 s; stopping takes until 4 s."""
    left: list[Exception | None] = []

    async def inner() -> None:
        try:
            await run_children(Stubborn(2).run, partial(fail_after, 2, signal))
        except (TaskFailed, StopStep) as caught:
            left.append(caught)
            raise_pending_cancellation()
            left.append(None)

    async def main() -> None:
        task = asyncio.ensure_future(inner())
        asyncio.get_running_loop().call_later(moment, task.cancel)
        await asyncio.wait({task})
        assert task.cancelled()
        assert left == ([signal] if moment > 2 else [])

    run(main)


def test_nothing_is_pending_in_a_task_that_was_not_cancelled() -> None:
    async def main() -> None:
        raise_pending_cancellation()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.sleep(2)
        raise_pending_cancellation()

    run(main)


def test_each_child_is_cancelled_once_however_often_the_scope_is() -> None:
    async def main() -> None:
        child = Stubborn(5)

        async def inner() -> None:
            async with Scope() as scope:
                scope.start(child.run)
                scope.start(fail_after, 1, StopStep())

        task = asyncio.ensure_future(inner())
        for moment in (2, 3, 4):
            asyncio.get_running_loop().call_later(moment, task.cancel)
        with pytest.raises(StopStep):
            await task
        assert child.cancellations == 1
        assert asyncio.get_running_loop().time() == pytest.approx(6)

    run(main)


def test_a_fault_of_ours_ends_the_scope_and_is_not_swallowed() -> None:
    async def main() -> None:
        other = Stubborn(0)
        with pytest.raises(ExceptionGroup) as caught:
            await run_children(other.run, partial(fail_after, 1, ZeroDivisionError()))
        assert caught.group_contains(ZeroDivisionError)
        assert other.has_ended
        raise_pending_cancellation()

    run(main)


def test_what_is_sheltered_runs_to_its_end_and_the_cancellation_stays_pending() -> None:
    async def main() -> None:
        log: list[str] = []

        async def cleanup() -> None:
            await asyncio.sleep(10)
            log.append("cleaned up")

        async def body(shelter: Shelter) -> None:
            await shelter.run(cleanup)
            log.append("goes on")
            raise_pending_cancellation()
            log.append("never")

        async with Shelter() as shelter:
            task = asyncio.ensure_future(body(shelter))
            for moment in (1, 2):
                asyncio.get_running_loop().call_later(moment, task.cancel)
            await asyncio.wait({task})
        assert task.cancelled()
        assert log == ["cleaned up", "goes on"]

    run(main)


def test_a_timeout_around_a_shelter_is_told_afterwards() -> None:
    async def main() -> None:
        async def limited(shelter: Shelter) -> None:
            async with asyncio.timeout(1):
                await shelter.run(asyncio.sleep, 10)
                raise_pending_cancellation()

        async with Shelter() as shelter:
            with pytest.raises(TimeoutError):
                await limited(shelter)
        assert asyncio.get_running_loop().time() == pytest.approx(10)

    run(main)


def test_a_cancelled_shelter_ends_what_is_in_it_and_lets_nothing_in() -> None:
    async def main() -> None:
        async with Shelter() as shelter:
            asyncio.get_running_loop().call_later(1, shelter.cancel)
            with pytest.raises(asyncio.CancelledError):
                await shelter.run(asyncio.sleep, 10)
            with pytest.raises(asyncio.CancelledError):
                await shelter.run(asyncio.sleep, 10)
        assert asyncio.get_running_loop().time() == pytest.approx(1)

    run(main)
