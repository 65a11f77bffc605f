"""What the failure of a tasklist stops besides itself (LANGUAGE.md 7.1, 7.2)."""

from __future__ import annotations

import pytest

from gplmt.events import (
    Outcome,
    StepFinished,
    StepReached,
    TasklistFinished,
    TeardownFinished,
)
from tests.support.lab import Lab, Result, experiment

POLICIES = ["stop-tasklist", "stop-step", "stop-experiment", "continue"]


def policy(name: str) -> str:
    return "" if name == "default" else f'on-error="{name}"'


def two_steps(lab: Lab, on_error: str) -> Result:
    """Step `x` on n1 and n2 and step `y` on n3; n1 fails after 2 s, all else takes 10 s."""
    lab.fails("a", seconds=2, target="n1")
    for name in ("a", "b", "y"):
        lab.takes(name, 10) if name != "a" else lab.takes("a", 10, target="n2")
    return lab.run(
        experiment(
            targets="n1 n2 n3",
            tasklists=f'<tasklist name="x" {policy(on_error)}><run expected-status="0">a</run>'
            '<run>b</run></tasklist><tasklist name="y"><run>y</run></tasklist>',
            steps='<step name="x" tasklist="x" targets="n1 n2"/>'
            '<step name="y" tasklist="y" targets="n3"/>'
            '<synchronize/><step name="z" tasklist="y" targets="n3"/>',
        )
    )


@pytest.mark.parametrize("on_error", ["default", "stop-tasklist"])
def test_stop_tasklist_stops_just_this_tasklist_on_this_target(lab: Lab, on_error: str) -> None:
    result = two_steps(lab, on_error)
    assert result.commands("n1") == ["a"]
    assert result.commands("n2") == ["a", "b"]
    assert result.commands("n3") == ["y", "y"]
    assert result.one(StepFinished, step="x").failed == ("n1",)
    assert result.exit_code == 1


def test_stop_step_stops_the_step_on_all_its_targets(lab: Lab) -> None:
    result = two_steps(lab, "stop-step")
    assert result.commands("n2") == ["a"]
    assert result.tasklist("x", target="n2") is Outcome.STOPPED
    assert result.seconds(result.one(StepFinished, step="x")) == 2
    assert result.when("y") == [0, 10]
    assert result.one(StepFinished, step="y").outcome is Outcome.OK
    assert result.exit_code == 1


def test_stop_experiment_stops_everything(lab: Lab) -> None:
    result = two_steps(lab, "stop-experiment")
    assert result.duration == 2
    assert result.one(StepFinished, step="x").outcome is Outcome.FAILED
    assert result.one(StepFinished, step="y").outcome is Outcome.STOPPED
    assert result.of(StepReached, step="z") == []
    assert result.exit_code == 1


def test_continue_stops_nothing_and_has_failed_in_the_end(lab: Lab) -> None:
    result = two_steps(lab, "continue")
    assert result.commands("n1") == ["a", "b"]
    assert result.tasklist("x", target="n1") is Outcome.FAILED
    assert result.one(StepFinished, step="x").failed == ("n1",)
    assert result.exit_code == 1


@pytest.mark.parametrize("on_error", POLICIES)
def test_a_timeout_is_a_failure_like_any_other(lab: Lab, on_error: str) -> None:
    """7.1, 7.3."""
    lab.takes("long", 100)
    lab.takes("y", 10)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=f'<tasklist name="main"><call tasklist="slow"/><run>after</run></tasklist>'
            f'<tasklist name="slow" timeout="PT2S" {policy(on_error)}><run>long</run>'
            '<run>never</run></tasklist><tasklist name="y"><run>y</run></tasklist>',
            steps='<step tasklist="main" targets="n1"/><step tasklist="y" targets="n2"/>',
        )
    )
    assert result.exit_code == 1
    assert result.tasklist("slow") is Outcome.TIMEOUT
    assert result.reasons() == ["ran over its timeout of 2 s"]
    assert "never" not in result.commands()
    goes_on = on_error in ("stop-tasklist", "continue")
    assert result.when("after") == ([2] if goes_on else [])
    assert result.duration == (2 if on_error == "stop-experiment" else 10)


@pytest.mark.parametrize("on_error", POLICIES)
def test_the_policy_is_that_of_the_tasklist_that_failed(lab: Lab, on_error: str) -> None:
    """7.1: not of those that called it."""
    result = lab.run_tasks(
        '<call tasklist="bad"/><run>after</run>',
        attributes=policy(on_error),
        others='<tasklist name="bad"><fail status="x"/></tasklist>',
    )
    assert result.commands() == ["after"]
    assert result.tasklist("main") is Outcome.OK


@pytest.mark.parametrize("on_error", POLICIES)
def test_a_tasklist_stopped_from_outside_has_not_failed(lab: Lab, on_error: str) -> None:
    """7.1: its on-error does not apply; the other step would be stopped else."""
    lab.takes("long", 100)
    lab.takes("y", 10)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=f'<tasklist name="x" {policy(on_error)}><run>long</run></tasklist>'
            '<tasklist name="y"><run>y</run></tasklist>',
            steps='<step name="x" tasklist="x" targets="n1" stop_relative="PT2S"/>'
            '<step tasklist="y" targets="n2"/>',
        )
    )
    assert result.one(StepFinished, step="x").outcome is Outcome.STOPPED
    assert result.tasklist("x") is Outcome.STOPPED
    assert result.duration == 10
    assert result.exit_code == 0


@pytest.mark.parametrize("on_error", POLICIES)
def test_a_failure_in_a_cleanup_changes_nothing_but_the_exit_code(lab: Lab, on_error: str) -> None:
    """7.4."""
    lab.takes("y", 10)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="main"><call tasklist="body"/><run>after</run></tasklist>'
            '<tasklist name="body" cleanup="tidy"><run>go</run></tasklist>'
            f'<tasklist name="tidy" {policy(on_error)}><fail status="x"/><run>rest</run></tasklist>'
            '<tasklist name="y"><run>y</run></tasklist>',
            steps='<step name="x" tasklist="main" targets="n1 n2"/>'
            '<step tasklist="y" targets="n2"/>',
        )
    )
    rest = ["rest"] if on_error == "continue" else []
    assert result.commands("n1") == ["go", *rest, "after"]
    assert result.duration == 10
    assert result.one(StepFinished, step="x").outcome is Outcome.FAILED
    assert {end.outcome for end in result.of(TasklistFinished, tasklist="body")} == {Outcome.OK}
    assert result.exit_code == 1


@pytest.mark.parametrize("on_error", POLICIES)
def test_a_failure_in_what_a_cleanup_calls_changes_nothing_either(lab: Lab, on_error: str) -> None:
    """7.4: the rest of the cleanup runs."""
    result = lab.run_tasks(
        "<run>go</run>",
        attributes='cleanup="tidy"',
        others='<tasklist name="tidy"><call tasklist="part"/><run>rest</run></tasklist>'
        f'<tasklist name="part" {policy(on_error)}><fail status="x"/></tasklist>',
    )
    assert result.commands() == ["go", "rest"]
    assert result.exit_code == 1


@pytest.mark.parametrize("on_error", POLICIES)
def test_the_policy_of_a_background_step_applies(lab: Lab, on_error: str) -> None:
    """9.4."""
    lab.fails("bad", seconds=2, target="n1")
    lab.takes("bad", 100, target="n2")
    lab.takes("long", 10)
    result = lab.run(
        experiment(
            targets="n1 n2 n3",
            tasklists=f'<tasklist name="b" {policy(on_error)}><run expected-status="0">bad</run>'
            '<run>more</run></tasklist><tasklist name="f"><run>long</run></tasklist>',
            steps='<step name="b" tasklist="b" targets="n1 n2" background="true"/>'
            '<step name="f" tasklist="f" targets="n3"/>',
        )
    )
    assert result.exit_code == 1
    assert result.commands("n1") == (["bad", "more"] if on_error == "continue" else ["bad"])
    assert result.tasklist("b", target="n2") is Outcome.STOPPED
    ended = result.seconds(result.one(TasklistFinished, tasklist="b", target="n2"))
    assert ended == (2 if on_error in ("stop-step", "stop-experiment") else 10)
    assert result.duration == (2 if on_error == "stop-experiment" else 10)
    assert result.one(StepFinished, step="b").outcome is Outcome.FAILED


@pytest.mark.parametrize("on_error", POLICIES)
def test_the_policy_of_a_teardown_reaches_that_teardown_only(lab: Lab, on_error: str) -> None:
    """9.5: a failing one does not stop the next."""
    lab.takes("go", 5)
    lab.fails("go", seconds=2, target="n1")
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=f'<tasklist name="t" {policy(on_error)}><run expected-status="0">go</run>'
            '<run>more</run></tasklist><tasklist name="u"><run>u</run></tasklist>',
            steps='<register-teardown tasklist="t" targets="n1 n2"/>'
            '<register-teardown tasklist="u" targets="n1 n2"/>',
        )
    )
    assert result.commands("n1") == [*(["go", "more"] if on_error == "continue" else ["go"]), "u"]
    stops = on_error in ("stop-step", "stop-experiment")
    assert result.commands("n2") == [*(["go"] if stops else ["go", "more"]), "u"]
    assert [end.outcome for end in result.of(TeardownFinished)] == [Outcome.FAILED, Outcome.OK]
    assert result.exit_code == 1


def test_stop_step_in_a_loop_ends_that_step_of_that_iteration_only(lab: Lab) -> None:
    """9.3."""
    lab.takes("y", 5)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x" on-error="stop-step"><fail status="x"/></tasklist>'
            '<tasklist name="y"><run>y</run></tasklist>',
            steps='<loop repeat="3"><step tasklist="x" targets="n1"/>'
            '<step tasklist="y" targets="n2"/></loop>',
        )
    )
    assert result.when("y") == [0, 5, 10]
    assert result.exit_code == 1


def test_stop_experiment_does_not_wait_for_cleanups_on_other_targets_of_its_step(lab: Lab) -> None:
    """7.1."""
    lab.fails("x", seconds=1, target="n1")
    lab.takes("x", 100, target="n2")
    lab.takes("tidy", 10, target="n2")
    lab.takes("other", 2)
    result = lab.run(
        experiment(
            targets="n1 n2 n3",
            tasklists='<tasklist name="a" on-error="stop-experiment" cleanup="c">'
            '<run expected-status="0">x</run></tasklist>'
            '<tasklist name="c"><run>tidy</run></tasklist>'
            '<tasklist name="b"><run>other</run><run>other</run></tasklist>',
            steps='<loop repeat="1"><step tasklist="a" targets="n1 n2"/></loop>'
            '<step tasklist="b" targets="n3"/>',
        )
    )
    assert result.when("other") == [0]
    assert result.when("tidy") == [1, 1]
    assert result.duration == 11
