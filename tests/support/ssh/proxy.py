"""A TCP proxy before a server, whose network has the faults that a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from msgspec.structs import replace

from tests.support.ssh.loops import LoopThread
from tests.support.ssh.network import Network, Way, break_connection
from tests.support.ssh.places import server_directory
from tests.support.ssh.ports import free_port
from tests.support.ssh.servers import Server

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class FaultProxy:
    """Leads to a server while it is entered; `server` is that server as seen through it.

    It runs in a thread of its own, so nothing that a test does holds it up.  All can be asked
    and changed at any time.
    """

    server: Server

    def __init__(self, server: Server, *, addresses: Sequence[str] = ("127.0.0.1",)) -> None:
        """Lead to a server from one port of these loopback addresses, however many."""
        self.connections = 0
        self._target = server
        self._addresses = addresses
        self._port = free_port(addresses)
        self._network = Network()
        self._ways_to_server: list[Way] = []
        self._ways_to_client: list[Way] = []
        self._relays: set[asyncio.Task[None]] = set()
        self._loop = LoopThread()
        self._running = ExitStack()
        self._listener: asyncio.Server | None = None

    def __enter__(self) -> Self:
        with ExitStack() as running:
            known_hosts = running.enter_context(server_directory()) / "known_hosts"
            known_hosts.write_text(self._trust())
            self.server = replace(
                self._target, host=self._addresses[0], port=self._port, known_hosts=known_hosts
            )
            running.enter_context(self._loop)
            self.accept()
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self.reset()
        self._running.close()

    @property
    def open_connections(self) -> int:
        """How many connections there are now; `connections` is how many there were in all."""
        return len(self._relays)

    @property
    def bytes_to_server(self) -> int:
        """What has got through to the server, in all connections."""
        return sum(way.passed for way in self._ways_to_server)

    @property
    def bytes_to_client(self) -> int:
        """What has got through to clients, in all connections."""
        return sum(way.passed for way in self._ways_to_client)

    def delay(self, seconds: float) -> None:
        """Let all that is sent from now on take so long, each way; order is kept."""
        self._network.delay_seconds = seconds

    def limit(self, bytes_per_second: float | None) -> None:
        """Let each way of each connection pass so much, or with None as much as comes."""
        self._network.bytes_per_second = bytes_per_second

    def hole(self) -> None:
        """Let nothing through, ends of connections included; the connections stay open.

        New connections are made, but nobody answers.
        """
        self._loop.call(self._network.is_passable.clear)

    def heal(self) -> None:
        """Let through what a hole has held, as TCP does by sending it again, and all else."""
        self._loop.call(self._network.is_passable.set)

    def reset(self) -> None:
        """Break all connections by RST, on both sides."""
        self._loop.call(self._break)

    def refuse(self) -> None:
        """Refuse new connections; those that there are go on."""
        self._loop.call(self._close)

    def accept(self) -> None:
        """Accept new connections again."""
        self._loop.run(self._listen())

    def _trust(self) -> str:
        """What the server's known_hosts says of it, said of the proxy's addresses."""
        line = self._target.known_hosts.read_text().splitlines()[0]
        place = f"[{self._target.host}]:{self._target.port}"
        return "".join(
            f"{line.replace(place, f'[{address}]:{self._port}')}\n" for address in self._addresses
        )

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(
                self._begin, self._addresses, self._port, backlog=1000
            )

    def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _break(self) -> None:
        for relay in self._relays:
            relay.cancel()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        relay = asyncio.get_running_loop().create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            await self._network.is_passable.wait()
            onward = await asyncio.open_connection(self._target.host, self._target.port)
            ends.append(onward[1])
            await self._pass_on((reader, writer), onward)
            for end in ends:
                end.close()
                await end.wait_closed()
            ends.clear()
        except* OSError:  # either side has broken it, so that the other shall see that, too
            pass
        finally:
            for end in ends:
                break_connection(end)

    async def _pass_on(self, client: _Streams, server: _Streams) -> None:
        """Let both ways of a connection run to their ends."""
        to_server = Way(self._network, client[0], server[1])
        to_client = Way(self._network, server[0], client[1])
        self._ways_to_server.append(to_server)
        self._ways_to_client.append(to_client)
        async with asyncio.TaskGroup() as ways:
            ways.create_task(to_server.run())
            ways.create_task(to_client.run())
