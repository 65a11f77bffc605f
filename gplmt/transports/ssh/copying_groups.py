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
        raise answer_given_up()


def answer_given_up() -> ConnectionLostError:
    """The error of who is cancelled by nobody, which asyncssh does to who waits for an answer."""
    return ConnectionLostError("the connection was lost (an answer was given up)")


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
        self._group: asyncio.TaskGroup | None = None
        self._workers = 0
        self._failure: TaskError | StoppedError | None = None

    def add(self, job: Job) -> None:
        """Let a job be done; to be called before `work`, and by jobs."""
        self._jobs.append(job)
        if self._group is not None:
            self._hire(self._group)

    async def work(self) -> None:
        """Do all jobs, and those that they add.

        Raises:
            TaskError: what the first job that failed raised.
            StoppedError: the copy was asked to stop.
        """
        try:
            async with asyncio.TaskGroup() as self._group:
                for _ in self._jobs:
                    self._hire(self._group)
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if self._failure is not None:
            raise self._failure

    def _hire(self, group: asyncio.TaskGroup) -> None:
        if self._workers < self._size:
            self._workers += 1
            group.create_task(self._do_jobs())

    async def _do_jobs(self) -> None:
        try:
            while self._jobs and self._failure is None:
                check_stop(self._stop)
                await self._jobs.pop()()
        except (TaskError, StoppedError) as error:
            self._failure = self._failure or error
        except asyncio.CancelledError:
            self._failure = self._failure or answer_given_up()
            raise
        finally:
            self._workers -= 1
