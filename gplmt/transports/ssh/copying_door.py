"""What copies need of the connection to a node."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol

import asyncssh

from gplmt.transports.copying_names import NodePath

# Enough for 100 MB/s at a round trip of 100 ms, if the window of the server allows that.
_MEMORY_BYTES = 8 << 20


class SftpMissingError(Exception):
    """The node has no SFTP server that works; the message says why."""


class Pipe(Protocol):
    """A command on a node, its bytes flowing both ways."""

    async def write(self, data: bytes) -> None:
        """Write bytes, when the node takes them.

        Raises:
            BrokenPipeError: the command has ended, or reads no more.
        """
        ...

    def write_eof(self) -> None:
        """End the command's stdin."""
        ...

    async def read(self) -> bytes:
        """Some bytes of the command's stdout; none at its end.

        What a noisy login shell prints before the command is not among them.
        """
        ...

    async def wait(self) -> tuple[int, bytes]:
        """The command's exit status, and the end of its stderr.

        Raises:
            ConnectionLostError: it is not known how the command ended.
        """
        ...


class Shared:
    """What all copies over one connection share; it lives as long as the connection.

    `memory` bounds the bytes of files that are under way, `login_directory` is the node's, once
    it is known, `swaps_links` whether its SFTP server takes the words of a link in the other
    order, `has_tar` whether trees can probably go through tar, and `tars` are how many do.
    """

    def __init__(self) -> None:
        self.memory = ByteBudget(_MEMORY_BYTES)
        self.login_directory: NodePath | None = None
        self.swaps_links: bool | None = None
        self.has_tar = True
        self.tars = 0


class NodeFiles(Protocol):
    """A way to the files of one node."""

    @property
    def shared(self) -> Shared:
        """The same object for all copies over the connection."""
        ...

    async def sftp(self) -> asyncssh.SFTPClient:
        """The connection's SFTP client, which all copies share.

        Raises:
            SftpMissingError: there is none.
            ConnectError, ConnectionLostError: the node cannot be reached.
        """
        ...

    def pipe(self, command: str) -> AbstractAsyncContextManager[Pipe]:
        """A command for `/bin/sh -c` on the node, of up to 100 kB.

        Whoever leaves it before its end closes its stdin and breaks its stdout.

        Raises:
            ConnectError, ConnectionLostError: the node cannot be reached.
        """
        ...


class ByteBudget:
    """A number of bytes that can be taken and given back; who asks first is served first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, count: int) -> int:
        """Wait until `count` bytes, or all if that is less, are free; return how many to give back.

        Cancelling takes none.
        """
        count = min(count, self._size)
        if not self._waiting and count <= self._free:
            self._free -= count
            return count
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(count)
            else:
                with suppress(ValueError):
                    self._waiting.remove((count, turn))
                self._serve()
            raise
        return count

    def give_back(self, count: int) -> None:
        """Let others have bytes that were taken."""
        self._free += count
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            count, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= count
                turn.set_result(None)
