"""Stopping commands: nothing that they started survives (LANGUAGE.md 7.5, 11.2)."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Iterable, Mapping

import pytest

from gplmt.errors import LaunchError, LogError
from tests.support.processes import called_with, is_alive, until
from tests.transports.host import Counter, Execution, Host, Hosts, Output

# What a command may do to have children that outlive it; each says `up` when its child is there.
CHILDREN = {
    "foreground": "echo up; sleep 1000; true",
    "exec": "echo up; exec sleep 1000",
    "background": "sleep 1000 & echo up; wait",
    "nohup": "nohup sleep 1000 >/dev/null 2>&1 & echo up; wait",
    "without environment": "env -i sleep 1000 & echo up; wait",
    "without output": "sleep 1000 >/dev/null 2>&1 </dev/null & echo up; wait",
    "subshells": "( ( ( sleep 1000; true ); true ) & sleep 1000; true ) & echo up; wait",
    "pipeline": "sleep 1000 | sleep 1000 | (echo up >&2; cat; sleep 1000)",
    "setsid": "setsid sh -c 'echo up; sleep 1000; true' & wait",
    "double fork": "(setsid sh -c 'echo up; sleep 1000; true' &); sleep 1000",
    "daemon": "(setsid sh -c '(setsid sleep 1000 &) ; echo up' </dev/null &); sleep 1000",
    "own group": "set -m; sleep 1000 & echo up; wait",
    "stopped": "sleep 1000 & kill -STOP $!; echo up; wait",
}
DEAF = "trap '' TERM HUP INT; "
TIDY = "trap 'echo tidying; sleep 0.2; echo tidy; exit' TERM; echo up; while :; do sleep 0.05; done"
SLACK_SECONDS = 2.0


class Family:
    """Commands with children of every kind, each of which sleeps for a time of its own."""

    def __init__(self, host: Host, *, before: str = "") -> None:
        self._sleeps = {kind: f"1000.{secrets.randbelow(10**9)}" for kind in CHILDREN}
        self.executions = [
            host.begin(before + text.replace("1000", self._sleeps[kind]))
            for kind, text in CHILDREN.items()
        ]

    async def up(self) -> None:
        """Wait until all children are there."""
        for execution in self.executions:
            await up(execution)

    async def cancel(self) -> None:
        """Cancel all at once."""
        await cancel_all(self.executions)

    def alive(self) -> Mapping[str, Mapping[int, str]]:
        """What lives of each kind."""
        return {kind: found for kind, word in self._sleeps.items() if (found := called_with(word))}


async def up(execution: Execution) -> None:
    await until(lambda: b"up" in execution.stdout.data + execution.stderr.data, seconds=20)


async def cancel_all(executions: Iterable[Execution]) -> None:
    """Cancel commands at once, and wait until that has gone through."""
    tasks = [execution.task for execution in executions]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=30)
    assert all(task.cancelled() for task in tasks)


async def test_cancelled_commands_leave_nothing(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=1.0)
    family = Family(host)
    await family.up()
    await until(lambda: {*family.alive(), "stopped"} == set(CHILDREN))  # perhaps before its exec
    await family.cancel()
    assert host.marked() == {}
    assert family.alive() == {}


async def test_what_ignores_the_signal_is_killed_after_the_grace_period(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=0.5)
    family = Family(host, before=DEAF)
    await family.up()
    begun = time.monotonic()
    await family.cancel()
    assert 0.5 <= time.monotonic() - begun < 0.5 + SLACK_SECONDS
    assert host.marked() == {}
    assert family.alive() == {}


async def test_the_grace_period_ends_when_all_has_ended(host: Host) -> None:
    execution = host.begin("echo up; exec sleep 1000")
    await up(execution)
    begun = time.monotonic()
    await execution.cancel()
    assert time.monotonic() - begun < 1.0


async def test_a_command_can_use_the_grace_period_to_tidy_up(host: Host) -> None:
    execution = host.begin(TIDY)
    await up(execution)
    await execution.cancel()
    assert execution.stdout.data == b"up\ntidying\ntidy\n"
    await execution.closed()


async def test_the_stop_signal_reaches_each_process_of_the_group_once(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=2.0)
    executions = {}
    for name in ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2"):
        trap = f"trap 'echo got {name}' {name}; "
        loop = "n=0; while [ $n -lt 20 ]; do sleep 0.02; n=$((n+1)); done; "
        text = f"{trap} ({trap} echo up; {loop}); true"
        executions[name] = host.begin(text, stop_signal=name)
    for execution in executions.values():
        await up(execution)
    await cancel_all(executions.values())
    for name, execution in executions.items():
        assert execution.stdout.data.decode().split("\n").count(f"got {name}") == 2, name


async def test_the_stop_signal_kill_leaves_no_time(host: Host) -> None:
    execution = host.begin("trap 'echo no' EXIT; echo up; sleep 1000", stop_signal="KILL")
    await up(execution)
    await execution.cancel()
    assert execution.stdout.data == b"up\n"


async def test_being_cancelled_again_does_not_cut_the_ladder_short(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=0.5)
    execution = host.begin(f"{DEAF} echo up; (setsid sleep 1000 &); sleep 1000; sleep 1000")
    await up(execution)
    begun = time.monotonic()
    while not execution.task.done():
        execution.task.cancel()
        await asyncio.sleep(0.01)
    assert execution.task.cancelled()
    assert time.monotonic() - begun >= 0.5
    assert host.marked() == {}


async def test_a_timeout_is_a_timeout_whatever_the_ladder_took(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=0.2)
    execution = host.begin(f"{DEAF} echo up; sleep 1000; sleep 1000")
    await up(execution)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await execution.task
    assert host.marked() == {}


async def test_a_command_that_ended_in_the_same_moment_leaves_nothing_either(host: Host) -> None:
    go = host.make_fifo("go")
    execution = host.begin("(setsid sleep 1000 &); sleep 1000 & echo $$ up; read x <go; exit 3")
    await up(execution)
    go.write_text("go\n")
    while is_alive(int(execution.stdout.data.split()[0])):
        time.sleep(0.001)  # noqa: ASYNC251 - the loop must not turn
    await execution.cancel()
    assert host.marked() == {}


async def test_cancelling_at_any_moment_leaves_nothing(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=1.0)
    chance = random.Random(7)  # noqa: S311
    texts = [
        "sleep 1000",
        "true",
        "(setsid sleep 1000 &) ; sleep 0.01",
        "sleep 1000 & setsid sleep 1000 & echo x; sleep 0.005",
        "for i in 1 2 3 4 5 6; do (setsid sh -c 'sleep 1000 & sleep 1000' &) ; done; wait",
        "yes",
    ]
    executions = []
    for number in range(100):
        execution = host.begin(texts[number % len(texts)], stdout=Counter())
        asyncio.get_running_loop().call_later(chance.uniform(0, 0.03), execution.task.cancel)
        executions.append(execution)
        await asyncio.sleep(chance.choice((0, 0, 0.002)))
    await asyncio.wait([execution.task for execution in executions], timeout=30)
    assert all(execution.task.done() for execution in executions)
    await host.stop_leftovers()
    assert host.marked() == {}


async def test_fifty_are_stopped_in_the_time_of_one(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=0.5)
    executions = [host.begin(f"{DEAF} echo up; sleep 1000; sleep 1000") for _ in range(50)]
    for execution in executions:
        await up(execution)
    begun = time.monotonic()
    await cancel_all(executions)
    assert 0.5 <= time.monotonic() - begun < 0.5 + SLACK_SECONDS
    assert host.marked() == {}


async def test_what_forks_while_it_is_killed_is_killed(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=0.03)
    fork = "f() { [ $1 = 6 ] && exec sleep 1000; f $(($1+1)) & f $(($1+1)) & wait; }; "
    execution = host.begin(f"{DEAF} {fork} echo up; f 0")
    await up(execution)
    await execution.cancel()
    assert host.marked() == {}


async def test_what_flees_into_new_sessions_is_caught(hosts: Hosts) -> None:
    # Each generation starts the next one in a session of its own, and ends after a while.
    host = hosts.make(grace_seconds=0.05)
    runner = f"#!/bin/sh\n{DEAF}\nsleep 0.2\n[ $1 = 2000 ] || setsid ./runner $(($1+1)) &\n"
    host.make_file("runner", runner, mode=0o755)
    execution = host.begin("./runner 0; echo up; sleep 1000")
    await up(execution)
    await execution.cancel()
    assert host.marked() == {}


async def test_other_commands_are_left_alone(hosts: Hosts) -> None:
    one, other = hosts.make(), hosts.make()
    spared = [
        one.begin("setsid sleep 1000 & echo up; wait"),
        other.begin("setsid sleep 1000 & echo up; wait"),
    ]
    # Its identity, 2.1, must not be taken for the beginning of 2.10 or the like.
    victim = one.begin("setsid sleep 1000 & echo up; wait")
    for execution in [*spared, victim]:
        await up(execution)
    await victim.cancel()
    assert len(one.marked()) == len(other.marked()) == 2
    await cancel_all(spared)


async def test_a_sink_that_fails_stops_the_command(host: Host) -> None:
    stdout, stderr = Output(fail_after=1), Output()
    execution = host.begin(
        "setsid sleep 1000 & echo up; echo err >&2; sleep 1000", stdout=stdout, stderr=stderr
    )
    with pytest.raises(LogError, match="no space left"):
        await execution.returncode()
    await execution.closed()
    assert host.marked() == {}


async def test_a_sink_that_fails_at_the_very_end_is_told_too(host: Host) -> None:
    execution = host.begin("echo last words", stderr=Output(), stdout=Output(fail_after=1))
    with pytest.raises(LogError):
        await execution.returncode()


async def test_kill_ends_all_commands_at_once(host: Host) -> None:
    executions = [host.begin(DEAF + CHILDREN[kind]) for kind in ("foreground", "setsid")]
    for execution in executions:
        await up(execution)
    begun = time.monotonic()
    host.transport.kill()
    assert [await execution.returncode() for execution in executions] == [-9, -9]
    assert time.monotonic() - begun < 1.0
    await until(lambda: host.marked() == {}, seconds=1.0)


async def test_kill_ends_a_ladder_that_has_begun(host: Host) -> None:
    execution = host.begin(f"{DEAF} echo up; setsid sleep 1000; sleep 1000")
    await up(execution)
    execution.task.cancel()
    await asyncio.sleep(0.05)
    begun = time.monotonic()
    host.transport.kill()
    await asyncio.wait([execution.task])
    assert time.monotonic() - begun < 1.0
    assert execution.task.cancelled()
    assert host.marked() == {}


async def test_after_a_kill_nothing_is_started(host: Host) -> None:
    host.transport.kill()
    execution = host.begin("echo x")
    with pytest.raises(LaunchError, match="ending"):
        await execution.returncode()
    await execution.closed()
