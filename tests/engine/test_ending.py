"""How an experiment ends, by itself and by signals (LANGUAGE.md 1.1, 11)."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from gplmt.engine.lifecycle import ExperimentRun
from gplmt.errors import TaskError
from gplmt.events import (
    CopiesRemoved,
    Event,
    ExperimentFinished,
    LeftoverStopped,
    Outcome,
    SignalReceived,
    Started,
    StepFinished,
    StepReached,
    TaskFinished,
    TasklistFinished,
    TasklistStarted,
    TeardownFinished,
    TeardownStarted,
)
from gplmt.transports.fake import Script
from tests.support.lab import Lab, Result, experiment

STEPS = (
    '<register-teardown tasklist="down" targets="n1"/>'
    '<step name="b" tasklist="server" targets="n2" background="true"/>'
    '<step name="w" tasklist="work" targets="n1"/>'
)
TASKLISTS = (
    '<tasklist name="work" cleanup="tidy"><put source="f" destination="/d" keep="false"/>'
    "<run>daemon</run><run>work</run></tasklist>"
    '<tasklist name="tidy"><run>tidy</run></tasklist>'
    '<tasklist name="down"><run>down</run></tasklist>'
    '<tasklist name="server" cleanup="halt"><run>server</run></tasklist>'
    '<tasklist name="halt"><run>halt</run></tasklist>'
)


def run_all(lab: Lab) -> Result:
    """Everything that an ending consists of: each of its parts takes 10 s.

    0 work, 10 its cleanup, 20 teardown, 30 the background step's cleanup, 40 leftovers,
    50 copies, 60 connections, 70 the end.
    """
    lab.write("f")
    lab.script("daemon", Script(leaves=("17 daemon",)))
    for name in ("work", "tidy", "down", "halt"):
        lab.takes(name, 10)
    lab.takes("server", 1000)
    lab.ending_takes(10)
    return lab.run(experiment(targets="n1 n2", tasklists=TASKLISTS, steps=STEPS))


def phases(result: Result) -> list[tuple[float, str]]:
    kinds: tuple[type[Event], ...] = (
        TasklistFinished,
        TeardownStarted,
        TeardownFinished,
        StepFinished,
        LeftoverStopped,
        CopiesRemoved,
        ExperimentFinished,
    )
    return [
        (result.seconds(event), type(event).__name__ + getattr(event, "tasklist", ""))
        for event in result.events
        if isinstance(event, kinds)
    ]


def test_the_ending_has_its_order(lab: Lab) -> None:
    """11.1."""
    result = run_all(lab)
    assert phases(result) == [
        (20, "TasklistFinishedtidy"),
        (20, "TasklistFinishedwork"),
        (20, "StepFinishedwork"),
        (20, "TeardownStarteddown"),
        (30, "TasklistFinisheddown"),
        (30, "TeardownFinisheddown"),
        (40, "TasklistFinishedhalt"),
        (40, "TasklistFinishedserver"),
        (40, "StepFinishedserver"),
        (50, "LeftoverStoppedwork"),
        (60, "CopiesRemoved"),
        (70, "ExperimentFinished"),
    ]
    assert result.exit_code == 0


def test_stop_experiment_shortens_the_foreground_only(lab: Lab) -> None:
    """11.1."""
    lab.write("f")
    lab.takes("server", 1000)
    lab.fails("work")
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=TASKLISTS.replace("<run>work", '<run expected-status="0">work').replace(
                'name="work"', 'name="work" on-error="stop-experiment"'
            ),
            steps=STEPS,
        ),
    )
    names = [name for _, name in phases(result)]
    order = ["StepFinishedwork", "TeardownStarteddown", "TeardownFinisheddown"]
    order += ["StepFinishedserver", "CopiesRemoved"]
    assert [name for name in names if name in order] == order
    assert result.exit_code == 1


def test_the_first_signal_ends_the_foreground(lab: Lab) -> None:
    """11.2: as stop-experiment."""
    lab.interrupt(5)
    result = run_all(lab)
    assert result.one(StepFinished, step="w").outcome is Outcome.CANCELLED
    assert result.one(TeardownFinished).outcome is Outcome.OK
    assert (result.when("tidy"), result.when("down")) == ([5], [15])
    assert result.exit_code == 130
    assert result.one(ExperimentFinished).reason == "interrupted by SIGINT"


def test_after_a_signal_at_the_very_start_no_work_begins(lab: Lab) -> None:
    lab.interrupt(0)
    result = run_all(lab)
    assert result.when("work") == []
    assert result.duration <= 50
    assert result.exit_code == 130


@pytest.mark.parametrize("moment", [15, 25, 35, 45, 55, 65])
def test_the_first_signal_interrupts_nothing_of_the_ending(lab: Lab, moment: float) -> None:
    """11.2: whatever is under way."""
    undisturbed = phases(run_all(Lab(lab.directory)))
    lab.interrupt(moment, number=15)
    result = run_all(lab)
    assert phases(result) == undisturbed
    assert result.one(TasklistFinished, tasklist="tidy").outcome is Outcome.OK
    assert result.one(StepFinished, step="b").outcome is Outcome.STOPPED
    assert result.exit_code == 143


@pytest.mark.parametrize("moment", [3, 5, 12, 14, 17, 22, 27, 33, 38, 43, 53])
@pytest.mark.parametrize("first", [2, 0.5])
def test_the_second_signal_kills_and_skips_the_rest(lab: Lab, moment: float, first: float) -> None:
    """11.2: in every phase; the first comes just before, or at the start."""
    lab.stopping_takes(30)
    lab.interrupt(first if first < 1 else moment - first, moment)
    result = run_all(lab)
    assert result.duration == moment
    assert result.transport.is_killed
    begun_later = [event for event in result.of(TasklistStarted) if result.seconds(event) >= moment]
    assert begun_later == []
    assert result.exit_code == 130
    reason = result.one(ExperimentFinished).reason
    assert reason == ("interrupted by SIGINT; the ending was cut short by a second signal, SIGINT")


def test_a_second_signal_while_connections_close_leaves_nothing_open(lab: Lab) -> None:
    """11.2."""
    lab.interrupt(61, 62)
    result = run_all(lab)
    assert result.transport.is_closed
    assert result.exit_code == 130


def test_what_runs_left_behind_is_stopped_after_the_second_signal_too(lab: Lab) -> None:
    """7.5."""
    lab.interrupt(5, 6)
    assert run_all(lab).one(LeftoverStopped).processes == ("17 daemon",)


@pytest.mark.parametrize("moments", [(1, 5), (5, 5)])
@pytest.mark.parametrize("expected", ["", 'expected-status="0"'])
@pytest.mark.parametrize("where", ["foreground", "background", "cleanup", "teardown"])
def test_what_the_second_signal_kills_has_not_failed(
    lab: Lab, where: str, expected: str, moments: tuple[float, float]
) -> None:
    """7.2, 11.2: though its command was killed."""
    lab.takes("x", 100)
    lab.interrupt(*moments)
    background = 'background="true"' if where == "background" else ""
    tasklist = "c" if where == "cleanup" else "x"
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x"><par><seq><par>'
            f'<run name="x" {expected} retries="2">x</run></par></seq></par><run>y</run>'
            '</tasklist><tasklist name="c" cleanup="x"><run>z</run></tasklist>',
            steps='<register-teardown tasklist="x" targets="n1"/>'
            if where == "teardown"
            else f'<step tasklist="{tasklist}" targets="n1" {background}/>'
            '<register-teardown tasklist="x" targets="n2"/>',
        )
    )
    assert {end.outcome for end in result.of(TaskFinished, task="x")} == {Outcome.CANCELLED}
    assert result.one(ExperimentFinished).failures == 0
    assert "y" not in result.commands()


def test_a_third_signal_changes_nothing_more(lab: Lab) -> None:
    lab.stopping_takes(30)
    lab.interrupt(5, 6, 6, 7)
    result = run_all(lab)
    assert result.duration == 6
    assert result.exit_code == 130


@pytest.mark.parametrize(
    ("numbers", "exit_code"), [((2, 15), 130), ((15, 2), 143), ((1,), 129), ((15,), 143)]
)
def test_the_exit_code_is_that_of_the_first_signal(
    lab: Lab, numbers: tuple[int, ...], exit_code: int
) -> None:
    """11.3."""
    for seconds, number in enumerate(numbers, 5):
        lab.interrupt(seconds, number=number)
    result = run_all(lab)
    assert result.exit_code == exit_code
    assert [event.count for event in result.of(SignalReceived)] == list(range(1, len(numbers) + 1))


def test_a_signal_beats_failures(lab: Lab) -> None:
    """11.3."""
    lab.interrupt(5)
    lab.takes("long", 10)
    result = lab.run_tasks(
        '<call tasklist="bad"/><run>long</run>',
        others='<tasklist name="bad"><fail status="x"/></tasklist>',
    )
    assert result.exit_code == 130
    assert result.one(ExperimentFinished).failures == 1
    assert result.one(ExperimentFinished).outcome is Outcome.CANCELLED


def test_an_interrupted_retry_delay_ends_at_once(lab: Lab) -> None:
    """6.2, 11.2."""
    lab.fails("a")
    lab.interrupt(5)
    result = lab.run_tasks('<run expected-status="0" retries="9" retry-delay="PT60S">a</run>')
    assert result.duration == 5
    assert result.commands() == ["a"]
    assert result.outcome("run-1") is Outcome.CANCELLED
    assert result.one(ExperimentFinished).failures == 0


def test_a_step_that_waits_for_its_start_is_interrupted_at_once(lab: Lab) -> None:
    lab.interrupt(5)
    result = lab.run(
        experiment(
            tasklists='<tasklist name="t"><run>a</run></tasklist>',
            steps='<step tasklist="t" targets="n1" start_relative="PT1H"/>',
        )
    )
    assert result.duration == 5
    assert result.one(StepFinished).outcome is Outcome.CANCELLED


def test_the_timeout_of_the_experiment_ends_it_as_stop_experiment_would(lab: Lab) -> None:
    """1.1."""
    lab.takes("work", 100)
    lab.takes("down", 10)
    lab.takes("tidy", 10)
    lab.write("f")
    result = lab.run(
        experiment(targets="n1 n2", root='timeout="PT5S"', tasklists=TASKLISTS, steps=STEPS)
    )
    assert (result.when("tidy"), result.when("down")) == ([5], [15])
    assert result.one(StepFinished, step="w").outcome is Outcome.STOPPED
    assert result.exit_code == 1
    reason = result.one(ExperimentFinished).reason
    assert reason == "the experiment ran over its timeout of 5 s"


def test_an_experiment_that_ends_in_time_is_well(lab: Lab) -> None:
    """1.1: teardowns do not count."""
    lab.takes("a", 4)
    lab.takes("down", 10)
    result = lab.run(
        experiment(
            root='timeout="PT5S"',
            tasklists='<tasklist name="t"><run>a</run></tasklist>'
            '<tasklist name="d"><run>down</run></tasklist>',
            steps='<register-teardown tasklist="d" targets="n1"/><step tasklist="t" targets="n1"/>',
        )
    )
    assert result.duration == 14
    assert result.exit_code == 0


def test_a_timeout_of_the_experiment_does_not_interrupt_a_cleanup(lab: Lab) -> None:
    """1.1, 7.4."""
    lab.takes("tidy", 10)
    result = lab.run(
        experiment(
            root='timeout="PT5S"',
            tasklists='<tasklist name="t" cleanup="c"><run>a</run></tasklist>'
            '<tasklist name="c"><run>tidy</run></tasklist>',
            steps='<step tasklist="t" targets="n1"/>' + "<synchronize/>"
            '<step tasklist="t" targets="n1"/>',
        )
    )
    assert result.commands() == ["a", "tidy"]
    assert result.duration == 10
    assert result.exit_code == 1


def test_a_signal_beats_a_timeout_that_came_before(lab: Lab) -> None:
    """11.3."""
    lab.takes("tidy", 10)
    lab.interrupt(7)
    result = lab.run(
        experiment(
            root='timeout="PT5S"',
            tasklists='<tasklist name="t" cleanup="c"><run>a</run></tasklist>'
            '<tasklist name="c"><run>tidy</run></tasklist>',
            steps='<step tasklist="t" targets="n1"/>',
        )
    )
    assert result.exit_code == 130
    assert result.duration == 10


def test_cancelling_the_run_stops_all_steps_and_skips_the_rest(lab: Lab) -> None:
    lab.at(5, lambda _run: lab.cancel())
    with pytest.raises(asyncio.CancelledError):
        run_all(lab)
    asked = [(asked.seconds, asked.text) for asked in lab.asked if asked.seconds]
    assert asked == [(5, "tidy"), (15, "halt")]


@pytest.mark.parametrize("seconds", [0, 10, 20, 30, 40])
def test_both_signals_of_one_moment_end_it_at_once(lab: Lab, seconds: float) -> None:
    """11.2."""

    def twice(run: ExperimentRun) -> None:
        run.interrupt(2)
        run.interrupt(2)

    lab.stopping_takes(30)
    lab.at(seconds, twice)
    result = run_all(lab)
    assert result.duration == seconds
    assert result.exit_code == 130


@pytest.mark.parametrize("turns", range(25))
def test_after_a_second_signal_at_any_turn_of_the_loop_nothing_begins(lab: Lab, turns: int) -> None:
    """11.2."""

    def twice(run: ExperimentRun, turns: int = turns) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(twice, run, turns - 1)
        else:
            run.interrupt(2)
            run.interrupt(2)

    lab.at(0, twice)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x"><seq><call tasklist="y"/></seq><run>x</run></tasklist>'
            '<tasklist name="y" cleanup="z"><par><run>y</run></par></tasklist>'
            '<tasklist name="z"><run>z</run></tasklist>',
            steps='<register-teardown tasklist="x" targets="n2"/>'
            '<step tasklist="x" targets="n1" background="true"/><loop repeat="3">'
            '<step tasklist="x" targets="n1"/></loop>',
        )
    )
    second = result.events.index(result.of(SignalReceived)[1])
    assert [event for event in result.events[second:] if isinstance(event, Started)] == []
    assert result.exit_code == 130


def test_no_background_step_is_reached_after_a_second_signal(lab: Lab) -> None:
    """11.2."""
    lab.interrupt(0, 0)
    result = lab.run(
        experiment(
            tasklists='<tasklist name="t"><run>x</run></tasklist>',
            steps='<step tasklist="t" targets="n1" background="true"/>',
        )
    )
    assert result.of(StepReached) == []
    assert result.exit_code == 130


@pytest.mark.parametrize("turns", range(12))
def test_a_background_step_that_a_second_signal_stops_is_not_told_as_well(
    lab: Lab, turns: int
) -> None:
    """11.2."""

    def twice(run: ExperimentRun, turns: int = turns) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(twice, run, turns - 1)
        else:
            run.interrupt(2)
            run.interrupt(2)

    lab.at(0, twice)
    lab.takes("x", 10)
    result = lab.run(
        experiment(
            tasklists='<tasklist name="t"><run>x</run></tasklist>',
            steps='<step tasklist="t" targets="n1" background="true"/>'
            '<step tasklist="t" targets="n1"/>',
        )
    )
    assert {step.outcome for step in result.of(StepFinished)} <= {Outcome.CANCELLED}


def test_a_fault_of_gplmt_is_raised_and_not_recorded_as_success(lab: Lab) -> None:
    lab.takes("long", 100)
    lab.breaks("x", cast(TaskError, ZeroDivisionError("a fault of ours")))
    with pytest.raises(ExceptionGroup):
        lab.run_tasks("<par><run>long</run><run>x</run></par>")
    end = lab.events[-1]
    assert isinstance(end, ExperimentFinished)
    assert (end.outcome, end.exit_code) == (Outcome.FAILED, 1)
