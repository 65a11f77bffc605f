"""Connections to nodes: how many, how they are opened, and when not (LANGUAGE.md 6.5, 7.7)."""

from __future__ import annotations

import asyncio
import random
import re
import socket
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from gplmt.errors import ConnectError, ConnectionLostError
from gplmt.transports.ssh.transport import SshTransport
from tests.support.processes import until
from tests.support.ssh.fixtures import StartProxy, StartServer
from tests.support.ssh.inprocess import Behaviour
from tests.support.ssh.keys import make_user_key
from tests.support.ssh.ports import free_port
from tests.transports.contracts.stopping import cancel_all
from tests.transports.host import Host
from tests.transports.ssh.node_host import NodeHosts

BARRIER = "echo >met/$N; while [ ! -e met/go ]; do sleep 0.02; done"


async def meet(host: Host, count: int) -> None:
    """Run commands that wait for each other."""
    host.make_directory("met")
    executions = [host.begin(BARRIER, environment={"N": str(number)}) for number in range(count)]
    met = host.directory / "met"
    await until(lambda: len(list(met.iterdir())) == count, seconds=20)
    (met / "go").touch()
    for execution in executions:
        assert await execution.returncode() == 0


def slots_taken(host: Host) -> int:
    """How many sessions there are, as far as we know."""
    assert isinstance(host.transport, SshTransport)
    attachment = host.transport._peers["n1"].attachment
    assert attachment is not None
    return sum(link._used for link in attachment._pool._links)


async def failure(host: Host, *, on: str = "n1") -> str:
    """Why a target cannot be reached."""
    with pytest.raises(ConnectError) as caught:
        await host.run("true", on=on)
    return str(caught.value)


@pytest.mark.openssh
@pytest.mark.parametrize(("limit", "connections"), [(1, 21), (2, 11), (3, 7), (10, 3)])
async def test_no_command_is_queued_whatever_maxsessions_says(
    limit: int,
    connections: int,
    openssh_server: StartServer,
    fault_proxy: StartProxy,
    node_hosts: NodeHosts,
) -> None:
    proxy = fault_proxy(openssh_server(settings={"MaxSessions": str(limit)}))
    host = node_hosts.make(proxy.server)
    await meet(host, 20)
    assert proxy.connections <= connections + 1
    assert (await host.run("echo again")).stdout == b"again\n"


@pytest.mark.openssh
async def test_many_commands_one_after_another_share_one_connection(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(openssh_server())
    host = node_hosts.make(proxy.server)
    for _ in range(60):
        assert (await host.run("echo x")).stdout == b"x\n"
    assert proxy.connections == 1


@pytest.mark.long
@pytest.mark.openssh
async def test_three_hundred_cancels_leave_no_process_and_leak_no_slot(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    """Before the channel is open, while the command starts, while it runs."""
    proxy = fault_proxy(openssh_server())
    host = node_hosts.make(proxy.server)
    chance = random.Random(3)  # noqa: S311
    await host.run("true")
    texts = ("sleep 1000", "true", "setsid sleep 1000 & wait", "cat", "sleep 1000 | cat")
    for number in range(0, 300, 9):
        executions = [host.begin(texts[(number + n) % len(texts)]) for n in range(9)]
        await asyncio.sleep(chance.choice((0, 0.002, 0.004, 0.008, 0.02, 0.05)))
        for execution in executions:
            execution.task.cancel()
        await asyncio.wait([execution.task for execution in executions], timeout=30)
        assert host.marked() == {}
        await until(lambda: slots_taken(host) == 1)  # the guard's
    await meet(host, 9)  # with a guard that is as many as a connection has room for
    assert proxy.connections == 1


@pytest.mark.openssh
@pytest.mark.long  # the same is tested with the whole program
async def test_two_hundred_targets_on_one_server_all_get_in(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    """The server turns connections away at random when many have not logged in."""
    addresses = [f"127.0.1.{number}" for number in range(1, 201)]
    proxy = fault_proxy(openssh_server(), addresses=addresses)
    servers = {f"n{number}": proxy.server.at(host) for number, host in enumerate(addresses)}
    host = node_hosts.make(servers)
    executions = [host.begin("true", on=name) for name in servers]
    async with asyncio.timeout(60):
        assert {(await execution.task).returncode for execution in executions} == {0}


@pytest.mark.openssh
async def test_a_server_that_takes_few_connections_is_not_stormed(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    addresses = [f"127.0.2.{number}" for number in range(1, 31)]
    server = openssh_server(settings={"MaxStartups": "3:50:6"})
    proxy = fault_proxy(server, addresses=addresses)
    servers = {f"n{number}": proxy.server.at(host) for number, host in enumerate(addresses)}
    host = node_hosts.make(servers)
    executions = [host.begin("true", on=name) for name in servers]
    async with asyncio.timeout(60):
        assert {(await execution.task).returncode for execution in executions} == {0}
    assert proxy.connections < 3 * len(servers)


async def test_a_refused_port_fails_at_once(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(asyncssh_server())
    proxy.refuse()
    host = node_hosts.make(proxy.server)
    begun = time.monotonic()
    assert "refused" in await failure(host)
    assert time.monotonic() - begun < 1.0


async def test_a_refused_login_fails_at_once_and_is_tried_once(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts, tmp_path: Path
) -> None:
    proxy = fault_proxy(asyncssh_server())
    wrong = make_user_key(tmp_path / "wrong")
    host = node_hosts.make(proxy.server, identity_file=wrong.path)
    begun = time.monotonic()
    await failure(host)
    assert time.monotonic() - begun < 2.0
    assert proxy.connections == 1


async def test_a_node_that_never_answers_fails_after_its_connect_timeout(
    node_hosts: NodeHosts, asyncssh_server: StartServer
) -> None:
    """The kernel drops what would connect to a socket whose queue is full."""
    with socket.socket() as deaf, socket.socket() as one, socket.socket() as another:
        deaf.bind(("127.0.0.1", free_port(["127.0.0.1"])))
        deaf.listen(0)
        for filler in (one, another):
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        server = asyncssh_server()
        reachable = node_hosts.make(server)
        silent = node_hosts.make(replace(server, port=deaf.getsockname()[1]), connect_seconds=1.5)
        begun = time.monotonic()
        attempt = asyncio.create_task(failure(silent))
        assert (await reachable.run("echo here")).stdout == b"here\n"
        await attempt
        assert 1.0 < time.monotonic() - begun < 2.5


async def test_a_server_that_is_mute_fails_after_the_connect_timeout_too(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(asyncssh_server())
    proxy.hole()
    host = node_hosts.make(proxy.server, connect_seconds=1.0)
    begun = time.monotonic()
    await failure(host)
    assert 0.8 < time.monotonic() - begun < 2.0
    proxy.heal()
    assert (await host.run("echo again")).stdout == b"again\n"


async def test_connections_that_break_at_once_are_tried_again(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(asyncssh_server(behaviour=Behaviour(refused=2)))
    host = node_hosts.make(proxy.server)
    assert (await host.run("echo x")).stdout == b"x\n"
    assert proxy.connections == 3


async def test_connections_that_always_break_fail_in_time(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(asyncssh_server(behaviour=Behaviour(refused=1000)))
    host = node_hosts.make(proxy.server, connect_seconds=1.5)
    begun = time.monotonic()
    await failure(host)
    assert time.monotonic() - begun < 2.5
    assert 2 <= proxy.connections <= 5


async def test_all_who_need_a_node_share_one_attempt(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(asyncssh_server())
    proxy.hole()
    host = node_hosts.make(proxy.server)
    executions = [host.begin("true") for _ in range(5)]
    await until(lambda: proxy.connections == 1)
    await cancel_all(executions[:2])
    proxy.heal()
    for execution in executions[2:]:
        assert await execution.returncode() == 0
    assert proxy.connections == 1


async def test_no_more_connections_are_opened_at_a_time_than_may_be(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    addresses = [f"127.0.3.{number}" for number in range(1, 9)]
    proxy = fault_proxy(asyncssh_server(), addresses=addresses)
    servers = {f"n{number}": proxy.server.at(host) for number, host in enumerate(addresses)}
    host = node_hosts.make(servers, parallelism=3)
    proxy.hole()
    executions = [host.begin("true", on=name) for name in servers]
    await until(lambda: proxy.open_connections == 3)
    await asyncio.sleep(0.2)
    assert proxy.open_connections == 3
    proxy.heal()
    for execution in executions:
        assert await execution.returncode() == 0
    assert proxy.connections == len(servers)


async def test_a_cooldown_lies_between_the_openings(
    asyncssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    server = asyncssh_server()
    servers = {f"n{number}": server for number in range(4)}
    host = node_hosts.make(servers, cooldown_seconds=0.3)
    begun = time.monotonic()
    for execution in [host.begin("true", on=name) for name in servers]:
        assert await execution.returncode() == 0
    assert time.monotonic() - begun > 0.9


async def test_a_jump_host_is_connected_to_once_for_all_behind_it(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    gate, behind = fault_proxy(asyncssh_server()), asyncssh_server()
    node_hosts.configuration.write_text(gate.server.ssh_config("gate"))
    host = node_hosts.make({f"n{n}": behind for n in range(5)}, proxy_jump="gate")
    for execution in [host.begin("echo x", on=f"n{n}") for n in range(5)]:
        assert await execution.returncode() == 0
    assert gate.connections == 1


async def test_the_end_of_a_jump_host_is_the_end_of_what_is_behind_it_only(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    gate, behind = fault_proxy(asyncssh_server()), asyncssh_server()
    node_hosts.configuration.write_text(gate.server.ssh_config("gate"))
    beyond = node_hosts.make({f"n{n}": behind for n in range(3)}, proxy_jump="gate")
    near = node_hosts.make(behind)
    text = "echo up; exec sleep 1000"
    lost = [beyond.begin(text, on=f"n{n}") for n in range(3)]
    kept = near.begin(text)
    for execution in (*lost, kept):
        await execution.stdout.shows("up")
    gate.reset()
    for execution in lost:
        with pytest.raises(ConnectionLostError):
            await execution.returncode()
    await until(lambda: beyond.marked() == {})
    assert len(near.marked()) == 1
    assert (await beyond.run("echo again", on="n2")).stdout == b"again\n"
    assert gate.connections == 2
    await kept.cancel()


async def test_a_jump_host_that_cannot_be_reached_is_named(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    gate = fault_proxy(asyncssh_server())
    gate.refuse()
    node_hosts.configuration.write_text(gate.server.ssh_config("gate"))
    host = node_hosts.make(asyncssh_server(), proxy_jump="gate")
    assert re.search(r"jump host .*refused", await failure(host))


@pytest.mark.openssh
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"ForceCommand": "/usr/sbin/nologin"}, "currently not available"),
        ({"ForceCommand": "echo only backups here; exit 1"}, "only backups here"),
        ({"ForceCommand": "exit 1"}, "the login shell ended at once"),
        ({"MaxSessions": "0"}, "open failed|opens no session"),
        ({"ForceCommand": "sleep 1000"}, "nothing answers"),
        ({"ForceCommand": "echo choose a number; sleep 1000"}, "choose a number"),
    ],
    ids=["nologin", "words", "silent", "no sessions", "hanging", "a menu"],
)
async def test_a_server_that_runs_no_commands_is_said_to(
    settings: dict[str, str], reason: str, openssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    host = node_hosts.make(openssh_server(settings=settings), connect_seconds=1.0)
    begun = time.monotonic()
    message = await failure(host)
    assert "no command can be run there" in message
    assert re.search(reason, message)
    assert time.monotonic() - begun < 3.0
