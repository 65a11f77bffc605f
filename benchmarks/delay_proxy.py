"""A TCP proxy that delivers everything late: `delay_proxy.py HOST PORT SECONDS`.

It listens on a free port of 127.0.0.1, which it prints, and ends with its standard input. Bytes
come `SECONDS` late in each direction, in order, at any rate.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque


class _Direction(asyncio.Protocol):
    """Takes bytes from one connection and gives them to the other when they are due."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay = delay_seconds
        self._loop = asyncio.get_running_loop()
        self._due: deque[tuple[float, bytes]] = deque()
        self._sink: asyncio.Transport | None = None
        self.source: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.source = transport

    def data_received(self, data: bytes) -> None:
        self._due.append((self._loop.time() + self._delay, data))
        if len(self._due) == 1 and self._sink:
            self._loop.call_at(self._due[0][0], self._deliver)

    def connection_lost(self, _: Exception | None) -> None:
        self.data_received(b"")  # the end comes late, too

    def deliver_to(self, sink: asyncio.Transport) -> None:
        """From now on; what has come already is late as well."""
        self._sink = sink
        if self._due:
            self._loop.call_at(self._due[0][0], self._deliver)

    def _deliver(self) -> None:
        assert self._sink
        now = self._loop.time()
        while self._due and self._due[0][0] <= now:
            data = self._due.popleft()[1]
            if data:
                self._sink.write(data)
            else:
                self._sink.close()
        if self._due:
            self._loop.call_at(self._due[0][0], self._deliver)


class _Arrival(_Direction):
    """The direction from the client, which opens the connection to the server."""

    def __init__(self, host: str, port: int, delay_seconds: float) -> None:
        super().__init__(delay_seconds)
        self._address = (host, port)
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opening = self._loop.create_task(self._open())

    async def _open(self) -> None:
        assert self.source
        back = _Direction(self._delay)
        try:
            server, _ = await self._loop.create_connection(lambda: back, *self._address)
        except OSError:
            self.source.abort()
            return
        back.deliver_to(self.source)
        self.deliver_to(server)


async def serve(host: str, port: int, delay_seconds: float) -> None:
    """Forward connections until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Arrival(host, port, delay_seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
