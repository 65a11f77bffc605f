"""What becomes of nodes and runs when the two lose each other (LANGUAGE.md 7.5, 7.7)."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from gplmt.errors import ConnectError, ConnectionLostError
from gplmt.inventory import SshAddress
from gplmt.transports.ssh import peers
from tests.support.processes import until
from tests.support.ssh.fixtures import StartProxy, StartServer
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.proxy import FaultProxy
from tests.support.ssh.servers import Server
from tests.transports.contracts.stopping import CHILDREN, DEAF, SLACK_SECONDS, Family, up
from tests.transports.controlled import Controller, controlled
from tests.transports.controller import Remote, Settings, Told
from tests.transports.host import Execution, Host, make_token
from tests.transports.ssh.node_host import NodeHosts, node_of

NOBODY_READS = "exec >/dev/null 2>&1; "
POLITE = "trap 'exit 0' TERM INT HUP; echo up; while :; do sleep 0.05; done"
guard_shells = pytest.mark.parametrize(
    "server", of_kinds("openssh-dash", "openssh-bash", "openssh-busybox", "dropbear"), indirect=True
)


@asynccontextmanager
async def controller(
    hosts: NodeHosts,
    server: Server,
    *commands: Told,
    grace_seconds: float = 1.0,
    lease_seconds: float = 45.0,
    pause: float = 0.0,
) -> AsyncIterator[Controller]:
    """A gplmt whose commands run on a server."""
    address = node_of("n1", server).address
    assert isinstance(address, SshAddress)
    settings = Settings(
        directory="/",
        token=make_token(),
        grace_seconds=grace_seconds,
        commands=list(commands),
        remote=Remote(
            host=server.host,
            options=address.options,
            configuration=str(hosts.configuration),
            lease_seconds=lease_seconds,
        ),
        pause=pause,
    )
    async with controlled(settings) as gplmt:
        yield gplmt
        await until(lambda: gplmt.alive() == {})


async def lose(executions: Sequence[Execution]) -> None:
    """Wait until runs have failed for the loss of their connection."""
    for execution in executions:
        with pytest.raises(ConnectionLostError, match="the connection was lost"):
            await execution.returncode()
        await execution.closed()


async def test_the_death_of_gplmt_leaves_nothing(server: Server, node_hosts: NodeHosts) -> None:
    kinds = [text for kind, text in CHILDREN.items() if kind != "stopped"]
    commands = [Told(text) for text in kinds] + [Told(DEAF + CHILDREN["setsid"])]
    async with controller(node_hosts, server, *commands) as gplmt:
        await gplmt.shows("up", len(commands))
        assert len(gplmt.alive()) > len(commands)
        killed = await gplmt.kill()
        await until(lambda: gplmt.alive() == {})
        assert time.monotonic() - killed < 1.0 + SLACK_SECONDS


@pytest.mark.openssh
async def test_the_death_of_gplmt_at_any_moment_leaves_nothing(
    openssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    server, chance = openssh_server(), random.Random(5)  # noqa: S311
    text = NOBODY_READS + "setsid sleep 1000 & sleep 1000 & setsid sleep 1000"
    commands = [Told(text, leave_running=number % 3 == 0) for number in range(20)]
    for _ in range(3):
        async with controller(node_hosts, server, *commands, pause=0.005) as gplmt:
            await until(lambda gplmt=gplmt: gplmt.alive() != {})  # type: ignore[misc]
            await asyncio.sleep(chance.uniform(0, 0.1))
            killed = await gplmt.kill()
            await until(lambda gplmt=gplmt: gplmt.alive() == {})  # type: ignore[misc]
            assert time.monotonic() - killed < 1.0 + SLACK_SECONDS


async def test_a_connection_that_breaks_takes_what_ran_on_it(
    server: Server, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(server)
    host = node_hosts.make(proxy.server, grace_seconds=1.0)
    family = Family(host)
    await family.up()
    broken = time.monotonic()
    proxy.reset()
    await lose(family.executions)
    await until(lambda: host.marked() == {} and family.alive() == {})
    assert time.monotonic() - broken < 1.0 + SLACK_SECONDS
    assert (await host.run("echo again")).stdout == b"again\n"


async def test_a_server_that_dies_takes_what_ran_on_it(
    server: Server, node_hosts: NodeHosts
) -> None:
    host = node_hosts.make(server, grace_seconds=1.0)
    executions = [host.begin(CHILDREN[kind]) for kind in ("foreground", "setsid", "nohup")]
    for execution in executions:
        await up(execution)
    server.kill_sessions()
    await lose(executions)
    await until(lambda: host.marked() == {}, seconds=1.0 + SLACK_SECONDS)
    assert (await host.run("echo again")).stdout == b"again\n"


@guard_shells
async def test_a_network_that_is_cut_is_noticed_at_both_ends(
    server: Server, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(server)
    host = node_hosts.make(proxy.server, grace_seconds=0.5, lease_seconds=2.0)
    executions = [host.begin(DEAF + CHILDREN[kind]) for kind in ("foreground", "setsid")]
    executions.append(host.begin(POLITE))
    for execution in executions:
        await up(execution)
    await asyncio.sleep(1.0)  # so that the lease has been renewed
    assert len(host.marked()) >= len(executions)
    cut = time.monotonic()
    proxy.hole()
    await lose(executions)
    assert time.monotonic() - cut < 2.0 + 0.5
    await until(lambda: host.marked() == {})
    assert time.monotonic() - cut < 2.0 * 4 / 3 + 0.5 + 1.0
    proxy.heal()
    assert (await host.run("echo again")).stdout == b"again\n"


@pytest.mark.openssh
async def test_being_cancelled_while_the_network_is_cut_takes_no_longer_than_the_lease(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(openssh_server())
    host = node_hosts.make(proxy.server, grace_seconds=0.5, lease_seconds=1.5)
    execution = host.begin("echo up; exec sleep 1000")
    await up(execution)
    proxy.hole()
    begun = time.monotonic()
    await execution.cancel()
    assert time.monotonic() - begun < 1.5 + 0.5
    await until(lambda: host.marked() == {})


@pytest.mark.openssh
async def test_closing_while_the_network_is_cut_takes_no_time(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(openssh_server())
    host = node_hosts.make(proxy.server, grace_seconds=0.5)
    await host.run("sleep 1000 &")
    proxy.hole()
    begun = time.monotonic()
    await host.close()
    assert time.monotonic() - begun < 3.0
    proxy.heal()
    await until(lambda: host.marked() == {})


async def test_a_command_that_ends_well_when_it_is_stopped_has_failed(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    """What the node does once it is alone is no success."""
    proxy = fault_proxy(asyncssh_server())
    host = node_hosts.make(proxy.server)
    execution = host.begin(POLITE)
    await up(execution)
    proxy.reset()
    await lose([execution])
    await until(lambda: host.marked() == {})


@guard_shells
async def test_a_gplmt_that_is_halted_for_long_finds_its_commands_lost(
    server: Server, node_hosts: NodeHosts
) -> None:
    commands = [Told(POLITE), Told("echo up; exec sleep 1000")]
    async with controller(
        node_hosts, server, *commands, grace_seconds=0.5, lease_seconds=1.5
    ) as gplmt:
        await gplmt.shows("up", 2)
        gplmt.halt()
        halted = time.monotonic()
        await until(lambda: gplmt.alive() == {})
        assert 1.0 < time.monotonic() - halted < 1.5 * 4 / 3 + 0.5 + 1.0
        gplmt.go_on()
        await gplmt.shows("failed: the connection was lost", 2)


@pytest.mark.openssh
async def test_a_gplmt_that_is_halted_for_a_moment_goes_on(
    openssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    command = Told("echo up; sleep 2; exit 7")
    async with controller(node_hosts, openssh_server(), command, lease_seconds=4.0) as gplmt:
        await gplmt.shows("up")
        gplmt.halt()
        await asyncio.sleep(1.5)
        gplmt.go_on()
        await gplmt.shows("ended with 7")


async def test_other_nodes_go_on_even_on_the_same_machine(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    server = asyncssh_server()
    proxy = fault_proxy(server)
    host = node_hosts.make({"n1": proxy.server, "n2": server, "n3": server}, grace_seconds=0.5)
    text = "setsid sleep 1000 & echo up; wait"
    executions = [host.begin(text, on=name) for name in ("n1", "n2", "n3")]
    for execution in executions:
        await up(execution)
    proxy.reset()
    await lose(executions[:1])
    await until(lambda: len(host.marked()) == 4)
    await executions[1].cancel()
    assert len(host.marked()) == 2
    assert not executions[2].task.done()
    await executions[2].cancel()


@pytest.mark.openssh
async def test_the_loss_of_a_further_connection_takes_only_what_ran_on_it(
    openssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    host = node_hosts.make(openssh_server(settings={"MaxSessions": "2"}), grace_seconds=0.5)
    executions = []
    for _ in range(2):
        executions.append(host.begin("echo $PPID; setsid sleep 1000 & exec sleep 1000"))
        await executions[-1].stdout.shows("\n")
    first, second = (int(execution.stdout.data) for execution in executions)
    assert first != second
    os.kill(second, signal.SIGKILL)
    await lose(executions[1:])
    assert len(host.marked()) == 2
    assert not executions[0].task.done()
    assert (await host.run("echo again")).stdout == b"again\n"
    await executions[0].cancel()


async def refused(host: Host) -> str:
    """Why a task of a target fails at once."""
    begun = time.monotonic()
    with pytest.raises(ConnectError) as caught:
        await host.run("true")
    assert time.monotonic() - begun < 1.0
    return str(caught.value)


async def break_off(proxy: FaultProxy, host: Host) -> None:
    """Break a node's connection, and refuse others."""
    execution = host.begin("echo up; exec sleep 1000")
    await up(execution)
    proxy.refuse()
    proxy.reset()
    await lose([execution])
    await until(lambda: host.marked() == {})


async def test_after_two_failures_a_target_is_out_until_it_is_back(
    asyncssh_server: StartServer,
    fault_proxy: StartProxy,
    node_hosts: NodeHosts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers, "_RETRY_SECONDS", 0.3)
    proxy = fault_proxy(asyncssh_server())
    host = node_hosts.make(proxy.server)
    proxy.refuse()
    assert "out" not in await refused(host)
    assert "out" not in await refused(host)
    message = await refused(host)
    assert message.startswith("the target is out since 20")
    assert " UTC: " in message
    assert "refused" in message
    await asyncio.sleep(0.7)  # in which it is tried twice
    assert await refused(host) == message
    proxy.accept()
    await until(lambda: "target 'n1' is back" in node_hosts.warnings)
    assert (await host.run("echo here")).stdout == b"here\n"
    assert len(node_hosts.warnings) == 2
    assert node_hosts.warnings[0].startswith("target 'n1' is out: ")
    await break_off(proxy, host)
    assert "out" not in await refused(host)


async def test_a_loss_is_a_failure_as_well(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(asyncssh_server())
    host = node_hosts.make(proxy.server)
    assert (await host.run("true")).returncode == 0
    await break_off(proxy, host)
    assert "out" not in await refused(host)
    assert (await refused(host)).startswith("the target is out since")


async def test_a_success_between_two_failures_makes_the_first_good(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(asyncssh_server())
    host = node_hosts.make(proxy.server)
    for _ in range(3):
        await break_off(proxy, host)
        proxy.accept()
        assert (await host.run("true")).returncode == 0
    assert node_hosts.warnings == []


async def test_an_out_target_does_not_keep_the_run_from_ending(
    asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(asyncssh_server())
    proxy.refuse()
    host = node_hosts.make(proxy.server)
    for _ in range(3):
        await refused(host)
    assert await host.stop_leftovers() == ()
    begun = time.monotonic()
    await host.close()
    assert time.monotonic() - begun < 0.5


@pytest.mark.openssh
async def test_what_was_written_before_the_loss_is_kept(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(openssh_server())
    host = node_hosts.make(proxy.server)
    execution = host.begin("head -c 3000000 /dev/zero; echo err >&2; sleep 1000")
    await until(lambda: len(execution.stdout.data) == 3_000_000)
    await execution.stderr.shows("err")
    proxy.reset()
    await lose([execution])
    assert execution.stderr.data == b"err\n"
    await until(lambda: host.marked() == {})
