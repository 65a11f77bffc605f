"""Commands of gplmt's own on a node, with their bytes in and out; the guard knows none of them.

Such a command ends when its stdin does, or when it cannot write any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Protocol

import asyncssh

from gplmt.errors import ConnectionLostError
from gplmt.transports.ssh.links import LinkSession
from gplmt.transports.ssh.scripts import OPENING, pipe_script

_MAX_UNREAD_BYTES = 1 << 20
_MAX_ERROR_BYTES = 65_536


class Opener(Protocol):
    """Opens a session on a node, as `Attachment.open_session`."""

    def __call__(self, session: LinkSession, command: str) -> Awaitable[None]:
        """Run the command in the session."""
        ...


class Pipe(LinkSession):
    """A command whose bytes are read and written by one task each."""

    def __init__(self) -> None:
        super().__init__()
        loop = asyncio.get_running_loop()
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._sign = f"gplmt-{token_hex(8)}\n".encode()
        self._head: bytes | None = b""
        self._unread = bytearray()
        self._errors = bytearray()
        self._has_ended = False
        self._is_paused = False
        self._status: int | None = None
        self._reason = "closed without a status"
        self._begun: asyncio.Future[None] = loop.create_future()
        self._closed: asyncio.Future[None] = loop.create_future()
        self._changed = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()

    async def write(self, data: bytes) -> None:
        """Write bytes, when the node takes them.

        Raises:
            BrokenPipeError: the command has ended, or reads no more.
        """
        await self._may_write.wait()
        if self._channel is None or self._closed.done():
            raise BrokenPipeError("the command has ended")
        self._channel.write(data)

    def write_eof(self) -> None:
        """End the command's stdin."""
        if self._channel is not None:
            self._channel.write_eof()

    async def read(self) -> bytes:
        """Some bytes of the command's stdout; none at its end."""
        while not self._unread and not self._has_ended:
            self._changed.clear()
            await self._changed.wait()
        data = bytes(self._unread)
        self._unread.clear()
        if self._is_paused and self._channel is not None:
            self._is_paused = False
            self._channel.resume_reading()
        return data

    async def wait(self) -> tuple[int, bytes]:
        """The command's exit status, 255 after a signal, and the end of its stderr.

        What is on stdout must have been read.

        Raises:
            ConnectionLostError: it is not known how the command ended.
        """
        await asyncio.wait((self._closed,))
        if self._status is None:
            raise ConnectionLostError(f"the connection was lost ({self._reason})")
        return self._status, bytes(self._errors)

    async def start(self, open_session: Opener, command: str) -> None:
        """Start the command.

        Raises:
            asyncssh.Error, OSError, ConnectError, ConnectionLostError: it cannot be started.
        """
        await open_session(self, OPENING)
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(pipe_script(command, sign=self._sign.decode().strip()))
        await asyncio.wait((self._begun, self._closed), return_when=asyncio.FIRST_COMPLETED)

    def abort(self) -> None:
        """Close the channel; the command's stdin ends, and its stdout breaks."""
        if self._channel is not None:
            self._channel.abort()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """As asyncssh says."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """As asyncssh says."""
        if datatype is not None:
            self._errors = (self._errors + data)[-_MAX_ERROR_BYTES:]
            return
        if self._head is not None:
            data = self._after_sign(self._head + data)
        self._unread += data
        self._changed.set()
        if len(self._unread) > _MAX_UNREAD_BYTES and not self._is_paused and self._channel:
            self._is_paused = True
            self._channel.pause_reading()

    def eof_received(self) -> bool:
        """As asyncssh says."""
        self._end()
        return super().eof_received()

    def exit_status_received(self, status: int) -> None:
        """As asyncssh says."""
        self._status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:  # noqa: ARG002
        """As asyncssh says."""
        self._status = 255
        self._errors += f"killed by SIG{signal}".encode()

    def pause_writing(self) -> None:
        """As asyncssh says."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """As asyncssh says."""
        self._may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncssh says."""
        super().connection_lost(exc)
        if exc is not None:
            self._reason = str(exc).lower()
        self._may_write.set()
        self._end()
        if not self._closed.done():
            self._closed.set_result(None)

    def _end(self) -> None:
        self._has_ended = True
        self._changed.set()

    def _after_sign(self, received: bytes) -> bytes:
        _, sign, rest = received.partition(self._sign)
        if not sign:
            self._head = received[-_MAX_ERROR_BYTES:]
            return b""
        self._head = None
        self._errors.clear()
        self._begun.set_result(None)
        return rest


@asynccontextmanager
async def open_pipe(open_session: Opener, command: str) -> AsyncIterator[Pipe]:
    """A command for `/bin/sh -c` on a node; whoever leaves before its end breaks its streams."""
    pipe = Pipe()
    try:
        await pipe.start(open_session, command)
        yield pipe
    finally:
        pipe.abort()
