"""What commands on nodes are given, and what comes back (LANGUAGE.md 5.4, 6.2)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gplmt.errors import ConnectionLostError, LaunchError
from tests.support.processes import open_descriptors, until
from tests.support.ssh.fixtures import StartProxy, StartServer
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server
from tests.transports.contracts.commands import *  # noqa: F403
from tests.transports.contracts.commands import LONG
from tests.transports.host import Counter, Host, Output
from tests.transports.ssh.node_host import NodeHosts

MEGABYTE = 1_000_000
SECRET = "4c1b0e6a"  # noqa: S105


async def test_the_marker_names_run_connection_command_and_target(host: Host) -> None:
    result = await host.run('echo "$GPLMT_COMMAND_ID"', on="n2")
    assert result.stdout.decode() == f"{host.token}.1-s1.1/n2\n"


async def test_commands_get_what_the_server_gives_and_their_own(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_EXECUTION_HOST", "1")
    result = await host.run("env", environment={"OWN": "2"})
    variables = dict(line.split("=", 1) for line in result.stdout.decode().splitlines())
    assert variables["HOME"] == str(host.directory)
    assert variables["OWN"] == "2"
    assert "SSH_CONNECTION" in variables
    assert "OF_THE_EXECUTION_HOST" not in variables


async def test_nothing_of_an_environment_is_in_a_process_list(host: Host) -> None:
    for length in (1, 5000, 100_000):
        value = f"{SECRET}{'x' * length}"
        execution = host.begin("echo up; exec sleep 1000", environment={"V": value})
        seen: set[str] = set()
        while b"up" not in execution.stdout.data:
            seen |= with_word_in_sight(SECRET)
            await asyncio.sleep(0)
        assert seen | with_word_in_sight(SECRET) == set()
        await execution.cancel()


def with_word_in_sight(word: str) -> set[str]:
    """The command lines in which a word is."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if word.encode() in line:
            found.add(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


async def test_death_by_a_signal_without_a_name_is_no_status(server: Server, host: Host) -> None:
    for number in (7, 16, 34):  # BUS, STKFLT, RTMIN: not in RFC 4254
        if server.kind == "dropbear":  # which tells nothing
            with pytest.raises(ConnectionLostError):
                await host.run(f"kill -{number} $$")
        else:
            assert (await host.run(f"kill -{number} $$")).returncode < 0


@pytest.mark.parametrize("server", of_kinds("openssh-dash", "openssh-busybox"), indirect=True)
async def test_a_directory_that_may_not_be_entered_is_named(host: Host) -> None:
    if os.geteuid() != 0:
        pytest.skip("ORDINARY USERS NOT TESTED: only root can make directories that are not theirs")
    host.make_directory("closed").chmod(0o700)
    with pytest.raises(LaunchError, match="directory 'closed': permission denied"):
        await host.run("true", directory="closed")
    with pytest.raises(LaunchError, match="directory 'closed/inside'"):
        await host.run("true", directory="closed/inside")


async def test_a_file_on_stdin_is_closed_however_its_command_ends(
    host: Host, tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(bytes(3 * MEGABYTE))
    assert (await host.run("exit 3", stdin=tmp_path / "in")).returncode == 3
    for text in ("echo up; exec sleep 1000", "echo up; exec cat >/dev/null"):
        for path in (tmp_path / "in", Path("/dev/zero")):
            execution = host.begin(text, stdin=path)
            await execution.stdout.shows("up")
            await execution.cancel()
    with pytest.raises(LaunchError):
        await host.run("true", stdin=tmp_path / "in", directory="missing")
    assert {str(tmp_path / "in"), "/dev/zero"}.isdisjoint(open_descriptors().values())


@pytest.mark.openssh
async def test_output_takes_no_memory_and_waits_for_who_is_slow(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(openssh_server())
    host = node_hosts.make(proxy.server)
    await host.run("true")
    before = peak_memory()
    counter = Counter()
    assert await host.begin("head -c 40000000 /dev/zero", stdout=counter).returncode() == 0
    assert counter.size == 40 * MEGABYTE
    slow = Output(pause_after=1)
    execution = host.begin("head -c 40000000 /dev/zero", stdout=slow)
    await until(lambda: len(slow.data) > 0)
    passed = proxy.bytes_to_client
    await asyncio.sleep(0.5)
    assert proxy.bytes_to_client - passed < 10 * MEGABYTE
    assert len(slow.data) <= 65_536
    assert peak_memory() - before < 24 * MEGABYTE
    slow.go_on()
    assert await execution.returncode() == 0
    assert len(slow.data) == 40 * MEGABYTE


def peak_memory() -> int:
    """The most bytes of memory that this process has had since this was last asked."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.openssh
async def test_input_waits_for_a_command_that_is_slow(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts, tmp_path: Path
) -> None:
    proxy = fault_proxy(openssh_server())
    host = node_hosts.make(proxy.server)
    (tmp_path / "in").write_bytes(bytes(40 * MEGABYTE))
    go = host.make_fifo("go")
    execution = host.begin("echo up; read x <go; wc -c", stdin=tmp_path / "in")
    await execution.stdout.shows("up")
    await asyncio.sleep(0.5)
    assert proxy.bytes_to_server < 8 * MEGABYTE
    assert (await host.run("echo others go on")).returncode == 0
    await asyncio.to_thread(go.write_text, "go\n")
    assert await execution.returncode() == 0
    assert execution.stdout.data.split() == [b"up", b"40000000"]


@pytest.mark.parametrize("text", ["echo x", f"{LONG}echo x"], ids=["short", "long"])
async def test_a_slow_network_changes_nothing(
    text: str, asyncssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(asyncssh_server())
    host = node_hosts.make(proxy.server)
    await host.run("true")
    proxy.delay(0.05)
    proxy.limit(500_000)
    result = await host.run(text)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"x\n", b"")
    leftover = host.begin("sleep 1000 & head -c 100000 /dev/zero; echo end")
    assert await leftover.returncode() == 0
    assert leftover.stdout.data == bytes(100_000) + b"end\n"
    await host.stop_leftovers()
