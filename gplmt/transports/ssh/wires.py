"""The byte stream under a connection, which sends what is written together in one piece.

asyncssh writes each packet on its own, and an empty one before it: six system calls to start a
command, of which two will do.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol

_MOST_BYTES = 65_536


class _Connection(Protocol):
    """What asyncio tells of a stream, and asyncssh takes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


MakeConnection = Callable[[], _Connection]


class Wire:
    """A connected socket in the place of an asyncssh tunnel, `asyncssh.connect(tunnel=...)`."""

    def __init__(self, sock: socket.socket, *, on_lost: Callable[[], None] = lambda: None) -> None:
        """Take over the socket; `on_lost` is called when the connection on it has ended."""
        self._sock = sock
        self._on_lost = on_lost

    async def create_connection(
        self, make_connection: MakeConnection, _host: str, _port: int
    ) -> tuple[asyncio.BaseTransport, _Connection]:
        """Put a connection on the socket, as asyncssh wants it of a tunnel."""
        connection = make_connection()
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: _Gathering(connection, self._on_lost), sock=self._sock
        )
        return transport, connection


class _Gathering(asyncio.Protocol):
    """Gives a connection a transport that gathers."""

    def __init__(self, connection: _Connection, on_lost: Callable[[], None]) -> None:
        self.data_received = connection.data_received  # type: ignore[method-assign]
        self.eof_received = connection.eof_received  # type: ignore[method-assign]
        self.pause_writing = connection.pause_writing  # type: ignore[method-assign]
        self.resume_writing = connection.resume_writing  # type: ignore[method-assign]
        self._connection = connection
        self._on_lost = on_lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio says."""
        if isinstance(transport, asyncio.Transport):
            self._connection.connection_made(_GatheringTransport(transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio says."""
        try:
            self._connection.connection_lost(exc)
        finally:
            self._on_lost()


class _GatheringTransport(asyncio.Transport):
    """Sends at the end of the loop's turn what was written in it, or earlier if it is much."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes | bytearray | memoryview] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """As asyncio says, but later."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(data)
        self._size += len(data)
        if self._size >= _MOST_BYTES:
            self._flush()

    def close(self) -> None:
        """As asyncio says."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """As asyncio says."""
        self._unsent.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """As asyncio says."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio says."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """As asyncio says."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """As asyncio says."""
        self._transport.resume_reading()

    def _flush(self) -> None:
        if self._unsent:
            data = b"".join(self._unsent)
            self._unsent.clear()
            self._size = 0
            self._transport.write(data)
