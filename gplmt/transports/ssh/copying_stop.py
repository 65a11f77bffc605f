"""How a copy is asked to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from threading import Event
from typing import TypeVar

from gplmt.transports.copying_bytes import StoppedError
from gplmt.transports.ssh.copying_groups import answer_given_up

_T = TypeVar("_T")


class Stop(Event):
    """An event for threads that coroutines can wait beside; it is set in their loop."""

    def __init__(self) -> None:
        super().__init__()
        self._told = asyncio.Event()

    def set(self) -> None:
        """Ask the copy to stop."""
        super().set()
        self._told.set()

    async def interrupt(self, work: Coroutine[object, object, _T]) -> _T:
        """Do something that may wait long for the node; leave it as soon as this is set.

        Raises:
            StoppedError: it was left.
            ConnectionLostError: asyncssh has given up what it was asked for, as it does then.
        """
        working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(self._told.wait())
        try:
            await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise StoppedError
            if working.cancelled():
                raise answer_given_up()
            return working.result()
        finally:
            await _leave(working)
            await _leave(waiting)


async def _leave(task: asyncio.Future[_T]) -> None:
    task.cancel()
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()
