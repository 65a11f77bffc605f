"""What commands leave running when their shell has ended (LANGUAGE.md 6.2, 11.1)."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Sequence

from gplmt.protocols import Leftover
from tests.support.processes import called_with, is_alive, until
from tests.transports.host import Host, Hosts

# What a text leaves, by the names of the processes.
KINDS = {
    "sleep 1000 &": ["sleep"],
    "sleep 1000 | cat &": ["cat", "sleep"],
    "sleep 1000 >/dev/null 2>&1 &": ["sleep"],
    "nohup sleep 1000 >/dev/null 2>&1 &": ["sleep"],
    "env -i sleep 1000 &": ["sleep"],
    "setsid sleep 1000 &": ["sleep"],
    "setsid sleep 1000 >/dev/null 2>&1 </dev/null &": ["sleep"],
    "(setsid sh -c 'setsid sleep 1000 & exec sleep 1000' &)": ["sleep", "sleep"],
    "true": [],
    "exit 3": [],
}


def names(found: Sequence[Leftover]) -> list[list[str]]:
    """The names of the processes of each leftover."""
    return [
        sorted(process.partition(" ")[2] for process in leftover.processes) for leftover in found
    ]


def sleepers(host: Host) -> int:
    """How many children have come so far as to sleep."""
    return sum(line.startswith("sleep") for line in host.marked().values())


async def test_a_run_has_ended_when_its_shell_has(host: Host) -> None:
    begun = time.monotonic()
    assert (await host.run("sleep 1000 & exit 4")).returncode == 4
    assert time.monotonic() - begun < 5
    await host.stop_leftovers()


async def test_what_was_written_before_the_end_is_there_at_the_end(host: Host) -> None:
    text = "sleep 1000 & head -c 60000 /dev/zero; echo end; echo err >&2"
    executions = [host.begin(text) for _ in range(20)]
    for execution in executions:
        assert await execution.returncode() == 0
        assert execution.stdout.data == bytes(60000) + b"end\n"
        assert execution.stderr.data == b"err\n"
    await host.stop_leftovers()


async def test_leftovers_are_stopped_and_reported(host: Host) -> None:
    argument = f"1000.{secrets.randbelow(10**9)}"
    texts = {text: text.replace("1000", argument) for text in KINDS}
    executions = {kind: host.begin(text, on="n7") for kind, text in texts.items()}
    for execution in executions.values():
        await execution.returncode()
    sleeps = [f"sleep {argument}"] * sum(processes.count("sleep") for processes in KINDS.values())
    await until(lambda: list(called_with(argument).values()) == sleeps)
    found = {leftover.identity: leftover for leftover in await host.stop_leftovers()}
    for kind, expected in KINDS.items():
        leftover = found.pop(executions[kind].command.identity, None)
        assert names([leftover] if leftover else []) == ([expected] if expected else [])
        if leftover is not None:
            assert leftover.node == host.node("n7")
            assert leftover.origin == executions[kind].command.origin
            assert not any(is_alive(int(process.split()[0])) for process in leftover.processes)
        await executions[kind].closed()
    assert found == {}
    assert await host.stop_leftovers() == ()


async def test_leftovers_get_the_stop_signal_of_their_command(host: Host) -> None:
    host.make_directory("heard")
    wait = "while :; do sleep 0.05; done"
    text = f"(trap 'touch heard/$S; exit' $S; touch heard/up-$S; {wait}) >/dev/null 2>&1 &"
    heard = host.directory / "heard"
    for name in ("TERM", "USR1"):
        execution = host.begin(text, stop_signal=name, environment={"S": name})
        await execution.returncode()
        await until((heard / f"up-{name}").exists)
    await host.stop_leftovers()
    assert {path.name for path in heard.iterdir()} >= {"TERM", "USR1"}


async def test_deaf_leftovers_are_killed_after_the_grace_period(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=0.2)
    execution = host.begin("trap '' TERM; sleep 1000 & setsid sleep 1000 & echo up")
    await execution.returncode()
    await until(lambda: list(host.marked().values()) == ["sleep 1000"] * 2)
    begun = time.monotonic()
    (found,) = await host.stop_leftovers()
    assert 0.2 <= time.monotonic() - begun < 0.2 + 2.0
    assert len(found.processes) == 2
    assert host.marked() == {}


async def test_being_cancelled_while_stopping_leftovers_still_stops_them(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=0.3)
    host.make_directory("was")
    wait = "while :; do sleep 0.05; done"
    text = f"(trap 'touch was/asked' TERM; touch was/up; {wait}) >/dev/null 2>&1 &"
    execution = host.begin(text)
    await execution.returncode()
    await until((host.directory / "was" / "up").exists)
    stopping = asyncio.create_task(host.transport.stop_leftovers())
    await until((host.directory / "was" / "asked").exists)
    assert not stopping.done()
    while not stopping.done():
        stopping.cancel()
        await asyncio.sleep(0.01)
    assert host.marked() == {}
    await execution.closed()


async def test_kill_ends_the_stopping_of_leftovers_at_once(host: Host) -> None:
    host.make_directory("was")
    await host.run("trap '' TERM; sleep 1000 & setsid sleep 1000 &")
    wait = "while :; do sleep 0.05; done"
    await host.run(f"(trap 'touch was/asked; exit' TERM; {wait}) >/dev/null 2>&1 &")
    await until(lambda: sleepers(host) == 3)
    stopping = asyncio.create_task(host.transport.stop_leftovers())
    await until((host.directory / "was" / "asked").exists)
    begun = time.monotonic()
    host.transport.kill()
    await stopping
    assert time.monotonic() - begun < 2.0
    assert host.marked() == {}


async def test_running_commands_are_no_leftovers(host: Host) -> None:
    running = host.begin("setsid sleep 1000 & echo up; wait")
    await running.stdout.shows("up")
    await host.run("sleep 1000 &")
    (found,) = await host.stop_leftovers()
    assert found.identity == "2.1"
    assert len(host.marked()) == 2
    await running.cancel()


async def test_what_shall_be_left_running_is(host: Host) -> None:
    argument = f"1000.{secrets.randbelow(10**9)}"
    await host.run(f"sleep {argument} & setsid sleep {argument} &", leave_running=True)
    await host.run("sleep 1000 &")
    await until(lambda: sleepers(host) == 3)
    assert names(await host.stop_leftovers()) == [["sleep"]]
    await host.close()
    survivors = called_with(argument)
    assert len(survivors) == 2
    await end(host)


async def end(host: Host) -> None:
    """Kill what was left running."""
    for pid in host.marked():
        os.kill(pid, signal.SIGKILL)
    await until(lambda: host.marked() == {})


async def test_closing_stops_what_nobody_stopped(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=0.5)
    await host.run("trap '' TERM; sleep 1000 &")
    running = host.begin("trap '' TERM; echo up; setsid sleep 1000; sleep 1000")
    await running.stdout.shows("up")
    begun = time.monotonic()
    await host.close()
    await until(lambda: host.marked() == {})
    assert time.monotonic() - begun < 0.5 + 2.0
    await asyncio.wait([running.task])
    running.task.exception()
    await host.close()


async def test_closing_what_was_never_used_does_nothing(host: Host) -> None:
    await host.close()
    await host.close()


async def test_leftovers_of_another_run_are_not_touched(hosts: Hosts) -> None:
    one, other = hosts.make(), hosts.make()
    for host in (one, other):
        await host.run("setsid sleep 1000 & env -i sleep 1000 &")
        await until(lambda host=host: sleepers(host) == 1)  # type: ignore[misc]
    assert names(await one.stop_leftovers()) == [["sleep", "sleep"]]
    assert (sleepers(one), sleepers(other)) == (0, 1)
    assert names(await other.stop_leftovers()) == [["sleep", "sleep"]]


async def test_leftovers_belong_to_the_target_that_has_left_them(host: Host) -> None:
    for number in range(3):
        name = f"n{(1, 2, 7)[number]}"
        await host.run("setsid sleep 1000 & sleep 1000 &" * (number + 1), on=name)
    await until(lambda: sleepers(host) == 12)
    found = await host.stop_leftovers()
    assert {each.node.name: len(each.processes) for each in found} == {"n1": 2, "n2": 4, "n7": 6}
    assert host.marked() == {}
