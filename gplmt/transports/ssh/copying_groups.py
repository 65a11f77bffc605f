"""Many things at once: workers that share a heap of jobs, and groups that raise one error."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from threading import Event
from typing import ParamSpec, TypeVar

from gplmt.errors import ConnectionLostError, TaskError
from gplmt.transports.copying_bytes import StoppedError, check_stop
from gplmt.transports.copying_names import NodePath

_A = ParamSpec("_A")
_T = TypeVar("_T")

Job = Callable[[], Awaitable[object]]


async def all_of(coroutines: Iterable[Coroutine[object, object, object]]) -> None:
    """Do all at once; the first error cancels the others, and is raised itself.

    Raises:
        ConnectionLostError: asyncssh has given up what it was asked for, as it does then.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    if any(task.cancelled() for task in tasks):
        raise ConnectionLostError("the connection was lost (an answer was given up)")


async def in_thread(function: Callable[_A, _T], *args: _A.args, **kwargs: _A.kwargs) -> _T:
    """Call a function in a thread; cancelled, wait for its end."""
    call = partial(function, *args, **kwargs)
    calling = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        return await asyncio.shield(calling)
    except asyncio.CancelledError:
        while not calling.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((calling,))
        calling.exception()
        raise


async def in_depth(
    paths: Iterable[NodePath], act: Callable[[NodePath], Awaitable[object]], *, at_once: int
) -> None:
    """Do something with each path, `at_once` at a time, with what lies in a directory before it.

    Raises:
        TaskError: the first that `act` raised.
    """
    levels: defaultdict[int, list[NodePath]] = defaultdict(list)
    for path in paths:
        levels[len(path.parts)].append(path)
    for depth in sorted(levels, reverse=True):
        crew = Crew(min(at_once, len(levels[depth])), Event())
        for path in levels[depth]:
            crew.add(partial(act, path))
        await crew.work()


class Crew:
    """Does jobs, `size` at a time; the first that fails is the last that is begun.

    None is cancelled then: each knows whether what it asked for was done.  The last job that
    was added comes first, so that trees are walked in depth and few jobs wait.
    """

    def __init__(self, size: int, stop: Event) -> None:
        self._size = size
        self._stop = stop
        self._jobs: list[Job] = []
        self._idle: list[asyncio.Future[None]] = []
        self._working = 0
        self._is_over = False
        self._failure: TaskError | StoppedError | None = None

    def add(self, job: Job) -> None:
        """Let a job be done, perhaps at once."""
        self._jobs.append(job)
        self._wake(1)

    async def work(self) -> None:
        """Do all jobs, and those that they add.

        Raises:
            TaskError: what the first job that failed raised.
            StoppedError: the copy was asked to stop.
        """
        # Jobs may add others, so there may be more to do than there is now.
        await all_of(self._do_jobs() for _ in range(self._size))
        if self._failure is not None:
            raise self._failure

    async def _do_jobs(self) -> None:
        while not self._is_over and (self._jobs or self._working):
            if self._jobs:
                await self._do(self._jobs.pop())
            else:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._idle.append(turn)
                await turn
        self._wake(len(self._idle))

    async def _do(self, job: Job) -> None:
        self._working += 1
        try:
            check_stop(self._stop)
            await job()
        except BaseException as error:
            self._is_over = True
            self._wake(len(self._idle))
            if not isinstance(error, TaskError | StoppedError):
                raise
            self._failure = self._failure or error
        finally:
            self._working -= 1

    def _wake(self, count: int) -> None:
        for _ in range(min(count, len(self._idle))):
            turn = self._idle.pop()
            if not turn.done():
                turn.set_result(None)
