"""The guard of a node: what it is told, and what it answers (LANGUAGE.md 7.5, 11.1)."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from gplmt.transports.guard import packed_script
from gplmt.transports.ssh.scripts import guard_script
from tests.support.processes import called_with, is_alive, until
from tests.transports.contracts.stopping import DEAF
from tests.transports.guards import all_shells, node_guard, victim

pytestmark = all_shells


def boot_id() -> str:
    """What tells this boot of this machine from all others."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_of(pid: int) -> str:
    """When a process began, in the machine's own time."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


async def reaped(process: asyncio.subprocess.Process) -> None:
    """Wait until a process has ended, whoever holds its output."""
    await until(lambda: process.returncode is not None)


def sleep_word() -> str:
    """A time to sleep that nobody else sleeps for."""
    return f"1000.{secrets.randbelow(10**9)}"


async def test_it_says_what_there_is_to_know_of_a_node(
    shell: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/usr/local/bin/some-shell")
    async with node_guard(shell) as guard:
        pid = guard.process.pid
        boot, own = boot_id(), f"{pid}:{start_of(pid)}"
        assert guard.facts == ["leader", "proc", boot, own, "some-shell"]


async def test_it_knows_that_it_leads_no_group(shell: Sequence[str]) -> None:
    async with node_guard(shell, is_leader=False) as guard:
        assert guard.facts[:2] == ["member", "proc"]


async def test_it_answers_every_beat(shell: Sequence[str]) -> None:
    async with node_guard(shell) as guard:
        guard.tell(".", ".")
        assert [await guard.line(), await guard.line()] == [".", "."]


async def test_without_beats_the_lease_is_over(shell: Sequence[str]) -> None:
    async with node_guard(shell, grace_seconds=0.3, nap_seconds=0.1) as guard:
        marker = f"{guard.token}-s1.1/n1"
        async with victim(f"{DEAF} echo up; sleep 1000; sleep 1000", marker=marker) as command:
            for _ in range(8):  # longer than a lease
                guard.tell(".")
                assert await guard.line() == "."
                await asyncio.sleep(0.1)
            assert is_alive(command.pid)
            begun = time.monotonic()
            assert await guard.line() == "lapsed"
            assert 0.2 < time.monotonic() - begun < 2.0
            assert await guard.line() == ""
            assert not is_alive(command.pid)


async def test_quitting_touches_nothing(shell: Sequence[str]) -> None:
    async with node_guard(shell) as guard:
        marker = f"{guard.token}-s1.1/n1"
        async with victim("echo up; exec sleep 1000", marker=marker) as command:
            guard.tell(f"+{command.pid}:TERM", "quit")
            assert await guard.line() == ""
            await guard.process.wait()
            assert is_alive(command.pid)


async def test_a_stop_ends_groups_and_all_that_is_marked(shell: Sequence[str]) -> None:
    argument, other = sleep_word(), sleep_word()
    text = f"env -i sleep {argument} & setsid sleep {argument} & echo up; sleep {argument}"
    async with node_guard(shell) as guard:
        token = guard.token
        async with (
            victim(text, marker=f"{token}-s1.1/n1") as command,
            victim(f"setsid sleep {other} & echo up; sleep {other}", marker=f"{token}-s1.10/n1"),
        ):
            await until(lambda: len(called_with(argument)) == 3)
            begun = time.monotonic()
            guard.tell(f"stop 7 {command.pid}:TERM s1.1/")
            assert await guard.answer(7) == []
            assert time.monotonic() - begun < 2.0
            assert called_with(argument) == {}
            assert len(called_with(other)) == 2
            guard.tell("stop 8 s1.10/")
            assert await guard.answer(8) == []
            assert called_with(other) == {}


async def test_a_stop_that_takes_long_holds_up_no_other(shell: Sequence[str]) -> None:
    async with node_guard(shell, grace_seconds=1.0) as guard:
        token = guard.token
        async with (
            victim(f"{DEAF} echo up; sleep 1000; sleep 1000", marker=f"{token}-s1.1/n1") as deaf,
            victim("echo up; exec sleep 1000", marker=f"{token}-s2.1/n1") as polite,
        ):
            begun = time.monotonic()
            guard.tell(f"stop 1 {deaf.pid}:TERM s1.1/", f"stop 2 {polite.pid}:TERM s2.1/", ".")
            assert await guard.line() == "."
            assert await guard.line() == "gone 2"
            assert time.monotonic() - begun < 1.0
            assert await guard.line() == "gone 1"
            assert 1.0 <= time.monotonic() - begun < 1.0 + 2.0


async def test_a_kill_asks_nobody(shell: Sequence[str], tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    trap = f"trap 'touch {asked}' TERM EXIT; echo up; while :; do sleep 0.05; done"
    async with node_guard(shell) as guard:
        marker = f"{guard.token}-s1.1/n1"
        text = f'(setsid sh -c "{trap}" >/dev/null &); {trap}'
        async with victim(text, marker=marker) as command:
            guard.tell(f"kill 3 {command.pid}:TERM s1.1/")
            assert await guard.answer(3) == []
            assert not is_alive(command.pid)
    assert not asked.exists()


async def test_a_kill_ends_a_stop_that_has_begun(shell: Sequence[str]) -> None:
    async with node_guard(shell, grace_seconds=30.0) as guard:
        marker = f"{guard.token}-s1.1/n1"
        text = f"{DEAF} setsid sleep 1000 & echo up; sleep 1000; sleep 1000"
        async with victim(text, marker=marker) as command:
            guard.tell(f"stop 1 {command.pid}:TERM s1.1/", f"kill 2 {command.pid}:TERM s1.1/")
            assert {await guard.line(), await guard.line()} == {"gone 1", "gone 2"}
            assert not is_alive(command.pid)


async def test_it_lists_what_is_marked_and_what_groups_have_left(
    shell: Sequence[str], tmp_path: Path
) -> None:
    odd = tmp_path / "a (b) c"
    odd.symlink_to(shutil.which("sleep") or "")
    async with node_guard(shell) as guard:
        token = guard.token
        text = f"'{odd}' 1000 & env -i sleep 1000 & setsid sleep 1000 & echo up; exit"
        async with victim(text, marker=f"{token}-s1.1/n1") as ended:
            await reaped(ended)
            await until(lambda: len(called_with("1000")) >= 3)
            guard.tell(f"+{ended.pid}:TERM", f"={ended.pid}:TERM", f"list 4 {token}-")
            found = [line.split(" ", 5) for line in await guard.answer(4)]
            assert {tuple(words[:2]) for words in found} == {("found", "4")}
            described = sorted((words[4], words[5]) for words in found)
            assert described == [
                ("-", "sleep"),
                (f"{token}-s1.1/n1", "a (b) c"),
                (f"{token}-s1.1/n1", "sleep"),
            ]
            groups = {int(words[3]) for words in found if words[5] != "sleep" or words[4] == "-"}
            assert groups == {ended.pid}
            assert all(os.getpgid(int(words[2])) == int(words[3]) for words in found)
            guard.tell("list 5 -")
            assert [line.split(" ")[4] for line in await guard.answer(5)] == ["-", "-"]
            guard.tell(f"stop 6 {ended.pid}:TERM:left s1.1/")
            assert await guard.answer(6) == []
            guard.tell(f"list 7 {token}-")
            assert await guard.answer(7) == []


async def test_a_prefix_finds_the_commands_of_other_guards(shell: Sequence[str]) -> None:
    async with node_guard(shell) as guard, node_guard(shell) as other:
        run, _, _ = other.token.partition(".")
        async with victim("echo up; exec sleep 1000", marker=f"{other.token}-s1.1/n2") as command:
            guard.tell(f"list 1 {run}.")
            assert await guard.answer(1) == [
                f"found 1 {command.pid} {command.pid} {other.token}-s1.1/n2 sleep"
            ]


async def test_it_sees_the_guards_that_it_can_see(shell: Sequence[str]) -> None:
    async with node_guard(shell) as guard, node_guard(shell) as other:
        other_id = other.facts[3]
        pid, _, start = other_id.partition(":")
        guard.tell(f"list 1 - {other_id} {pid}:{int(start) + 1} 999999999:1")
        assert await guard.answer(1) == [f"seen 1 {other_id}"]


async def test_what_ended_commands_left_is_stopped_with_the_rest(shell: Sequence[str]) -> None:
    argument = sleep_word()
    async with node_guard(shell) as guard:
        text = f"env -i sleep {argument} & setsid sleep {argument} & echo up"
        async with victim(text, marker=f"{guard.token}-s1.1/n1") as ended:
            await reaped(ended)
            await until(lambda: len(called_with(argument)) == 2)
            guard.tell(f"={ended.pid}:TERM")
            await guard.hang_up()
            assert called_with(argument) == {}


async def test_a_command_that_it_was_not_told_of_is_stopped_with_its_group(
    shell: Sequence[str],
) -> None:
    argument = sleep_word()
    async with node_guard(shell) as guard:
        text = f"env -i sleep {argument} & echo up; wait"
        async with victim(text, marker=f"{guard.token}-s1.1/n1"):
            await until(lambda: len(called_with(argument)) == 1)
            await guard.hang_up()
            assert called_with(argument) == {}


async def test_what_shall_live_on_is_not_stopped_with_the_rest(shell: Sequence[str]) -> None:
    argument = sleep_word()
    async with node_guard(shell) as guard:
        text = f"setsid sleep {argument} >/dev/null & echo up"
        async with victim(text, marker=f"{guard.token}-l1.1/n1") as ended:
            await reaped(ended)
            await until(lambda: len(called_with(argument)) == 1)
            guard.tell("+l1.1/", "-l1.1/")
            await guard.hang_up()
            (survivor,) = called_with(argument)
            os.kill(survivor, signal.SIGKILL)


async def test_a_group_that_is_empty_is_not_remembered(shell: Sequence[str]) -> None:
    async with node_guard(shell) as guard:
        async with victim("echo up", marker=f"{guard.token}-s1.1/n1") as ended:
            await reaped(ended)
        guard.tell(f"+{ended.pid}:TERM", f"={ended.pid}:TERM")
        # Which now is another's number.
        async with victim("echo up; exec sleep 1000") as bystander:
            guard.tell(f"list 1 - {bystander.pid}:TERM:left")
            assert await guard.answer(1) == []
            await guard.hang_up()
            assert is_alive(bystander.pid)


async def test_half_a_script_does_nothing(shell: Sequence[str]) -> None:
    script = guard_script(packed_script(), token="t1", grace_seconds=1.0, nap_seconds=1.0)  # noqa: S106
    for share in (0.1, 0.5, 0.9, 0.99):
        process = await asyncio.create_subprocess_exec(
            *shell,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(10):
            stdout, _ = await process.communicate(script[: int(len(script) * share)])
        assert stdout == b""
