"""How many targets of a step must not fail (LANGUAGE.md 7.6)."""

from __future__ import annotations

import pytest

from gplmt.events import Outcome, StepFinished, TasklistFinished
from gplmt.language.steps import MinSuccess
from gplmt.transports.fake import Script
from tests.support.lab import Lab, Result, experiment

TARGETS = "n1 n2 n3 n4 n5"


def quorum(
    lab: Lab,
    min_success: str,
    *,
    failing: dict[str, float],
    attributes: str = "",
    step: str = "",
    others: str = "",
) -> Result:
    """A step of five targets, those of `failing` fail after so many seconds, the rest takes 20."""
    lab.takes("a", 20)
    lab.takes("y", 10)
    for target, seconds in failing.items():
        lab.fails("a", seconds=seconds, target=target)
    return lab.run(
        experiment(
            targets=TARGETS + " y",
            tasklists=f'<tasklist name="x" {attributes}><run expected-status="0">a</run>'
            f'<run>b</run></tasklist><tasklist name="y"><run>y</run></tasklist>{others}',
            steps=f'<step name="x" tasklist="x" targets="n*" min-success="{min_success}" {step}/>'
            '<step name="y" tasklist="y" targets="y"/>',
        )
    )


@pytest.mark.parametrize(
    ("amount", "count", "required"),
    [(80, 5, 4), (80, 4, 4), (50, 5, 3), (0, 5, 0), (100, 3, 3), (0.1, 1000, 1), (33.3, 3, 1)],
)
def test_a_percentage_is_rounded_up(amount: float, count: int, required: int) -> None:
    assert MinSuccess(amount=amount, is_percentage=True).of(count) == required


@pytest.mark.parametrize(
    ("min_success", "failing", "is_met"),
    [
        ("80%", 1, True),
        ("80%", 2, False),
        ("81%", 1, False),
        ("4", 1, True),
        ("4", 2, False),
        ("5", 1, False),
        ("100%", 1, False),
        ("0", 5, True),
        ("0%", 5, True),
        ("1", 4, True),
        ("1", 5, False),
    ],
)
def test_failures_are_tolerated_while_enough_targets_do_not_fail(
    lab: Lab, min_success: str, failing: int, is_met: bool
) -> None:
    names = TARGETS.split()[:failing]
    result = quorum(lab, min_success, failing={name: 1 + rank for rank, name in enumerate(names)})
    step = result.one(StepFinished, step="x")
    assert step.outcome is (Outcome.OK if is_met else Outcome.FAILED)
    assert step.tolerated == (tuple(names) if is_met else ())
    assert step.failed == (() if is_met else tuple(names))
    assert result.exit_code == (0 if is_met else 1)
    assert len(result.reasons()) == failing


@pytest.mark.parametrize("policy", ["stop-tasklist", "stop-step", "stop-experiment"])
def test_while_it_can_be_met_a_failure_stops_only_its_own_target(lab: Lab, policy: str) -> None:
    result = quorum(lab, "60%", failing={"n1": 1, "n2": 2}, attributes=f'on-error="{policy}"')
    assert result.commands("n1") == ["a"]
    for other in ("n3", "n4", "n5"):
        assert result.commands(other) == ["a", "b"]
    assert result.one(StepFinished, step="x").outcome is Outcome.OK
    assert result.exit_code == 0


def test_a_failure_within_it_stops_the_callers_on_that_target_too(lab: Lab) -> None:
    """All of its own tasklists."""
    lab.fails("bad", target="n1")
    lab.takes("tidy", 3)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x" cleanup="tidy"><call tasklist="bad"/><run>after</run>'
            '</tasklist><tasklist name="bad" on-error="stop-experiment">'
            '<run expected-status="0">bad</run></tasklist>'
            '<tasklist name="tidy"><run>tidy</run></tasklist>',
            steps='<step tasklist="x" targets="n1 n2" min-success="1"/>',
        )
    )
    assert result.commands("n1") == ["bad", "tidy"]
    assert result.commands("n2") == ["bad", "after", "tidy"]
    assert result.one(TasklistFinished, tasklist="x", target="n1").outcome is Outcome.STOPPED
    assert result.one(StepFinished).tolerated == ("n1",)
    assert result.exit_code == 0


def test_the_failure_that_loses_it_has_its_on_error_applied(lab: Lab) -> None:
    result = quorum(lab, "80%", failing={"n1": 1, "n2": 3}, attributes='on-error="stop-experiment"')
    assert result.duration == 3
    assert result.one(StepFinished, step="x").failed == ("n1", "n2")
    assert result.one(StepFinished, step="y").outcome is Outcome.STOPPED
    assert result.exit_code == 1


def test_stop_step_applies_when_it_is_lost(lab: Lab) -> None:
    result = quorum(lab, "80%", failing={"n1": 1, "n2": 3}, attributes='on-error="stop-step"')
    assert result.seconds(result.one(StepFinished, step="x")) == 3
    assert result.one(StepFinished, step="y").outcome is Outcome.OK


def test_stop_tasklist_lets_the_others_go_on_when_it_is_lost(lab: Lab) -> None:
    result = quorum(lab, "80%", failing={"n1": 1, "n2": 3})
    assert result.seconds(result.one(StepFinished, step="x")) == 20
    assert result.commands("n5") == ["a", "b"]


def test_an_earlier_failure_keeps_its_limits_when_a_later_one_loses_it(lab: Lab) -> None:
    """The on-error of the failure that lost the quorum applies, and n1's was not that one."""
    lab.takes("tidy", 10, target="n1")
    lab.takes("long", 30)
    lab.fails("bad", seconds=1, target="n1")
    lab.fails("worse", seconds=5, target="n2")
    result = lab.run(
        experiment(
            targets="n1 n2 n3",
            tasklists='<tasklist name="x"><call tasklist="strict"/><call tasklist="loose"/>'
            '<run>long</run></tasklist><tasklist name="strict" on-error="stop-experiment" '
            'cleanup="tidy"><run expected-status="0">bad</run></tasklist>'
            '<tasklist name="loose"><run expected-status="0">worse</run></tasklist>'
            '<tasklist name="tidy"><run>tidy</run></tasklist>',
            steps='<step tasklist="x" targets="n1 n2 n3" min-success="2"/>',
        )
    )
    assert result.one(StepFinished).failed == ("n1", "n2")
    assert result.commands("n1") == ["bad", "tidy"]
    assert result.commands("n2")[-1] == "long"
    assert result.commands("n3")[-1] == "long"
    assert result.duration == 35
    assert result.exit_code == 1


def test_stopped_targets_have_not_failed(lab: Lab) -> None:
    """7.2, 8.3."""
    result = quorum(lab, "80%", failing={"n1": 1}, step='stop_relative="PT5S"')
    assert result.one(StepFinished, step="x").outcome is Outcome.STOPPED
    assert result.one(StepFinished, step="x").tolerated == ("n1",)
    assert result.exit_code == 0


def test_a_lost_quorum_stays_lost_when_the_step_is_stopped(lab: Lab) -> None:
    result = quorum(lab, "80%", failing={"n1": 1, "n2": 2}, step='stop_relative="PT5S"')
    assert result.one(StepFinished, step="x").outcome is Outcome.FAILED
    assert result.exit_code == 1


def test_failures_that_were_asked_for_do_not_count_against_it(lab: Lab) -> None:
    """7.2."""
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x"><call tasklist="bad" expected-status="1"/></tasklist>'
            '<tasklist name="bad"><fail status="x"/></tasklist>',
            steps='<step tasklist="x" targets="n1 n2" min-success="2"/>',
        )
    )
    assert result.one(StepFinished).tolerated == ()
    assert result.exit_code == 0


def test_a_target_that_fails_twice_counts_once(lab: Lab) -> None:
    lab.fails("a", target="n1")
    run = '<run expected-status="0">a</run>'
    result = lab.run(
        experiment(
            targets="n1 n2 n3",
            tasklists=f'<tasklist name="x" on-error="continue">{run}{run}</tasklist>',
            steps='<step tasklist="x" targets="n1 n2 n3" min-success="2"/>',
        )
    )
    assert len(result.reasons()) == 2
    assert result.one(StepFinished).tolerated == ("n1",)
    assert result.exit_code == 0


def test_a_failed_cleanup_is_a_failed_target(lab: Lab) -> None:
    """7.4, 7.6."""
    lab.fails("tidy", target="n1")
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x" cleanup="tidy"><run>a</run></tasklist>'
            '<tasklist name="tidy"><run expected-status="0">tidy</run></tasklist>',
            steps='<step tasklist="x" targets="n1 n2" min-success="1"/>',
        )
    )
    assert result.one(StepFinished).tolerated == ("n1",)
    assert result.exit_code == 0


def test_a_tolerated_failure_does_not_make_its_loop_fail(lab: Lab) -> None:
    lab.fails("a", target="n1")
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x"><run expected-status="0">a</run></tasklist>',
            steps='<loop repeat="2"><step tasklist="x" targets="n1 n2" min-success="50%"/></loop>',
        )
    )
    assert result.exit_code == 0
    assert len(result.of(StepFinished, tolerated=("n1",))) == 2


def test_each_iteration_has_a_quorum_of_its_own(lab: Lab) -> None:
    """9.3."""
    lab.script("a", Script(returncode=1), Script(), target="n1")
    lab.script("a", Script(), Script(returncode=1), target="n2")
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="x"><run expected-status="0">a</run></tasklist>',
            steps='<loop repeat="2"><step tasklist="x" targets="n1 n2" min-success="1"/></loop>',
        )
    )
    assert [step.tolerated for step in result.of(StepFinished)] == [("n1",), ("n2",)]
    assert result.exit_code == 0


def test_it_counts_the_targets_that_max_parallel_has_not_begun(lab: Lab) -> None:
    result = quorum(
        lab,
        "80%",
        failing=dict.fromkeys(["n1", "n2"], 1),
        attributes='on-error="stop-step"',
        step='max-parallel="1"',
    )
    assert result.commands("n2") == ["a"]
    assert result.commands("n3") == []
    assert result.one(StepFinished, step="x").failed == ("n1", "n2")
