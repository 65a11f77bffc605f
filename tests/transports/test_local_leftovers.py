"""What local commands leave running when their shell has ended (LANGUAGE.md 6.2, 11.1)."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import time
from pathlib import Path

import pytest

from gplmt.protocols import Leftover
from gplmt.transports import leftovers
from gplmt.transports.shells import Shell
from gplmt.transports.streams import OutputStream
from tests.support.processes import called_with, is_alive, until
from tests.transports.host import Host, Hosts, Output, node


def names(found: tuple[Leftover, ...]) -> list[list[str]]:
    """The names of the processes of each leftover."""
    return [[process.partition(" ")[2] for process in leftover.processes] for leftover in found]


def sleepers(host: Host) -> int:
    """How many children have come so far as to sleep."""
    return sum(line.startswith("sleep") for line in host.marked().values())


async def test_a_run_has_ended_when_its_shell_has(host: Host) -> None:
    begun = time.monotonic()
    assert (await host.run("sleep 1000 & exit 4")).returncode == 4
    assert time.monotonic() - begun < 5


async def test_what_was_written_before_the_end_is_there_at_the_end(host: Host) -> None:
    for _ in range(20):
        result = await host.run("sleep 1000 & head -c 60000 /dev/zero; echo end; echo err >&2")
        assert result.stdout == bytes(60000) + b"end\n"
        assert result.stderr == b"err\n"


async def test_an_endless_writer_does_not_keep_the_run_from_ending(host: Host) -> None:
    result = await host.run("yes & sleep 0.1; exit 3")
    assert result.returncode == 3
    assert result.stdout.startswith(b"y\ny\n")


async def test_output_that_comes_later_still_arrives(host: Host, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    text = "(read x <go; echo later; echo err >&2; sleep 1000) & echo first"
    execution = host.begin(text)
    assert await execution.returncode() == 0
    assert execution.stdout.data == b"first\n"
    assert execution.stdout.closed == 0
    await host.run("echo go >go")
    await execution.stdout.shows("later\n")
    await execution.stderr.shows("err\n")


async def test_sinks_are_closed_when_the_last_writer_has_ended(host: Host, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    execution = host.begin("(read x <go) & exec 2>&-")
    await execution.returncode()
    assert (execution.stdout.closed, execution.stderr.closed) == (0, 0)
    await host.run("echo go >go")
    await until(lambda: (execution.stdout.closed, execution.stderr.closed) == (1, 1))


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


@pytest.mark.parametrize("text", KINDS)
async def test_leftovers_are_stopped_and_reported(text: str, host: Host) -> None:
    argument = f"1000.{secrets.randbelow(10**9)}"
    execution = host.begin(text.replace("1000", argument), on="n7")
    await execution.returncode()
    expected = KINDS[text]
    sleeper = f"sleep {argument}"
    await until(lambda: list(called_with(argument).values()) == [sleeper] * expected.count("sleep"))
    found = await host.stop_leftovers()
    assert [sorted(processes) for processes in names(found)] == ([expected] if expected else [])
    for leftover in found:
        assert leftover.node == node("n7")
        assert leftover.command == execution.command
        pids = [int(process.split()[0]) for process in leftover.processes]
        assert not any(is_alive(pid) for pid in pids)
    assert (execution.stdout.closed, execution.stderr.closed) == (1, 1)
    assert await host.stop_leftovers() == ()


async def test_leftovers_may_say_a_last_word(host: Host) -> None:
    text = "(trap 'sleep 0.1; echo bye; exit' TERM; echo up; while :; do sleep 0.05; done) &"
    execution = host.begin(text)
    await execution.stdout.shows("up")
    await execution.returncode()
    await host.stop_leftovers()
    assert execution.stdout.data == b"up\nbye\n"


async def test_leftovers_get_the_stop_signal_of_their_command(host: Host) -> None:
    text = "(trap 'echo usr; exit' USR1; echo up; while :; do sleep 0.05; done) &"
    execution = host.begin(text, stop_signal="USR1")
    await execution.stdout.shows("up")
    await host.stop_leftovers()
    assert execution.stdout.data == b"up\nusr\n"


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
    execution = host.begin("trap '' TERM; sleep 1000 &")
    await execution.returncode()
    stopping = asyncio.create_task(host.transport.stop_leftovers())
    await asyncio.sleep(0.1)
    assert not stopping.done()
    while not stopping.done():
        stopping.cancel()
        await asyncio.sleep(0.01)
    assert host.marked() == {}
    assert execution.stdout.closed == 1


async def test_running_commands_are_no_leftovers(host: Host) -> None:
    running = host.begin("setsid sleep 1000 & echo up; wait")
    await running.stdout.shows("up")
    await host.run("sleep 1000 &")
    (found,) = await host.stop_leftovers()
    assert found.command.identity == "2.1"
    assert len(host.marked()) == 2
    await running.cancel()


async def test_leftovers_are_known_after_thousands_of_commands(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_PRUNE_AT", 20)
    host = hosts.make()
    for number in range(110):
        if number % 10 == 3:
            await host.run("setsid sleep 1000 >/dev/null 2>&1 &")
        else:
            await host.run("true")
    gc.collect()  # the others are forgotten now and then
    assert sum(isinstance(thing, Shell) for thing in gc.get_objects()) < 60
    await until(lambda: sleepers(host) == 11)
    found = await host.stop_leftovers()
    assert names(found) == [["sleep"]] * 11
    assert [leftover.command.identity for leftover in found] == [
        f"{n}4.1" if n else "4.1" for n in range(11)
    ]


async def test_what_shall_be_left_running_is(host: Host) -> None:
    argument = f"1000.{secrets.randbelow(10**9)}"
    await host.run(f"sleep {argument} & setsid sleep {argument} &", leave_running=True)
    await host.run("sleep 1000 &")
    await until(lambda: sleepers(host) == 3)
    assert names(await host.stop_leftovers()) == [["sleep"]]
    await host.close()
    survivors = called_with(argument)
    assert len(survivors) == 2
    await _end(host)


async def test_a_server_left_running_can_still_write(host: Host, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    server = "(read x <go; head -c 300000 /dev/zero; echo err >&2; touch written; exec sleep 1000)"
    execution = host.begin(f"{server} & echo up", leave_running=True)
    await execution.returncode()
    await host.close()
    assert (execution.stdout.closed, execution.stderr.closed) == (1, 1)
    assert execution.stdout.data == b"up\n"
    go = os.open(tmp_path / "go", os.O_WRONLY | os.O_NONBLOCK)
    os.write(go, b"go\n")
    os.close(go)
    await until((tmp_path / "written").exists)
    await _end(host)


async def _end(host: Host) -> None:
    for pid in host.marked():
        os.kill(pid, signal.SIGKILL)
    await until(lambda: host.marked() == {})


async def test_closing_kills_what_nobody_stopped(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=10.0)
    left = host.begin("trap '' TERM; sleep 1000 &")
    await left.returncode()
    running = host.begin("trap '' TERM; echo up; setsid sleep 1000; sleep 1000")
    await running.stdout.shows("up")
    begun = time.monotonic()
    await host.close()
    assert time.monotonic() - begun < 2.0
    assert host.marked() == {}
    assert await running.returncode() == -9
    await host.close()


async def test_closing_what_was_never_used_does_nothing(host: Host) -> None:
    await host.close()
    await host.close()


async def test_reading_waits_while_a_sink_asks_for_a_pause(host: Host) -> None:
    stdout = Output(pause_after=1)
    execution = host.begin("head -c 1000000 /dev/zero; echo end", stdout=stdout)
    await until(lambda: len(stdout.data) > 0)
    await asyncio.sleep(0.1)
    assert len(stdout.data) <= 65536
    stdout.go_on()
    assert await execution.returncode() == 0
    assert stdout.data == bytes(1_000_000) + b"end\n"


async def test_a_pause_does_not_keep_the_run_from_ending(host: Host) -> None:
    stdout = Output(pause_after=1)
    execution = host.begin("echo one; sleep 0.1; echo two", stdout=stdout)
    assert await execution.returncode() == 0
    assert stdout.data == b"one\ntwo\n"
    assert stdout.closed == 1


async def test_a_paused_sink_of_a_leftover_is_read_again(host: Host, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    stdout = Output(pause_after=1)
    execution = host.begin("(read x <go; echo later) & echo first", stdout=stdout)
    assert await execution.returncode() == 0
    await until(lambda: stdout.resume is not None)
    await host.run("echo go >go")
    stdout.go_on()
    await stdout.shows("later")


async def test_what_a_paused_sink_has_not_seen_is_delivered_at_the_end(host: Host) -> None:
    await host.run("mkfifo go")
    stdout = Output(pause_after=1)
    text = "(read x <go; echo two; echo up >&2; sleep 1000) & echo one"
    execution = host.begin(text, stdout=stdout)
    await execution.returncode()
    await until(lambda: stdout.resume is not None)
    await host.run("echo go >go")
    await execution.stderr.shows("up")
    assert stdout.data == b"one\n"
    await host.stop_leftovers()
    assert stdout.data == b"one\ntwo\n"


async def test_draining_ends_though_the_pipe_is_never_empty() -> None:
    to_read, to_write = os.pipe()
    os.set_blocking(to_read, False)

    class Refilling(Output):
        def write(self, data: bytes) -> bool:
            assert len(self.data) < 10_000_000
            os.write(to_write, data)
            return super().write(data)

    sink = Refilling()
    stream = OutputStream(to_read, sink, on_failure=lambda _: None)
    os.write(to_write, bytes(65536))
    stream.drain()
    assert stream.is_open
    stream.close()
    os.close(to_write)
    assert (len(sink.data) >= 65536, sink.closed) == (True, 1)


async def test_a_full_disk_does_not_end_a_server(host: Host, tmp_path: Path) -> None:
    # Nobody can be told any more; the server's pipe is read to its end nevertheless.
    os.mkfifo(tmp_path / "go")
    stdout = Output(fail_after=10)
    server = "(read x <go; head -c 300000 /dev/zero; touch written; exec sleep 1000)"
    execution = host.begin(f"{server} & echo up", stdout=stdout)
    assert await execution.returncode() == 0
    await host.run("echo go >go")
    await until((tmp_path / "written").exists)
    assert stdout.closed == 1
    assert len(await host.stop_leftovers()) == 1
