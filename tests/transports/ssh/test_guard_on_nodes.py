"""The guard of a node while gplmt lives: it is in nobody's way, and is replaced if killed."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from pathlib import Path

import pytest

from gplmt.errors import ConnectionLostError
from tests.support.processes import called_with, until
from tests.support.ssh.fixtures import StartProxy, StartServer
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import kill, started_through
from tests.transports.contracts.leftovers import names
from tests.transports.contracts.stopping import DEAF, SLACK_SECONDS, up
from tests.transports.host import Host
from tests.transports.ssh.node_host import HostsOnServer, NodeHosts

LEASE_SECONDS = 4.0  # what a guard that is killed leaves goes within a fifth of it
guard_shells = pytest.mark.parametrize(
    "server", of_kinds("openssh-dash", "openssh-bash", "openssh-busybox", "dropbear"), indirect=True
)


def guard_on(server: Server, host: Host) -> int | None:
    """The guard there, if there is one: a shell that nobody has told to run a text."""
    ours = started_through(server.port) - set(host.marked())
    found = [
        pid
        for pid in ours
        if _words(pid) == [b"/bin/sh"] and _parent(pid) not in ours and _is_told_things(pid)
    ]
    return found[0] if len(found) == 1 else None


async def guarded(server: Server, host: Host, *, instead_of: int | None = None) -> int:
    """Wait for a guard, but for one that there was."""
    await until(lambda: guard_on(server, host) not in (None, instead_of))
    pid = guard_on(server, host)
    assert pid is not None
    return pid


async def kill_guard(server: Server, host: Host) -> None:
    """Kill the guard, and wait for another."""
    first = await guarded(server, host)
    os.kill(first, signal.SIGKILL)
    await guarded(server, host, instead_of=first)


@guard_shells
async def test_a_guard_is_out_of_everybodys_way(server: Server, hosts: HostsOnServer) -> None:
    host = hosts.make(lease_seconds=LEASE_SECONDS)
    result = await host.run("env")
    pid = await guarded(server, host)
    assert b"GPLMT" not in _read(pid, "environ")
    assert _target(pid, "cwd") == "/"
    assert b"guard" not in result.stdout
    assert called_with(host.token) == {}
    await host.close()
    await until(lambda: guard_on(server, host) is None)


@guard_shells
async def test_commands_go_on_when_their_guard_is_killed_and_are_guarded_again(
    server: Server, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    argument = f"1000.{secrets.randbelow(10**9)}"
    proxy = fault_proxy(server)
    host = node_hosts.make(proxy.server, grace_seconds=0.5, lease_seconds=LEASE_SECONDS)
    await host.run(f"env -i sleep {argument} >/dev/null 2>&1 &")
    ending = host.begin("echo up; sleep 0.5; exit 7")
    running = host.begin(f"env -i sleep {argument} & setsid sleep {argument} & echo up; wait")
    for execution in (ending, running):
        await up(execution)
    await until(lambda: len(called_with(argument)) == 3)
    await kill_guard(server, host)
    assert await ending.returncode() == 7
    assert (await host.run("echo more")).stdout == b"more\n"
    assert len(called_with(argument)) == 3
    proxy.reset()
    await until(lambda: called_with(argument) == {}, seconds=0.5 + SLACK_SECONDS)
    with pytest.raises(ConnectionLostError):
        await running.returncode()


@guard_shells
async def test_a_stop_is_not_forgotten_with_the_guard_that_was_asked(
    server: Server, hosts: HostsOnServer
) -> None:
    host = hosts.make(grace_seconds=1.0, lease_seconds=LEASE_SECONDS)
    executions = [
        host.begin(f"{DEAF} echo up; sleep 1000; sleep 1000"),
        host.begin("trap 'echo asked' TERM; echo up; while :; do sleep 0.05; done"),
    ]
    for execution in executions:
        await up(execution)
        execution.task.cancel()
    await executions[1].stdout.shows("asked")
    kill(started_through(server.port) - set(host.marked()))  # those who stop for it as well
    await asyncio.wait([execution.task for execution in executions], timeout=20)
    assert all(execution.task.cancelled() for execution in executions)
    assert host.marked() == {}
    assert (await host.run("echo again")).stdout == b"again\n"


@guard_shells
async def test_leftovers_are_found_by_another_guard_than_that_of_their_commands(
    server: Server, hosts: HostsOnServer
) -> None:
    argument = f"1000.{secrets.randbelow(10**9)}"
    host = hosts.make(lease_seconds=LEASE_SECONDS)
    await host.run(f"env -i sleep {argument} & setsid sleep {argument} &")
    await until(lambda: len(called_with(argument)) == 2)
    await kill_guard(server, host)
    assert names(await host.stop_leftovers()) == [["sleep", "sleep"]]
    assert called_with(argument) == {}


@guard_shells
async def test_commands_wait_while_there_is_no_guard(server: Server, hosts: HostsOnServer) -> None:
    host = hosts.make(lease_seconds=LEASE_SECONDS)
    for number in range(3):
        first = host.begin("echo up; exec sleep 1000")
        await up(first)
        os.kill(await guarded(server, host), signal.SIGKILL)
        assert (await host.run(f"echo {number}")).stdout == b"%d\n" % number
        await first.cancel()
        assert host.marked() == {}


@guard_shells
async def test_a_kill_reaches_what_runs_though_the_guard_was_killed(
    server: Server, hosts: HostsOnServer
) -> None:
    host = hosts.make(lease_seconds=LEASE_SECONDS)
    execution = host.begin(f"{DEAF} setsid sleep 1000 & echo up; sleep 1000; sleep 1000")
    await up(execution)
    os.kill(await guarded(server, host), signal.SIGKILL)
    host.transport.kill()
    await asyncio.wait([execution.task], timeout=5)
    await until(lambda: host.marked() == {})
    execution.task.exception()


@pytest.mark.openssh
async def test_a_node_whose_guard_does_not_answer_is_lost(
    openssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    server = openssh_server()
    host = node_hosts.make(server, grace_seconds=0.5, lease_seconds=1.5)
    execution = host.begin("echo up; exec sleep 1000")
    await up(execution)
    guard = await guarded(server, host)
    os.kill(guard, signal.SIGSTOP)
    begun = time.monotonic()
    with pytest.raises(ConnectionLostError, match="the node does not answer"):
        await execution.returncode()
    assert time.monotonic() - begun < 1.5 + 0.5
    os.kill(guard, signal.SIGCONT)
    await until(lambda: host.marked() == {})


def _is_told_things(pid: int) -> bool:
    """Whether its stdin is a channel, as that of what it has started is not."""
    return _target(pid, "fd/0") not in (None, "/dev/null")


def _words(pid: int) -> list[bytes]:
    return _read(pid, "cmdline").split(b"\0")[:-1]


def _parent(pid: int) -> int:
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _target(pid: int, name: str) -> str | None:
    try:
        return str(Path(f"/proc/{pid}/{name}").readlink())
    except OSError:
        return None
