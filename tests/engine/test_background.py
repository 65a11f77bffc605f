"""Steps that nothing waits for (LANGUAGE.md 9.4)."""

from __future__ import annotations

import pytest

from gplmt.events import (
    ExperimentStarted,
    LoopFinished,
    Outcome,
    StepFinished,
    StepReached,
    StepStarted,
)
from tests.support.lab import Lab, Result, experiment

TASKLISTS = (
    '<tasklist name="server" cleanup="tidy"><run>server</run></tasklist>'
    '<tasklist name="tidy"><run>tidy</run></tasklist>'
    '<tasklist name="work"><run>work</run></tasklist>'
    '<tasklist name="down"><run>down</run></tasklist>'
)
SERVER = '<step name="b" tasklist="server" targets="n1" background="true"/>'
WORK = '<step name="w" tasklist="work" targets="n2"/>'


def background(lab: Lab, steps: str, *, root: str = "") -> Result:
    """`server` runs for 1000 s, `work` takes 10 s, `down` 3 s, `tidy` 2 s."""
    for name, seconds in (("server", 1000), ("work", 10), ("down", 3), ("tidy", 2)):
        lab.takes(name, seconds)
    return lab.run(experiment(targets="n1 n2", tasklists=TASKLISTS, steps=steps, root=root))


def test_it_is_stopped_after_the_teardowns_and_that_is_no_failure(lab: Lab) -> None:
    result = background(lab, SERVER + WORK + '<register-teardown tasklist="down" targets="n2"/>')
    assert (result.when("server"), result.when("down"), result.when("tidy")) == ([0], [10], [13])
    assert result.duration == 15
    step = result.one(StepFinished, step="b")
    assert step.outcome is Outcome.STOPPED
    assert result.one(StepReached, step="b").background
    assert result.exit_code == 0


def test_one_that_ends_by_itself_is_not_waited_for_either(lab: Lab) -> None:
    result = background(
        lab, '<step name="b" tasklist="down" targets="n1" background="true"/>' + WORK
    )
    assert result.one(StepFinished, step="b").outcome is Outcome.OK
    assert result.duration == 10


def test_an_experiment_of_background_steps_alone_is_over_at_once(lab: Lab) -> None:
    result = background(lab, SERVER)
    assert result.duration <= 2
    assert result.exit_code == 0


def test_in_a_loop_it_outlives_its_iteration(lab: Lab) -> None:
    result = background(lab, f'<loop repeat="2">{SERVER}{WORK}</loop>' + WORK)
    assert result.when("server") == [0, 10]
    assert [result.seconds(end) for end in result.of(StepFinished, step="b")] == [22, 22]
    assert result.when("tidy") == [20, 20]
    root = result.one(ExperimentStarted)
    assert {step.parent for step in result.of(StepReached, step="b")} == {root.span}


def test_its_failure_counts(lab: Lab) -> None:
    lab.fails("bad", seconds=3)
    lab.takes("work", 10)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x"><run expected-status="0">bad</run></tasklist>'
            + TASKLISTS,
            steps='<step name="b" tasklist="x" targets="n1" background="true"/>' + WORK,
        )
    )
    assert result.one(StepFinished, step="b").outcome is Outcome.FAILED
    assert result.duration == 10
    assert result.exit_code == 1


def test_its_failure_in_a_loop_is_not_the_loops(lab: Lab) -> None:
    lab.fails("bad")
    lab.takes("work", 10)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x"><run expected-status="0">bad</run></tasklist>'
            + TASKLISTS,
            steps='<loop repeat="1"><step tasklist="x" targets="n1" background="true"/>'
            f"{WORK}</loop>",
        )
    )
    assert result.one(LoopFinished).outcome is Outcome.OK
    assert result.exit_code == 1


def test_stop_experiment_lets_it_live_until_the_teardowns_have_ended(lab: Lab) -> None:
    """11.1."""
    result = background(
        lab,
        SERVER + WORK + '<register-teardown tasklist="down" targets="n2"/>',
        root='timeout="PT4S"',
    )
    assert (result.when("down"), result.when("tidy")) == ([4], [7])


def test_an_interrupt_lets_it_live_until_the_teardowns_have_ended(lab: Lab) -> None:
    """11.1, 11.2."""
    lab.interrupt(4)
    result = background(lab, SERVER + WORK + '<register-teardown tasklist="down" targets="n2"/>')
    assert (result.when("down"), result.when("tidy")) == ([4], [7])
    assert result.one(StepFinished, step="b").outcome is Outcome.STOPPED
    assert result.one(StepFinished, step="w").outcome is Outcome.CANCELLED


def test_one_that_has_not_started_when_the_experiment_ends_does_not(lab: Lab) -> None:
    result = background(
        lab,
        '<step name="b" tasklist="server" targets="n1" background="true" start_relative="PT60S"/>'
        + WORK,
    )
    assert result.when("server") == []
    assert result.one(StepFinished, step="b").outcome is Outcome.STOPPED
    assert result.of(StepStarted, step="b") == []


def test_it_keeps_its_stop_time(lab: Lab) -> None:
    result = background(
        lab,
        '<step name="b" tasklist="server" targets="n1" background="true" stop_relative="PT4S"/>'
        + WORK,
    )
    assert result.when("tidy") == [4]
    assert result.one(StepFinished, step="b").outcome is Outcome.STOPPED


def test_one_that_fails_while_teardowns_run_does_not_stop_them(lab: Lab) -> None:
    """11.1: there is nothing left that stop-experiment could stop."""
    lab.fails("bad", seconds=11)
    lab.takes("work", 10)
    lab.takes("down", 3)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x" on-error="stop-experiment">'
            '<run expected-status="0">bad</run></tasklist>' + TASKLISTS,
            steps='<register-teardown tasklist="down" targets="n2"/>'
            '<step tasklist="x" targets="n1" background="true"/>' + WORK,
        )
    )
    assert result.duration == 13
    assert result.exit_code == 1


@pytest.mark.parametrize("policy", ["stop-experiment", "stop-step"])
def test_its_failed_cleanup_counts(lab: Lab, policy: str) -> None:
    """7.4."""
    lab.takes("server", 1000)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x" cleanup="bad"><run>server</run></tasklist>'
            f'<tasklist name="bad" on-error="{policy}"><fail status="x"/></tasklist>' + TASKLISTS,
            steps='<step name="b" tasklist="x" targets="n1" background="true"/>' + WORK,
        )
    )
    assert result.one(StepFinished, step="b").outcome is Outcome.FAILED
    assert result.exit_code == 1
