"""The parts of copies that do many things at once."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from threading import Event

import pytest

from gplmt.errors import ConnectionLostError, CopyError
from gplmt.transports.copying_bytes import StoppedError
from gplmt.transports.copying_names import NodePath, shown
from gplmt.transports.ssh.copying_door import ByteBudget
from gplmt.transports.ssh.copying_endings import settled
from gplmt.transports.ssh.copying_groups import Crew, all_of, in_depth, in_thread
from gplmt.transports.ssh.copying_stop import Stop


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_path_on_a_node_is_told_from_one_here() -> None:
    assert shown(NodePath("/a")) == "/a on the node"
    assert shown(NodePath("/a") / "b\n") == "'/a/b\\n' on the node"


async def test_bytes_are_given_in_the_order_in_which_they_are_asked_for() -> None:
    budget, served = ByteBudget(10), []

    async def ask(count: int) -> None:
        await budget.take(count)
        served.append(count)

    async with asyncio.TaskGroup() as group:
        await budget.take(8)
        for count in (9, 1, 2):
            group.create_task(ask(count))
        await turns()
        assert served == []  # 1 and 2 would do, but do not overtake
        budget.give_back(8)
        await turns()
        assert served == [9, 1]
        budget.give_back(9)
    assert served == [9, 1, 2]


async def test_more_bytes_than_there_are_means_all() -> None:
    budget = ByteBudget(10)
    assert await budget.take(1000) == 10
    budget.give_back(10)
    assert await budget.take(10) == 10


async def test_who_no_longer_waits_for_bytes_holds_up_nobody() -> None:
    budget = ByteBudget(10)
    await budget.take(10)
    first = asyncio.ensure_future(budget.take(10))
    second = asyncio.ensure_future(budget.take(1))
    await turns()
    budget.give_back(5)
    first.cancel()
    assert await second == 1
    third = asyncio.ensure_future(budget.take(9))
    await turns()
    budget.give_back(5)
    third.cancel()  # when it has just been served
    await asyncio.wait((first, third))
    assert await asyncio.wait_for(budget.take(9), 1) == 9


async def test_a_crew_does_jobs_that_jobs_add_a_few_at_a_time() -> None:
    crew, done, busy, most = Crew(3, Event()), [], 0, 0

    async def job(number: int) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        for child in (2 * number, 2 * number + 1):
            if child < 100:
                crew.add(partial(job, child))
        await turns(number % 4)
        busy -= 1
        done.append(number)

    crew.add(partial(job, 1))
    await crew.work()
    assert sorted(done) == list(range(1, 100))
    assert most == 3
    assert not busy


async def test_a_failure_is_the_last_job_that_a_crew_begins() -> None:
    crew, begun, ended = Crew(4, Event()), [], []

    async def job(number: int) -> None:
        begun.append(number)
        if number == 7:
            raise CopyError("seven")
        await turns()
        ended.append(number)

    for number in range(20):
        crew.add(partial(job, 19 - number))
    with pytest.raises(CopyError, match=r"^seven$"):
        await crew.work()
    assert 7 in begun
    assert max(begun) <= 10
    assert sorted(begun) == sorted([*ended, 7])


async def test_a_crew_begins_nothing_when_it_shall_stop() -> None:
    stop = Event()
    crew = Crew(2, stop)

    async def job() -> None:
        stop.set()

    crew.add(job)
    crew.add(job)
    crew.add(job)
    with pytest.raises(StoppedError):
        await crew.work()


async def given_up() -> None:
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    answer.cancel()
    await answer


async def test_an_answer_that_asyncssh_gives_up_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLostError):
        await all_of([given_up(), turns()])
    crew = Crew(4, Event())
    crew.add(given_up)
    with pytest.raises(ConnectionLostError):
        await crew.work()
    with pytest.raises(ConnectionLostError):
        await Stop().interrupt(given_up())


async def test_a_stop_interrupts_what_waits() -> None:
    stop = Stop()
    waiting = asyncio.ensure_future(stop.interrupt(asyncio.sleep(1000)))
    await turns()
    stop.set()
    with pytest.raises(StoppedError):
        await waiting
    assert await Stop().interrupt(asyncio.sleep(0, "result")) == "result"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancelled_call_in_a_thread_is_waited_for() -> None:
    begun, ended = Event(), Event()

    def call() -> None:
        begun.set()
        time.sleep(0.05)
        ended.set()

    task = asyncio.ensure_future(in_thread(call))
    while not begun.is_set():  # noqa: ASYNC110
        await asyncio.sleep(0)
    for _ in range(3):
        task.cancel()
        await turns()
    await asyncio.wait((task,))
    assert task.cancelled()
    assert ended.is_set()


async def test_what_lies_in_a_directory_comes_before_it() -> None:
    seen: list[NodePath] = []
    paths = [NodePath(path) for path in ("/a", "/a/b", "/a/b/c", "/x", "/a/d")]

    async def act(path: NodePath) -> None:
        await turns(len(path.name))
        seen.append(path)

    await in_depth(paths, act, at_once=2)
    assert sorted(seen) == sorted(paths)
    assert all(seen.index(path) < seen.index(path.parent) for path in paths if path.parent in paths)


async def test_work_that_fails_is_undone_and_work_that_lost_its_connection_is_not() -> None:
    undone = 0

    async def undo() -> None:
        nonlocal undone
        undone += 1

    async def fail(error: Exception) -> None:
        raise error

    with pytest.raises(CopyError):
        await settled(fail(CopyError("x")), stop=Stop(), undo=undo)
    assert undone == 1
    with pytest.raises(ConnectionLostError):
        await settled(fail(ConnectionLostError("x")), stop=Stop(), undo=undo)
    assert undone == 1
    assert await settled(asyncio.sleep(0, 5), stop=Stop(), undo=undo) == 5
    assert undone == 1


async def test_cancelled_work_may_come_to_its_end_before_it_is_undone() -> None:
    order: list[str] = []
    stop = Stop()

    async def work() -> None:
        await stop.interrupt(turns(3))
        try:
            await stop.interrupt(asyncio.sleep(1000))
        finally:
            await turns(3)
            order.append("ended")

    async def undo() -> None:
        await turns(3)
        order.append("undone")

    task = asyncio.ensure_future(settled(work(), stop=stop, undo=undo))
    await turns(20)
    for _ in range(4):
        task.cancel()
        await turns(2)
    await asyncio.wait((task,))
    assert task.cancelled()
    assert order == ["ended", "undone"]
