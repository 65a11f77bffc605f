"""Login shells that are noisy, or no POSIX shells (LANGUAGE.md 5.4, 6.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gplmt.errors import LaunchError
from tests.support.ssh.kinds import ODD_SHELLS, of_kinds
from tests.support.ssh.servers import Server
from tests.transports.contracts.commands import LONG, TEXTS
from tests.transports.contracts.stopping import CHILDREN, Family, up
from tests.transports.host import Host
from tests.transports.ssh.node_host import HostsOnServer

# What a .bashrc may do that somebody has written for a terminal.
NOISE = {
    "stdout": "echo welcome; echo to the node",
    "stdout without a newline": "printf 'welcome '",
    "stderr": "echo 'stty: standard input: Inappropriate ioctl for device' >&2",
    "both": "echo welcome; echo oops >&2; printf more; printf oops >&2",
    "much": "head -c 300000 /dev/zero | tr '\\0' x; head -c 50000 /dev/zero | tr '\\0' y >&2",
    "a failure": "false; nothing-like-this; echo $?",
    "options": "set -o noclobber; shopt -s nullglob; alias echo='echo aliased'; trap 'echo t' EXIT",
    "descriptors": "exec 5</dev/null 6>/dev/null",
}
noisy = pytest.mark.parametrize("server", of_kinds("openssh-bash"), indirect=True)
odd = pytest.mark.parametrize("server", of_kinds(*ODD_SHELLS), indirect=True)


@noisy
@pytest.mark.parametrize("kind", NOISE)
async def test_what_a_login_shell_writes_is_not_the_commands(
    kind: str, server: Server, hosts: HostsOnServer, tmp_path: Path
) -> None:
    (server.home / ".bashrc").write_text(f"{NOISE[kind]}\n")
    host = hosts.make()
    (tmp_path / "in").write_bytes(b"from stdin")
    for text in ("echo out; echo err >&2; exit 3", f"{LONG}echo out; echo err >&2; exit 3"):
        result = await host.run(text)
        assert (result.returncode, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    assert (await host.run("cat", stdin=tmp_path / "in")).stdout == b"from stdin"
    with pytest.raises(LaunchError, match=r"'missing': no such file or directory$"):
        await host.run("true", directory="missing")


@noisy
async def test_a_noisy_login_shell_hides_no_output(server: Server, hosts: HostsOnServer) -> None:
    (server.home / ".bashrc").write_text("printf noise; printf noise >&2\n")
    host = hosts.make()
    content = bytes(range(256)) * 1000
    (server.home / "content").write_bytes(content)
    result = await host.run("cat content; cat content >&2")
    assert (result.stdout, result.stderr) == (content, content)


@noisy
async def test_a_login_shell_that_waits_is_waited_for(server: Server, hosts: HostsOnServer) -> None:
    (server.home / ".bashrc").write_text("sleep 0.3\n")
    host = hosts.make()
    execution = host.begin("echo up; exec sleep 1000")
    early = host.begin("echo up; exec sleep 1000")
    await up(execution)
    early.task.cancel()
    await execution.cancel()
    assert host.marked() == {}


@odd
async def test_commands_mean_the_same_to_them(host: Host, tmp_path: Path) -> None:
    for text, expected in TEXTS.items():
        result = await host.run(text)
        assert (result.returncode, result.stdout.decode(), result.stderr) == (0, expected, b"")
    value = "a'b\"c\n$d!e\\f`g`*~"
    result = await host.run('printf %s "$V"; exit 5', environment={"V": value})
    assert (result.returncode, result.stdout.decode()) == (5, value)
    (tmp_path / "in").write_bytes(bytes(range(256)) * 100)
    result = await host.run(f"{LONG}cat", stdin=tmp_path / "in")
    assert result.stdout == bytes(range(256)) * 100
    assert (await host.run("kill -9 $$")).returncode == -9


@odd
async def test_commands_of_theirs_are_stopped(hosts: HostsOnServer) -> None:
    host = hosts.make(grace_seconds=1.0)
    family = Family(host)
    await family.up()
    assert len(family.executions) == len(CHILDREN)
    await family.cancel()
    assert (host.marked(), family.alive()) == ({}, {})
