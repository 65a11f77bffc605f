"""The proxy's network has the faults that it is asked for, and no others."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncssh
import pytest
from msgspec.structs import replace

from tests.support.processes import until
from tests.support.ssh.client import connected
from tests.support.ssh.fixtures import StartProxy, StartServer
from tests.support.ssh.inprocess import in_process
from tests.support.ssh.keys import UserKey
from tests.support.ssh.proxy import FaultProxy
from tests.support.ssh.servers import Server

MEGABYTE = 1_000_000


@pytest.fixture
def proxy(asyncssh_server: StartServer, fault_proxy: StartProxy) -> FaultProxy:
    return fault_proxy(asyncssh_server())


class Sink:
    """A server that takes what comes."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.open_connections = 0
        self.broken = 0
        self.bytes_received = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            while data := await reader.read(65_536):
                self.bytes_received += len(data)
        except ConnectionResetError:
            self.broken += 1
        finally:
            writer.close()
            self.open_connections -= 1


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    sink = Sink()
    listener = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.port = listener.sockets[0].getsockname()[1]
    yield sink
    listener.close()


@pytest.fixture
async def raw_proxy(
    sink: Sink, asyncssh_server: StartServer, fault_proxy: StartProxy
) -> AsyncIterator[FaultProxy]:
    """Leads to the sink, whose connections end with it."""
    proxy = fault_proxy(replace(asyncssh_server(), port=sink.port))
    yield proxy
    proxy.heal()
    proxy.reset()
    await until(lambda: sink.open_connections == 0)


@asynccontextmanager
async def echo(server: Server) -> AsyncIterator[asyncssh.SSHClientProcess[bytes]]:
    """What is written to it comes back."""
    async with connected(server) as connection:
        process = await connection.create_process("cat", encoding=None)
        await answer(process, b"first\n")
        yield process


async def answer(process: asyncssh.SSHClientProcess[bytes], data: bytes) -> float:
    """Seconds until data has come back."""
    start = time.monotonic()
    process.stdin.write(data)
    assert await asyncio.wait_for(process.stdout.readexactly(len(data)), 10) == data
    return time.monotonic() - start


async def read(server: Server, size: int) -> float:
    """Seconds until a command has written so many bytes."""
    async with connected(server) as connection:
        start = time.monotonic()
        command = f"head -c {size} /dev/zero"
        result = await connection.run(command, encoding=None, check=True, timeout=10)
        assert len(result.stdout or b"") == size
        return time.monotonic() - start


async def test_all_passes_unchanged(proxy: FaultProxy) -> None:
    async with echo(proxy.server) as process:
        await answer(process, bytes(range(256)) * 1000)
    await read(proxy.server, 10 * MEGABYTE)


async def test_connections_and_bytes_are_counted(proxy: FaultProxy) -> None:
    assert (proxy.connections, proxy.open_connections) == (0, 0)
    async with echo(proxy.server):
        assert (proxy.connections, proxy.open_connections) == (1, 1)
        before = proxy.bytes_to_server, proxy.bytes_to_client
    await until(lambda: proxy.open_connections == 0)
    await read(proxy.server, MEGABYTE)
    assert proxy.connections == 2
    assert proxy.bytes_to_client - before[1] > MEGABYTE
    assert 0 < proxy.bytes_to_server - before[0] < MEGABYTE


async def test_a_delay_is_there_each_way_and_takes_no_speed(proxy: FaultProxy) -> None:
    async with echo(proxy.server) as process:
        proxy.delay(0.25)
        assert await answer(process, b"x") >= 0.5
        assert 0.5 <= await answer(process, bytes(MEGABYTE)) < 2.0
        proxy.delay(0)
        assert await answer(process, b"x") < 0.5


async def test_a_limit_holds_each_way(proxy: FaultProxy) -> None:
    async with echo(proxy.server) as process:
        proxy.limit(100_000)
        assert await answer(process, bytes(100_000)) >= 1.0
        proxy.limit(None)
        assert await answer(process, bytes(100_000)) < 1.0


async def test_a_limited_network_does_not_take_what_it_cannot_deliver_soon(
    sink: Sink, raw_proxy: FaultProxy
) -> None:
    """Else an answer to a keepalive would be minutes behind a copy."""
    raw_proxy.limit(200_000)
    with socket.create_connection((raw_proxy.server.host, raw_proxy.server.port)) as sender:
        sender.setblocking(False)
        sent = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while True:
                    await asyncio.get_running_loop().sock_sendall(sender, bytes(65_536))
                    sent += 65_536
        assert sink.bytes_received < 200_000
        assert sent < 12_000_000  # what the kernel keeps for two sockets


async def test_a_hole_lets_nothing_through_and_keeps_connections(proxy: FaultProxy) -> None:
    async with echo(proxy.server) as process:
        proxy.hole()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer(process, b"held\n"), 0.3)
        assert proxy.open_connections == 1
        proxy.heal()
        assert await asyncio.wait_for(process.stdout.readline(), 10) == b"held\n"
        await answer(process, b"more")


async def test_a_hole_hides_the_end_of_a_connection(proxy: FaultProxy) -> None:
    """As if the network had been cut: the server goes on, until it can be told."""
    home = proxy.server.home
    async with connected(proxy.server) as connection:
        await connection.create_process("touch started; read line; touch ended")
        await until((home / "started").exists)
        proxy.hole()
        connection.abort()
    await asyncio.sleep(0.2)
    assert not (home / "ended").exists()
    proxy.heal()
    await until((home / "ended").exists)


async def test_nobody_answers_a_new_connection_in_a_hole(sink: Sink, raw_proxy: FaultProxy) -> None:
    raw_proxy.hole()
    with socket.create_connection((raw_proxy.server.host, raw_proxy.server.port)):
        await until(lambda: raw_proxy.open_connections == 1)
        await asyncio.sleep(0.1)
        assert sink.connections == 0
        raw_proxy.heal()
        await until(lambda: sink.connections == 1)


async def test_a_hole_hides_that_a_connection_breaks(sink: Sink, raw_proxy: FaultProxy) -> None:
    with socket.create_connection((raw_proxy.server.host, raw_proxy.server.port)) as sender:
        await until(lambda: sink.connections == 1)
        raw_proxy.hole()
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await asyncio.sleep(0.1)
    assert sink.broken == 0
    raw_proxy.heal()
    await until(lambda: sink.broken == 1)


async def test_a_reset_breaks_connections_on_both_sides(proxy: FaultProxy) -> None:
    home = proxy.server.home
    reader, writer = await asyncio.open_connection(proxy.server.host, proxy.server.port)
    async with connected(proxy.server) as connection:
        await connection.create_process("touch started; read line; touch ended")
        await until((home / "started").exists)
        proxy.reset()
        await asyncio.wait_for(connection.wait_closed(), 10)
    with pytest.raises(ConnectionResetError):
        await reader.readuntil(b"nothing")
    writer.close()
    await until((home / "ended").exists)
    await until(lambda: proxy.open_connections == 0)
    await read(proxy.server, 1)


async def test_refused_connections_do_not_end_others(proxy: FaultProxy) -> None:
    async with echo(proxy.server) as process:
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await read(proxy.server, 1)
        await answer(process, b"goes on")
        proxy.accept()
        await read(proxy.server, 1)


async def test_one_server_has_two_hundred_addresses(
    asyncssh_server: StartServer, fault_proxy: StartProxy
) -> None:
    addresses = [f"127.0.0.{number}" for number in range(1, 201)]
    proxy = fault_proxy(asyncssh_server(), addresses=addresses)
    for host in ("127.0.0.1", "127.0.0.200"):
        server = proxy.server.at(host)
        assert server.host == host
        await read(server, 1)
    assert len(proxy.server.known_hosts.read_text().splitlines()) == 200


async def test_a_connection_breaks_if_there_is_no_server(
    user_key: UserKey, fault_proxy: StartProxy
) -> None:
    with in_process(user_key) as server:
        proxy = fault_proxy(server)
    with pytest.raises(ConnectionResetError):
        await read(proxy.server, 1)
