"""The guard: what happens to local commands when gplmt itself is killed (LANGUAGE.md 7.5)."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gplmt.errors import LaunchError
from gplmt.transports.guard import packed_script
from gplmt.transports.local import LocalTransport
from tests.support.processes import called_with, is_alive, marked_by, until
from tests.transports.contracts.stopping import CHILDREN, DEAF
from tests.transports.controlled import ROOT, SLACK_SECONDS, Controller, controlled
from tests.transports.controller import Settings, Told
from tests.transports.guards import all_shells
from tests.transports.host import Hosts


@asynccontextmanager
async def controller(
    directory: Path,
    *commands: Told,
    shell: Sequence[str] = ("/bin/sh",),
    grace_seconds: float = 5.0,
    pause: float = 0.0,
) -> AsyncIterator[Controller]:
    settings = Settings(
        directory=str(directory),
        token=f"t{secrets.token_hex(8)}",
        grace_seconds=grace_seconds,
        guard_shell=tuple(shell),
        commands=list(commands),
        pause=pause,
    )
    async with controlled(settings) as started:
        yield started
    await until(lambda: not started.guard(), seconds=grace_seconds + SLACK_SECONDS + 3)
    assert started.alive() == {}


@all_shells
async def test_what_obeys_is_gone_at_once(shell: Sequence[str], tmp_path: Path) -> None:
    argument = f"1000.{secrets.randbelow(10**9)}"
    kinds = [text for kind, text in CHILDREN.items() if kind != "stopped"]
    commands = [Told(text.replace("1000", argument)) for text in kinds]
    async with controller(tmp_path, *commands, shell=shell, grace_seconds=30.0) as gplmt:
        await gplmt.shows("up", len(kinds))
        assert len(called_with(argument)) >= len(kinds)
        killed = await gplmt.kill()
        await until(lambda: not gplmt.alive() and not called_with(argument))
        await until(lambda: not gplmt.guard())
        assert time.monotonic() - killed < SLACK_SECONDS


@all_shells
async def test_what_is_deaf_is_killed_after_the_grace_period(
    shell: Sequence[str], tmp_path: Path
) -> None:
    argument = f"1000.{secrets.randbelow(10**9)}"
    commands = [Told(DEAF + text.replace("1000", argument)) for text in CHILDREN.values()]
    async with controller(tmp_path, *commands, shell=shell, grace_seconds=1.0) as gplmt:
        await gplmt.shows("up", len(commands))
        killed = await gplmt.kill()
        alive = gplmt.alive()
        await until(lambda: not gplmt.alive() and not called_with(argument))
        assert time.monotonic() - killed < 1.0 + SLACK_SECONDS
        assert len(alive) >= len(commands)


@all_shells
async def test_the_grace_period_is_there_to_tidy_up(shell: Sequence[str], tmp_path: Path) -> None:
    loop = "while :; do sleep 0.05; done"
    text = f"trap 'sleep 0.5; echo {{0}} >{{0}}; exit' {{0}}; echo up; exec 2>&-; {loop}"
    commands = [Told(text.format(name), stop_signal=name) for name in ("TERM", "INT", "USR1")]
    async with controller(tmp_path, *commands, shell=shell) as gplmt:
        await gplmt.shows("up", 3)
        await gplmt.kill()
        await until(lambda: not gplmt.alive())
    assert all((tmp_path / name).exists() for name in ("TERM", "INT", "USR1"))


@all_shells
async def test_each_process_is_asked_once(shell: Sequence[str], tmp_path: Path) -> None:
    loop = "n=0; while [ $n -lt 20 ]; do sleep 0.05; n=$((n+1)); done"
    (tmp_path / "polite").write_text(f"trap 'echo asked >>$1' TERM\necho up\nexec >&-\n{loop}\n")
    text = "exec 2>&-; setsid sh polite outside & sh polite inside; true"
    async with controller(tmp_path, Told(text), shell=shell) as gplmt:
        await gplmt.shows("up", 2)
        await gplmt.kill()
        await until(lambda: not gplmt.alive())
    assert (tmp_path / "inside").read_text() == "asked\n"
    assert (tmp_path / "outside").read_text() == "asked\n"


@all_shells
async def test_only_what_shall_live_on_does(shell: Sequence[str], tmp_path: Path) -> None:
    kept, stopped = (f"1000.{secrets.randbelow(10**9)}" for _ in range(2))
    leaving = "sleep {0} >/dev/null 2>&1 & setsid sleep {0} >/dev/null 2>&1 &"
    commands = [
        Told(leaving.format(kept), leave_running=True),
        Told(leaving.format(stopped)),
        Told(f"setsid sleep {stopped} & echo up; sleep {stopped}", leave_running=True),
        Told(f"env -i sleep {stopped} &"),
    ]
    async with controller(tmp_path, *commands, shell=shell) as gplmt:
        await gplmt.shows("up")
        await gplmt.shows("ended", 3)
        await until(lambda: (len(called_with(kept)), len(called_with(stopped))) == (2, 5))
        await gplmt.kill()
        await until(lambda: not called_with(stopped))
        await until(lambda: not gplmt.guard())
        survivors = called_with(kept)
        for pid in survivors:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: not gplmt.alive())
    assert len(survivors) == 2


async def test_a_kill_at_any_moment_leaves_nothing(tmp_path: Path) -> None:
    chance = random.Random(11)  # noqa: S311
    commands = [Told("setsid sleep 1000 & sleep 1000 & setsid sleep 1000")] * 30
    for _ in range(6):
        async with controller(tmp_path, *commands, grace_seconds=1.0, pause=0.003) as gplmt:
            # At first nothing has been started, at last nearly all.
            await until(lambda gplmt=gplmt: bool(gplmt.guard()))  # type: ignore[misc]
            await asyncio.sleep(chance.uniform(0, 0.1))
            killed = await gplmt.kill()
            await until(lambda gplmt=gplmt: not gplmt.alive())  # type: ignore[misc]
            assert time.monotonic() - killed < 1.0 + SLACK_SECONDS


async def test_a_guard_that_dies_is_replaced_and_knows_what_runs(tmp_path: Path) -> None:
    argument = f"1000.{secrets.randbelow(10**9)}"
    command = Told(f"echo up; env -i sleep {argument}; true")
    async with controller(tmp_path, command) as gplmt:
        await gplmt.shows("up")
        (first,) = gplmt.guard()
        os.kill(first, signal.SIGKILL)
        await until(lambda: bool(gplmt.guard()) and gplmt.guard() != [first])
        await gplmt.kill()
        await until(lambda: not called_with(argument))


async def test_signals_do_not_end_the_guard(tmp_path: Path) -> None:
    async with controller(tmp_path, Told("echo up; sleep 1000")) as gplmt:
        await gplmt.shows("up")
        (guard,) = gplmt.guard()
        await until(lambda: _ignored_signals(guard) != 0)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
            os.kill(guard, number)
        await gplmt.kill()
        await until(lambda: not gplmt.alive())


async def test_the_guard_is_out_of_everybodys_way(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPLMT_COMMAND_ID", "outer-s1.1/n1")
    host = hosts.make()
    assert not called_with(host.token)
    await host.run("true")
    await until(lambda: len(called_with(host.token)) == 1)
    (guard,) = called_with(host.token)
    assert os.getsid(guard) == guard != os.getsid(0)
    assert guard not in marked_by("GPLMT_")
    await until(lambda: Path(f"/proc/{guard}/cwd").readlink() == Path("/"))
    await host.close()
    assert not is_alive(guard)


async def test_a_gplmt_inside_a_command_is_stopped_with_all_that_it_runs(
    hosts: Hosts, tmp_path: Path
) -> None:
    settings = Settings(
        directory=str(tmp_path),
        token=f"t{secrets.token_hex(8)}",
        grace_seconds=0.3,
        commands=[Told(f"{DEAF} setsid sleep 1000 & echo up; sleep 1000")],
    )
    host = hosts.make()
    execution = host.begin(
        'exec "$PYTHON" -m tests.transports.controller "$SETTINGS"',
        environment={"PYTHON": sys.executable, "SETTINGS": msgspec.json.encode(settings).decode()},
        directory=str(ROOT),
    )
    await execution.stdout.shows("up")
    assert marked_by(f"GPLMT_COMMAND_ID={settings.token}-")
    await execution.cancel()
    await until(lambda: not marked_by(settings.token), seconds=0.3 + SLACK_SECONDS)


async def test_closing_ends_the_guard_and_spares_what_shall_live_on(hosts: Hosts) -> None:
    host = hosts.make()
    await host.run("sleep 1000 >/dev/null 2>&1 &", leave_running=True)
    await host.close()
    (survivor,) = host.marked()
    assert called_with(host.token) == {}
    os.kill(survivor, signal.SIGKILL)
    await until(lambda: host.marked() == {})


async def test_the_guard_is_told_of_each_group_and_of_its_end(hosts: Hosts, tmp_path: Path) -> None:
    shell = tmp_path / "shell"
    script = f"while read line; do echo $line >>{tmp_path}/lines; [ $line = quit ] && exit; done"
    shell.write_text(f"#!/bin/sh\n{script}\n")
    shell.chmod(0o755)
    host = hosts.make(guard_shell=(str(shell),))
    for leave_running in (False, True):
        await host.run("true", leave_running=leave_running)
        await host.run("sleep 0.1 &", leave_running=leave_running)
        execution = host.begin("echo up; sleep 1000", leave_running=leave_running)
        await execution.stdout.shows("up")
        await execution.cancel()
    await host.stop_leftovers()
    await host.close()
    await until(lambda: host.marked() == {})
    lines = (tmp_path / "lines").read_text().split()
    assert lines.pop() == "quit"
    words = {line[1:] for line in lines}
    assert len(words) == 6 + 1 + 3  # groups, one that was left, marks of what shall be left
    for word in words:
        assert [line[0] for line in lines if line[1:] == word] == ["+", "-"]


async def test_without_a_guard_nothing_is_started(hosts: Hosts) -> None:
    host = hosts.make(guard_shell=("/missing/sh",))
    execution = host.begin("echo x")
    with pytest.raises(LaunchError, match="guard of local commands cannot be started: no such"):
        await execution.returncode()
    assert execution.stdout.closed == 1


async def test_a_guard_that_cannot_live_is_not_started_again_and_again(
    hosts: Hosts, tmp_path: Path
) -> None:
    shell = tmp_path / "shell"
    shell.write_text(f"#!/bin/sh\necho x >>'{tmp_path}/starts'\n")
    shell.chmod(0o755)
    host = hosts.make(guard_shell=(str(shell),))
    for _ in range(3):
        assert (await host.run("sleep 0.1")).returncode == 0
    assert (tmp_path / "starts").read_text() == "x\nx\nx\n"


async def test_a_guard_that_does_not_read_holds_nobody_up(hosts: Hosts) -> None:
    host = hosts.make()
    transport = host.transport
    assert isinstance(transport, LocalTransport)
    await host.run("true")
    await until(lambda: len(called_with(host.token)) == 1)
    (guard,) = called_with(host.token)
    os.kill(guard, signal.SIGSTOP)
    try:
        executions = [host.begin("exec sleep 1000") for _ in range(20)]
        for number in range(20_000):
            transport._guard.add(f"x{number}/")
        for execution in executions:
            await execution.cancel()
    finally:
        os.kill(guard, signal.SIGCONT)
    await host.close()
    assert not is_alive(guard)


@all_shells
@pytest.mark.parametrize(
    ("lines", "survives"),
    [
        ("+{0}:TERM\n", False),
        ("+{0}:KILL\n", False),
        ("+{0}:TERM", True),  # half a line was never said
        ("+{0}:TERM\nquit\n", True),
        ("+{0}:TERM\n-{0}:TERM\n", True),
        ("+{0}:TERM\n+1{0}:TERM\n-1{0}:TERM\n", False),
        ("+1{0}:TERM\n+{0}:TERM\n+2{0}:TERM\n-{0}:TERM\n", True),
        ("-{0}:TERM\n+{0}:TERM\n", False),
        # The number of a reaped shell is another's now.
        ("+{0}:TERM:left\n", True),
        ("", True),
    ],
)
async def test_a_group_is_stopped_when_the_lines_end(
    lines: str, survives: bool, shell: Sequence[str]
) -> None:
    victim = await asyncio.create_subprocess_exec("sleep", "1000", start_new_session=True)
    try:
        await _run_guard(lines.format(victim.pid), shell=shell)
        assert is_alive(victim.pid) is survives
    finally:
        if is_alive(victim.pid):
            victim.kill()
        await victim.wait()


@all_shells
async def test_a_group_of_zombies_is_gone(shell: Sequence[str]) -> None:
    zombie = subprocess.Popen(("true",), start_new_session=True)  # noqa: ASYNC220, S607
    await until(lambda: not is_alive(zombie.pid))
    begun = time.monotonic()
    await _run_guard(f"+{zombie.pid}:TERM\n", shell=shell)
    assert time.monotonic() - begun < 3
    zombie.wait()


async def _run_guard(lines: str, *, shell: Sequence[str]) -> None:
    guard = await asyncio.create_subprocess_exec(
        *(*shell, "-c", packed_script(), "gplmt-guard", f"t{secrets.token_hex(8)}", "5"),
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    async with asyncio.timeout(10):
        await guard.communicate(lines.encode())


def _ignored_signals(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("SigIgn:")[2].split()[0], 16)


def test_the_packed_script_fits_an_argument_many_times() -> None:
    assert len(packed_script()) < 8000
