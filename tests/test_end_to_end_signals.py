"""Signals to gplmt, and to a run's commands through it (LANGUAGE.md 7.5, 11.2, 11.3)."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.support.processes import is_alive
from tests.support.program import Program, Running, document, one, until

STOPPING = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}

# A command with all kinds of children; "started" is there once all of them are.
BUSY = """<run>sleep 1000 &amp; nohup sleep 1000 >nohup.out 2>&amp;1 &amp;
setsid sleep 1000 &amp; (setsid sh -c 'touch daemon; sleep 1000' &amp;) ;
until [ -e daemon ]; do sleep 0.01; done; touch started; sleep 1000</run>"""
# Each stage of the ending says in `ending` that it ran, and waits where the variable HOLD says so.
TASKLISTS = f"""
<tasklist name="busy" cleanup="tidy">{BUSY}</tasklist>
<tasklist name="serve" cleanup="unserve"><run>touch serving; sleep 1000</run></tasklist>
<tasklist name="tidy"><run>touch at-tidy; [ "$HOLD" != tidy ] || sleep 1000; echo tidy >>ending
</run></tasklist>
<tasklist name="restore"><run>touch at-restore; [ "$HOLD" != restore ] || sleep 1000
echo restore >>ending</run></tasklist>
<tasklist name="unserve"><run>touch at-unserve; echo unserve >>ending</run></tasklist>
"""
ENDING = ["tidy", "restore", "unserve"]
STEPS = """<step tasklist="serve" targets="n1" background="true"/>
<register-teardown tasklist="restore" targets="n1"/>
<step tasklist="busy" targets="n1" {}/>"""
EXPERIMENT = document(tasklists=TASKLISTS, steps=STEPS.format(""))


def has_mapped(pid: int, library: bytes) -> bool:
    return library in Path(f"/proc/{pid}/maps").read_bytes()


def ending_of(run: Running) -> list[str]:
    file = run.work / "ending"
    return file.read_text().split() if file.exists() else []


def started(program: Program, hold: str = "") -> Running:
    """The experiment, all that it starts running; a program for itself per working directory."""
    run = program.start(EXPERIMENT, environment={"HOLD": hold})
    return run.until_there("started").until_there("serving")


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[list[Program]]:
    """As many as there are signals, with working directories of their own."""
    with ExitStack() as stack:
        yield [stack.enter_context(Program(tmp_path / str(number))) for number in range(3)]


def test_first_signal_ends_the_experiment_in_order_and_gives_its_number(
    programs: list[Program],
) -> None:
    """11.1, 11.2: commands are stopped; cleanups, teardowns and background cleanups run."""
    runs = [started(program) for program in programs]
    for run, number in zip(runs, STOPPING, strict=True):
        run.send(number)
    for run, (number, exit_code) in zip(runs, STOPPING.items(), strict=True):
        assert run.wait().exit_code == exit_code
        assert ending_of(run) == ENDING
        assert run.survivors() == {}
        assert f"got {number.name}; " in run.stderr
        assert f"result: interrupted by {number.name} (exit code {exit_code})\n" in run.stderr
        assert "error: " not in run.stderr
        assert run.events[-1]["exit_code"] == exit_code
        steps = {event["tasklist"]: event["outcome"] for event in run.of_kind("StepFinished")}
        assert steps == {"busy": "cancelled", "serve": "stopped"}
        assert {event["outcome"] for event in run.of_kind("TeardownFinished")} == {"ok"}


def test_during_the_ending_a_first_signal_interrupts_nothing(program: Program) -> None:
    """11.2: one that comes while teardowns run anyway."""
    teardown = (
        '<tasklist name="td"><run>touch at; until [ -e go ]; do sleep 0.01; done</run></tasklist>'
    )
    run = program.start(
        document(tasklists=teardown, steps='<register-teardown tasklist="td" targets="n1"/>')
    )
    run.until_there("at").send(signal.SIGTERM).until_shown("got SIGTERM")
    (run.work / "go").touch()
    assert run.wait().exit_code == 143
    assert [event["outcome"] for event in run.of_kind("RunFinished")] == ["ok"]


@pytest.mark.parametrize("hold", ["tidy", "restore"])
def test_second_signal_kills_what_runs_and_skips_the_rest_and_says_so(
    program: Program, hold: str
) -> None:
    run = started(program, hold).send(signal.SIGINT).until_there(f"at-{hold}")
    assert run.send(signal.SIGTERM).wait(5).exit_code == 130
    assert ending_of(run) == ENDING[: ENDING.index(hold)]
    assert run.survivors() == {}
    assert "error: " not in run.stderr
    messages = [line for line in run.stderr.splitlines() if not line.startswith("[")]
    assert messages[1] == "got SIGTERM; killing what runs, skipping the rest of the ending"
    result = next(line for line in run.stderr.splitlines() if line.startswith("result: "))
    assert result == (
        "result: interrupted by SIGINT; the ending was cut short by a second signal, SIGTERM "
        "(exit code 130)"
    )
    open_spans = {event["span"] for event in run.events if "Started" in str(event["kind"])}
    assert open_spans == {event["span"] for event in run.events if "outcome" in event}


def test_two_signals_at_once_leave_nothing_and_no_third_is_needed(program: Program) -> None:
    run = started(program).send(signal.SIGINT, signal.SIGTERM)
    assert run.wait(5).exit_code in (130, 143)  # the system may deliver them in either order
    assert run.survivors() == {}
    assert "cut short by a second signal" in run.stderr


def test_a_third_signal_ends_gplmt_at_once_and_the_guard_does_the_rest(program: Program) -> None:
    stubborn = one(
        "<run>trap '' TERM; setsid sleep 99 &amp; touch started; while :; do sleep 0.1; done</run>"
    )
    run = program.start(stubborn, "--grace", "0.3").until_there("started")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        run.send(number)
    assert run.wait(2).exit_code in (129, 130, 143)
    until(lambda: not run.survivors(), seconds=2.3)


def test_a_signal_ends_the_waiting_for_a_start_time(program: Program) -> None:
    run = program.start(document(tasklists=TASKLISTS, steps=STEPS.format("start_relative='P1D'")))
    run.until_there("serving").send(signal.SIGINT)
    assert run.wait().exit_code == 130
    assert ending_of(run) == ["restore", "unserve"]


def test_a_signal_while_the_file_is_loaded_starts_nothing(programs: list[Program]) -> None:
    """The signal itself ends us: a KeyboardInterrupt may come late, or get lost in lxml."""
    step = '<step tasklist="t" targets="n1"/>'
    text = document(
        tasklists='<tasklist name="t"><run>touch started</run></tasklist>', steps=step * 200_000
    )
    runs = [program.start(text) for program in programs]
    for run, number in zip(runs, STOPPING, strict=True):
        until(partial(has_mapped, run.pid, b"lxml"))
        run.send(number)
    for run, number in zip(runs, STOPPING, strict=True):
        assert run.wait().process.returncode == -number
        assert run.stderr == ""
        assert not run.has_run_directory
        assert not (run.work / "started").exists()


def test_a_hangup_that_was_ignored_at_the_start_stays_ignored(program: Program) -> None:
    """11.2: nohup; the commands find it ignored, too, as without gplmt."""
    run = program.start(EXPERIMENT, ignored=[signal.SIGHUP]).until_there("started")
    run.send(signal.SIGHUP, signal.SIGHUP, signal.SIGHUP)
    assert "got SIGHUP" not in run.send(signal.SIGINT).until_shown("got SIG").stderr
    assert run.wait().exit_code == 130
    assert ending_of(run) == ENDING


def test_ctrl_c_reaches_gplmt_alone_though_a_terminal_sends_it_to_all(program: Program) -> None:
    """A terminal signals the foreground process group; commands have sessions of their own."""
    run = started(program)
    for pid in run.survivors():
        assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3] != str(run.pid)
    run.send(signal.SIGINT).wait()


def test_when_gplmt_is_killed_nothing_of_the_run_survives(program: Program) -> None:
    """7.5: within the grace period plus 2 s, daemons included; what ignores TERM is killed."""
    trapping = "setsid sh -c \"trap '' TERM; touch daemon; while :; do sleep 0.1; done\" &amp;"
    run = program.start(
        one(f"{BUSY.replace('sleep 1000 &amp;', trapping, 1)}"), "--grace", "0.5"
    ).until_there("started")
    (guard,) = run.guards()
    assert len(run.survivors()) >= 5
    run.send(signal.SIGKILL).wait()
    began = time.monotonic()
    until(lambda: not run.survivors(), seconds=2.5)
    assert time.monotonic() - began >= 0.3, "it had no grace period"
    until(lambda: not is_alive(guard), seconds=2)


def test_a_stop_takes_the_stop_signal_then_grace_then_kill(programs: list[Program]) -> None:
    """7.5: polite commands end at once, deaf ones after --grace, each by the signal it asked."""
    loop = "touch started; while :; do sleep 0.05; done"
    polite = one(f"<run stop-signal='INT'>trap 'echo got INT; exit' INT; {loop}</run>")
    deaf = one(f"<run>trap '' TERM; {loop}</run>")
    busy = one(f"<run>trap 'echo got TERM; touch late; exit' TERM; {loop}</run>")
    grace = ("60", "0.5", "60")
    runs = [
        program.start(text, "--grace", seconds)
        for program, text, seconds in zip(programs, (polite, deaf, busy), grace, strict=True)
    ]
    for run in runs:
        run.until_there("started")
    began = time.monotonic()
    for run in runs:
        run.send(signal.SIGINT)
    for run in runs:
        assert run.wait(10).exit_code == 130
        assert run.survivors() == {}
    assert time.monotonic() - began >= 0.5
    assert [run.stdout for run in runs] == ["n1 | got INT\n", "", "n1 | got TERM\n"]
