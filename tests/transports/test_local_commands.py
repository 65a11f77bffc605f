"""What local commands are given beyond what all are, and what they cost (LANGUAGE.md 5.4, 6.2)."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from gplmt.commands import Completed
from gplmt.errors import LaunchError
from tests.support.processes import open_descriptors
from tests.transports.contracts.commands import *  # noqa: F403
from tests.transports.contracts.commands import LONG, MEBIBYTE, TEXTS
from tests.transports.host import Counter, Host, Hosts


async def test_fifty_megabytes_of_output_take_no_memory(host: Host) -> None:
    counter = Counter()
    await host.run(":")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    execution = host.begin("head -c 52428800 /dev/zero", stdout=counter)
    assert await execution.returncode() == 0
    assert counter.size == 50 * MEBIBYTE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * 1024


async def test_the_environment_is_inherited_and_the_commands_own_wins(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEPT", "inherited")
    monkeypatch.setenv("CHANGED", "inherited")
    host = hosts.make()
    result = await host.run('echo "$KEPT $CHANGED"', environment={"CHANGED": "own"})
    assert result.stdout == b"inherited own\n"


async def test_inherited_bytes_that_are_no_text_survive(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAW", os.fsdecode(b"\xff\xfe"))
    host = hosts.make()
    assert (await host.run('printf %s "$RAW"')).stdout == b"\xff\xfe"


async def test_the_marker_names_run_command_and_target(host: Host) -> None:
    result = await host.run('echo "$GPLMT_COMMAND_ID"')
    assert result.stdout.decode() == f"{host.token}-s1.1/n1\n"


async def test_a_command_gets_the_descriptor_limit_that_was_asked_for(hosts: Hosts) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = min(soft, hard, 1024) - 1
    host = hosts.make(descriptor_limit=limit)
    assert (await host.run("sleep 0.01; ulimit -S -n")).stdout.decode() == f"{limit}\n"
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)


async def test_texts_go_wrong_as_they_do_in_a_shell(host: Host) -> None:
    for text in (*TEXTS, "-n() { echo function; }; -n 2>&1 || true", "echo 'unended", "nothing"):
        shell = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", text, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        stdout, stderr = await shell.communicate()
        result = await host.run(text)
        assert (result.returncode, result.stdout) == (shell.returncode, stdout)
        assert result.stderr == stderr


async def test_a_long_text_goes_wrong_as_a_short_one_does(host: Host) -> None:
    for text in ("echo $LINENO", "echo 'unended", "nothing"):
        short, long = await host.run(f"\n{text}"), await host.run(LONG + text)
        assert (long.returncode, long.stdout) == (short.returncode, short.stdout)
        assert long.stderr.replace(b"/dev/stdin: ", b"") == short.stderr


async def test_twenty_megabytes_are_a_text(host: Host) -> None:
    line = "n=$((n+1)) # " + "é" * 5000 + "\n"
    lines = 20 * MEBIBYTE // len(line.encode()) + 1
    assert (await host.run(line * lines + "echo $n")).stdout == f"{lines}\n".encode()


async def test_running_out_of_descriptors_is_an_error_of_the_command_alone(host: Host) -> None:
    await host.run("true")
    before = open_descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for spare in range(1, 7):
            lowest_free = _lowest_free_descriptors(spare)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
            with pytest.raises(LaunchError, match="too many open files"):
                await host.run("true")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert open_descriptors() == before
    assert (await host.run("true")).returncode == 0


async def test_the_end_is_seen_without_a_descriptor_for_the_process(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert (await host.run("sleep 0.1; exit 7")).returncode == 7


async def test_a_thousand_commands_keep_no_descriptor(host: Host) -> None:
    await host.run("true")
    before = open_descriptors()
    for _ in range(40):
        executions = [host.begin("echo x") for _ in range(25)]
        for execution in executions:
            assert await execution.returncode() == 0
            assert execution.stdout.data == b"x\n"
    assert open_descriptors() == before


async def test_two_hundred_commands_run_at_once(host: Host, tmp_path: Path) -> None:
    text = "echo x >>started; while [ ! -e go ]; do sleep 0.2; done; echo $N"
    executions = [host.begin(text, environment={"N": str(number)}) for number in range(200)]
    started = tmp_path / "started"
    while not started.exists() or started.stat().st_size < 2 * 200:
        assert (await host.run("sleep 0.02")).returncode == 0
    (tmp_path / "go").touch()
    for number, execution in enumerate(executions):
        assert await execution.returncode() == 0
        assert execution.stdout.data == f"{number}\n".encode()


def test_a_status_is_as_in_subprocess() -> None:
    assert Completed(returncode=-9).signal == 9


def _lowest_free_descriptors(spare: int) -> int:
    """The limit under which `spare` descriptors can still be opened."""
    used = {int(name) for name in open_descriptors()}
    free = (number for number in range(sys.maxsize) if number not in used)
    return [next(free) for _ in range(spare)][-1] + 1
