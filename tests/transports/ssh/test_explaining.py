"""Why a target could not be reached, in the user's words (LANGUAGE.md 7.7)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from gplmt.language.targets import SshOptions
from gplmt.transports.ssh.explaining import explain
from tests.support.ssh.fixtures import StartServer
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.ports import free_port
from tests.support.ssh.servers import Server
from tests.transports.ssh.login import Person, attempt, logged_in, node, options_for

_HOST = "127.0.0.1"
on_forwarding_servers = pytest.mark.parametrize("server", of_kinds("openssh"), indirect=True)


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


@asynccontextmanager
async def greeting(text: bytes) -> AsyncIterator[int]:
    """The port of a server that says something and ends the connection."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, _HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def reason_at(person: Person, port: int, host: str = _HOST) -> str | None:
    return await attempt(person.login(node(host, options=SshOptions(port=port))))


async def test_a_port_that_nobody_listens_at(person: Person) -> None:
    port = free_port([_HOST])
    reason = await reason_at(person, port)
    assert reason == f"{_HOST} port {port} cannot be reached: connection refused"


async def test_a_name_with_several_addresses_that_refuse(person: Person) -> None:
    port = free_port([_HOST])
    reason = await reason_at(person, port, "localhost")
    assert reason == f"localhost port {port} cannot be reached: connection refused"


async def test_a_name_that_nobody_knows(person: Person) -> None:
    reason = await reason_at(person, 22, "no.such.invalid")
    assert reason is not None
    assert reason.startswith("the host name 'no.such.invalid' cannot be resolved: ")
    assert not reason.endswith(".")


async def test_a_server_that_hangs_up(person: Person) -> None:
    async with greeting(b"") as port:
        reason = await reason_at(person, port)
    assert reason == f"{_HOST} port {port} closed the connection before the login"


async def test_a_server_of_another_protocol(person: Person) -> None:
    async with greeting(b"HTTP/1.1 400 Bad Request\r\n" + b"\r\n" * 2000) as port:
        reason = await reason_at(person, port)
    assert reason is not None
    assert reason.startswith(f"{_HOST} port {port} ")


async def test_a_server_that_never_answers(person: Person) -> None:
    with socket.create_server((_HOST, 0)) as mute:
        port = mute.getsockname()[1]
        options = SshOptions(port=port, connect_timeout=timedelta(seconds=0.2))
        login = person.login(node(_HOST, options=options))
        with pytest.raises(TimeoutError) as raised:
            async with asyncio.timeout(login.connect_timeout_seconds), logged_in(login):
                pass
    assert explain(raised.value, login) == f"no answer from {_HOST} port {port} within 0.2 s"


@pytest.mark.openssh
async def test_a_server_with_which_nothing_can_be_agreed_on(
    openssh_server: StartServer, person: Person
) -> None:
    server = openssh_server(settings={"Ciphers": "aes256-ctr"})
    person.write("config", "Ciphers aes128-ctr\n")
    reason = await attempt(person.login(node(server.host, options=options_for(server))))
    assert reason is not None
    start = f"{server.host} port {server.port} and gplmt have no algorithm in common: "
    # A server that sees it first may close the connection before we have read what it offers.
    closed = f"{server.host} port {server.port} closed the connection before the login"
    assert reason.startswith((f"{start}no matching encryption algorithm found", closed))


@pytest.mark.openssh
async def test_a_jump_host_that_cannot_go_on(openssh_server: StartServer, person: Person) -> None:
    gateway, port = openssh_server(), free_port([_HOST])
    person.write("config", gateway.ssh_config("gateway"))
    options = SshOptions(port=port, proxy_jump="gateway")
    reason = await attempt(person.login(node(_HOST, options=options)))
    assert reason == f"{gateway.host} cannot connect to {_HOST} port {port}: connection refused"


@pytest.mark.openssh
async def test_a_jump_host_that_may_not_go_on(openssh_server: StartServer, person: Person) -> None:
    gateway = openssh_server(settings={"AllowTcpForwarding": "no"})
    person.write("config", gateway.ssh_config("gateway"))
    reason = await attempt(person.login(node(_HOST, options=SshOptions(proxy_jump="gateway"))))
    assert reason is not None
    assert reason.startswith(f"{gateway.host} cannot connect to {_HOST} port 22: ")


@on_forwarding_servers
async def test_a_node_behind_jump_hosts_is_reached_through_each(
    server: Server, openssh_server: StartServer, person: Person
) -> None:
    first, second = openssh_server(), openssh_server()
    person.write(
        "config",
        first.ssh_config("first") + second.ssh_config("second") + server.ssh_config("node"),
    )
    options = SshOptions(proxy_jump="first,second")
    assert await attempt(person.login(node("node", options=options))) is None
    assert [hop.log().count("Accepted publickey") for hop in (first, second)] == [1, 1]


async def test_a_proxy_command_that_ends(person: Person) -> None:
    person.write("config", "ProxyCommand echo %h >&2 2>/dev/null\n")
    reason = await attempt(person.login(node("host")))
    assert reason == "the proxy command 'echo %h >&2 2>/dev/null' ended before the login"


@on_forwarding_servers
async def test_a_proxy_command_is_run_by_a_shell(server: Server, person: Person) -> None:
    way = person.write("way", server.ssh_config("way"))
    command = f'sh -c "ssh -F {way} -W %h:%p way 2>/dev/null; true"'
    person.write("config", server.ssh_config("node", ProxyCommand=command))
    assert await attempt(person.login(node("node"))) is None
