"""How many connections are opened at a time, and how far apart (LANGUAGE.md 7.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from gplmt.transports.ssh.windows import Doors, Window
from tests.support.processes import until


class Openings:
    """Pretended openings, which last until they are told to end."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.inside: list[Hashable] = []
        self.began: list[float] = []
        self._ends: dict[Hashable, asyncio.Event] = {}
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self, count: int, server: Hashable = None) -> None:
        """Begin some, each to a server of its own unless one is given."""
        for number in range(count):
            key = (len(self.tasks), number) if server is None else server
            self.tasks.append(asyncio.create_task(self._open(key)))

    async def settle(self) -> int:
        """How many are inside, once nothing happens any more."""
        for _ in range(20):
            await asyncio.sleep(0)
        return len(self.inside)

    async def end(self, count: int = 1) -> None:
        """End the first ones that are inside."""
        for server in self.inside[:count]:
            self._ends[server].set()
        await self.settle()

    async def _open(self, server: Hashable) -> None:
        async with self.doors.passing(server):
            self.inside.append(server)
            self.began.append(asyncio.get_running_loop().time())
            end = self._ends[server] = asyncio.Event()
            await end.wait()
            self.inside.remove(server)


def doors(*, parallelism: int = 64, cooldown_seconds: float = 0.0) -> Doors:
    return Doors(parallelism=parallelism, cooldown_seconds=cooldown_seconds)


async def finish(openings: Openings) -> None:
    """Let all end."""
    while not all(task.done() for task in openings.tasks):
        await openings.end(100)


async def test_no_more_are_opened_than_may_be() -> None:
    openings = Openings(doors(parallelism=3))
    openings.begin(10)
    assert await openings.settle() == 3
    await openings.end()
    assert len(openings.inside) == 3
    openings.doors.window.widen()
    await openings.end()
    assert len(openings.inside) == 3
    await finish(openings)


async def test_those_who_wait_have_their_turns_in_order() -> None:
    openings = Openings(doors(parallelism=1))
    openings.begin(5)
    order = []
    while await openings.settle():
        order.append(openings.inside[0])
        await openings.end()
    assert order == sorted(order, key=str)


async def test_at_first_there_are_as_many_as_any_server_takes() -> None:
    openings = Openings(doors())
    openings.begin(100)
    assert await openings.settle() == 10  # MaxStartups 10:30:100
    await finish(openings)


async def test_more_are_opened_as_long_as_that_goes_well() -> None:
    openings = Openings(doors(parallelism=40))
    openings.begin(200)
    for _ in range(100):
        openings.doors.window.widen()
    await openings.end()
    assert len(openings.inside) == 40
    await finish(openings)


async def test_fewer_are_opened_when_a_server_turns_one_away() -> None:
    openings = Openings(doors())
    openings.begin(100)
    assert await openings.settle() == 10
    openings.doors.window.narrow()
    await openings.end(6)
    assert len(openings.inside) == 5
    for _ in range(20):
        openings.doors.window.narrow()
    await openings.end(5)
    assert len(openings.inside) == 4  # which nearly every server takes
    await finish(openings)


async def test_a_window_grows_slowly_where_it_was_too_wide_before() -> None:
    window = Window(64)
    async with window:
        for _ in range(30):
            window.widen()
        window.narrow()
        for _ in range(5):
            window.widen()
        assert await _room(window) == 5
        for _ in range(5):
            window.widen()
        assert await _room(window) == 6


async def test_one_server_gets_eight_at_a_time_and_others_go_on() -> None:
    openings = Openings(doors())
    openings.begin(20, server="one")
    assert await openings.settle() == 8
    openings.begin(2)
    assert await openings.settle() == 10
    for task in openings.tasks:
        task.cancel()
    await asyncio.wait(openings.tasks)


async def test_who_gives_up_while_waiting_takes_no_turn() -> None:
    openings = Openings(doors(parallelism=1))
    openings.begin(4)
    await openings.settle()
    openings.tasks[1].cancel()
    await openings.settle()
    # This one has just got its turn when it is cancelled.
    for server in openings.inside:
        openings._ends[server].set()
    await asyncio.sleep(0)
    openings.tasks[2].cancel()
    await until(lambda: len(openings.inside) == 1)
    await openings.end()
    assert [task.cancelled() for task in openings.tasks] == [False, True, True, False]
    openings.begin(1)
    assert await openings.settle() == 1
    await finish(openings)


async def test_a_cooldown_lies_between_the_beginnings() -> None:
    openings = Openings(doors(cooldown_seconds=0.05))
    openings.begin(5)
    await until(lambda: len(openings.began) == 5)
    gaps = [
        later - sooner for sooner, later in zip(openings.began, openings.began[1:], strict=False)
    ]
    assert min(gaps) > 0.03
    await finish(openings)


async def _room(window: Window) -> int:
    """How many one window lets in at once, who is inside included."""
    inside = 1
    async with asyncio.TaskGroup() as group:
        done = asyncio.Event()

        async def enter() -> None:
            nonlocal inside
            async with window:
                inside += 1
                await done.wait()

        tasks = [group.create_task(enter()) for _ in range(50)]
        for _ in range(5):
            await asyncio.sleep(0)
        found = inside
        for task in tasks:
            task.cancel()
    return found
