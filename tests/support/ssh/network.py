"""The network between a client and a server: its conditions, and what is on its way."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator

_CHUNK_BYTES = 65_536
_MOST_BYTES_UNDERWAY = 16 * 1024 * 1024
_LONGEST_BACKLOG_SECONDS = 0.1
_PARTS_PER_SECOND = 50
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, without waiting


class Network:
    """The conditions for all connections; they may change at any time.

    `delay_seconds` is what either way takes.  `bytes_per_second` limits each way of each
    connection; None does not.  What arrives while `is_passable` is not set waits for that.
    """

    def __init__(self) -> None:
        self.delay_seconds = 0.0
        self.bytes_per_second: float | None = None
        self.is_passable = asyncio.Event()
        self.is_passable.set()

    @property
    def most_bytes_underway(self) -> int:
        """How much one way of a connection takes before the sender has to wait."""
        if self.bytes_per_second is None:
            return _MOST_BYTES_UNDERWAY
        return int(self.bytes_per_second * (self.delay_seconds + _LONGEST_BACKLOG_SECONDS))


class Way:
    """One way of a connection; `passed` are the bytes that have got through."""

    def __init__(
        self, network: Network, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.passed = 0
        self._network = network
        self._reader = reader
        self._writer = writer
        self._underway: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._bytes_underway = 0
        self._has_passed = asyncio.Event()
        self._free_from = 0.0

    async def run(self) -> None:
        """Pass on what comes, in order, and at last the end of it.

        Raises:
            ExceptionGroup: Of OSError: either side has broken the connection.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take())
            tasks.create_task(self._give())

    async def _take(self) -> None:
        due, data = 0.0, b"first"
        while data:
            data = await self._read()
            due = max(due, _now() + self._network.delay_seconds)
            self._underway.put_nowait((due, data))
            self._bytes_underway += len(data)
            while self._bytes_underway > self._network.most_bytes_underway:
                self._has_passed.clear()
                await self._has_passed.wait()

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(_CHUNK_BYTES)
        except OSError:
            await self._network.is_passable.wait()
            raise

    async def _give(self) -> None:
        data = b"first"
        while data:
            due, data = await self._underway.get()
            await _sleep_until(due)
            for part in self._parts(data):
                await self._pass(part)
        await self._network.is_passable.wait()
        self._writer.write_eof()

    def _parts(self, data: bytes) -> Iterator[bytes]:
        """Pieces that a slow network delivers one after another."""
        speed = self._network.bytes_per_second
        size = _CHUNK_BYTES if speed is None else max(1, int(speed / _PARTS_PER_SECOND))
        for start in range(0, len(data), size):
            yield data[start : start + size]

    async def _pass(self, part: bytes) -> None:
        if (speed := self._network.bytes_per_second) is not None:
            self._free_from = max(self._free_from, _now()) + len(part) / speed
            await _sleep_until(self._free_from)
        await self._network.is_passable.wait()
        self._writer.write(part)
        await self._writer.drain()
        self.passed += len(part)
        self._bytes_underway -= len(part)
        self._has_passed.set()


def break_connection(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST, so that the other side gets an error and no end of file."""
    connection: socket.socket = writer.get_extra_info("socket")
    if not writer.transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(moment: float) -> None:
    if (seconds := moment - _now()) > 0:
        await asyncio.sleep(seconds)
