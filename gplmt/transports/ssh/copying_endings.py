"""The end of a copy, however it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TypeVar

from gplmt.errors import ConnectionLostError, TaskError
from gplmt.transports.copying_bytes import StoppedError
from gplmt.transports.ssh.copying_stop import Stop

_T = TypeVar("_T")

# What is asked of a node when the stop comes is answered by then, unless the network is bad.
_ANSWER_SECONDS = 2.0
_BREAK_OFF_SECONDS = 3.0
_UNDO_SECONDS = 5.0


async def settled(
    work: Coroutine[object, object, _T],
    *,
    stop: Stop,
    undo: Callable[[], Awaitable[None]],
) -> _T:
    """Do `work`; `undo` it if it fails or the caller is cancelled, unless the connection is lost.

    Cancelling sets `stop`, so that the work ends where it knows what it has done; one that does
    not, because an answer keeps it waiting, is cancelled.
    """
    working = asyncio.ensure_future(work)
    try:
        try:
            await asyncio.wait((working,))
        finally:
            stop.set()
        return working.result()
    except ConnectionLostError:
        raise
    except (TaskError, StoppedError, asyncio.CancelledError):
        # Also when `work` had just succeeded.
        await _end(working, seconds=_ANSWER_SECONDS)
        await _end(asyncio.ensure_future(undo()), seconds=_UNDO_SECONDS)
        raise


async def _end(task: asyncio.Future[_T], *, seconds: float) -> None:
    """Wait for the end of a task, whatever it is and however often this is cancelled."""
    await _wait(task, seconds=seconds)
    if not task.done():
        task.cancel()
        await _wait(task, seconds=_BREAK_OFF_SECONDS)
    if task.done() and not task.cancelled():
        task.exception()


async def _wait(task: asyncio.Future[_T], *, seconds: float) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not task.done() and (rest := deadline - asyncio.get_running_loop().time()) > 0:
        with suppress(asyncio.CancelledError):
            await asyncio.wait((task,), timeout=rest)
