"""What commands leave running on nodes when their shell has ended (LANGUAGE.md 6.2, 11.1)."""

from __future__ import annotations

import gc
import os
import secrets
import signal

import pytest

from gplmt.transports.ssh import endings
from gplmt.transports.ssh.sessions import CommandSession
from tests.support.processes import called_with, until
from tests.support.ssh.fixtures import StartServer
from tests.transports.contracts.leftovers import *  # noqa: F403
from tests.transports.contracts.leftovers import end, names, sleepers
from tests.transports.host import Counter
from tests.transports.ssh.node_host import NodeHosts


@pytest.mark.openssh
async def test_an_endless_writer_does_not_keep_the_run_from_ending(
    openssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    host = node_hosts.make(openssh_server())
    stdout = Counter()
    execution = host.begin("yes & sleep 0.1; exit 3", stdout=stdout)
    assert await execution.returncode() == 3
    assert stdout.size > 0
    await host.stop_leftovers()


@pytest.mark.openssh
async def test_leftovers_are_known_after_hundreds_of_commands(
    openssh_server: StartServer, node_hosts: NodeHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "_PRUNE_AT", 20)
    host = node_hosts.make(openssh_server())
    for number in range(110):
        if number % 10 == 3:
            await host.run("setsid sleep 1000 >/dev/null 2>&1 &")
        else:
            await host.run("true")
    gc.collect()
    kept = [thing for thing in gc.get_objects() if isinstance(thing, CommandSession)]
    assert len(kept) < 5
    assert len(host.transport._peers["n1"].attachment._endings.marks) < 60  # type: ignore[attr-defined]
    await until(lambda: sleepers(host) == 11)
    found = await host.stop_leftovers()
    assert names(found) == [["sleep"]] * 11
    # In no order that counts: a machine finds processes by their numbers, which begin again.
    assert {leftover.identity for leftover in found} == {
        f"{n}4.1" if n else "4.1" for n in range(11)
    }


@pytest.mark.openssh
async def test_the_death_of_the_server_ends_what_shall_not_live_on_only(
    openssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    argument = f"1000.{secrets.randbelow(10**9)}"
    server = openssh_server()
    host = node_hosts.make(server, grace_seconds=0.5)
    await host.run(f"setsid sleep {argument} >/dev/null 2>&1 &", leave_running=True)
    await host.run("setsid sleep 1000 & env -i sleep 1000 &")
    await until(lambda: sleepers(host) == 2)
    server.kill_sessions()
    await until(lambda: list(host.marked()) == list(called_with(argument)))
    assert len(called_with(argument)) == 1
    assert await host.stop_leftovers() == ()
    await end(host)


@pytest.mark.openssh
async def test_a_server_left_running_can_still_write(
    openssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    host = node_hosts.make(openssh_server())
    go = host.make_fifo("go")
    server = "(read x <go; head -c 300000 /dev/zero; echo err >&2; touch written; exec sleep 1000)"
    execution = host.begin(f"{server} & echo up", leave_running=True)
    await execution.returncode()
    await host.close()
    await execution.closed()
    assert execution.stdout.data == b"up\n"
    writer = os.open(go, os.O_WRONLY | os.O_NONBLOCK)
    os.write(writer, b"go\n")
    os.close(writer)
    await until((host.directory / "written").exists)
    for pid in host.marked():
        os.kill(pid, signal.SIGKILL)
    await until(lambda: host.marked() == {})
