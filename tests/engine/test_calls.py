"""Calls of other tasklists (LANGUAGE.md 6.4, 7.2)."""

from __future__ import annotations

import pytest

from gplmt.events import CallFinished, CallStarted, Outcome, StepFinished, TasklistStarted
from tests.support.lab import Lab, Result, experiment

FAILS = '<tasklist name="bad"><run expected-status="0">bad</run></tasklist>'
WORKS = '<tasklist name="good"><run>good</run></tasklist>'


@pytest.fixture
def lab(lab: Lab) -> Lab:
    lab.fails("bad")
    return lab


def call(lab: Lab, tasklist: str, expected: str = "", *, attributes: str = "") -> Result:
    status = f'expected-status="{expected}"' if expected else ""
    return lab.run_tasks(
        f'<call name="c" tasklist="{tasklist}" {status}/><run>after</run>',
        attributes=attributes,
        others=FAILS + WORKS,
    )


@pytest.mark.parametrize(
    ("tasklist", "expected", "outcome", "exit_code"),
    [
        ("good", "", Outcome.OK, 0),
        ("good", "0", Outcome.OK, 0),
        ("good", "1", Outcome.FAILED, 1),
        ("bad", "", Outcome.OK, 1),
        ("bad", "0", Outcome.FAILED, 1),
        ("bad", "1", Outcome.OK, 0),
    ],
)
def test_the_caller_goes_on_unless_its_expectation_is_not_met(
    lab: Lab, tasklist: str, expected: str, outcome: Outcome, exit_code: int
) -> None:
    """6.4; 7.2: a plain call's failure counts, one that was asked for does not."""
    result = call(lab, tasklist, expected)
    assert result.exit_code == exit_code
    assert result.outcome("c") is outcome
    assert ("after" in result.commands()) == (outcome is Outcome.OK)
    assert result.tasklist("main") is outcome
    step = result.one(StepFinished)
    assert step.outcome is (Outcome.FAILED if exit_code else Outcome.OK)
    assert step.failed == (("n1",) if exit_code else ())


def test_a_call_that_must_succeed_leaves_the_reason_to_what_failed(lab: Lab) -> None:
    """7.2: one failure, told once."""
    result = call(lab, "bad", "0")
    assert result.reasons() == ["exited with status 1, expected 0"]
    assert result.one(CallFinished).reason is None


def test_a_call_that_must_fail_says_when_it_did_not(lab: Lab) -> None:
    """6.4."""
    result = call(lab, "good", "1")
    assert result.reasons() == ["tasklist 'good' succeeded, but was expected to fail"]


def test_an_expectation_that_is_not_met_is_a_failure_of_the_caller(lab: Lab) -> None:
    """6.4, 7.1: so its on-error applies, and continue goes on."""
    for expected, tasklist in (("0", "bad"), ("1", "good")):
        result = call(lab, tasklist, expected, attributes='on-error="continue"')
        assert result.commands()[-1] == "after"
        assert result.tasklist("main") is Outcome.FAILED
        assert result.exit_code == 1


def test_the_called_tasklist_runs_inside_the_call(lab: Lab) -> None:
    result = call(lab, "good")
    begin = result.one(CallStarted)
    assert begin.calls == "good"
    assert result.one(TasklistStarted, tasklist="good").parent == begin.span
    assert result.commands() == ["good", "after"]


def test_a_failure_deep_down_is_excused_by_the_call_that_asked_for_it(lab: Lab) -> None:
    """7.2."""
    result = lab.run_tasks(
        '<call tasklist="outer" expected-status="1"/>',
        others=FAILS
        + '<tasklist name="outer"><call tasklist="bad" expected-status="0"/></tasklist>',
    )
    assert result.exit_code == 0
    assert result.one(StepFinished).outcome is Outcome.OK
    assert result.one(CallFinished, calls="bad").excused


def test_all_failures_under_continue_are_excused_by_the_call_that_asked(lab: Lab) -> None:
    """7.2."""
    result = lab.run_tasks(
        '<call tasklist="many" expected-status="1"/>',
        others='<tasklist name="many" on-error="continue"><fail status="1"/><fail status="2"/>'
        "</tasklist>",
    )
    assert result.exit_code == 0


def test_a_timeout_is_a_failure_that_can_be_asked_for(lab: Lab) -> None:
    """6.4, 7.3."""
    lab.takes("long", 100)
    result = lab.run_tasks(
        '<call tasklist="slow" expected-status="1"/><run>after</run>',
        others='<tasklist name="slow" timeout="PT5S"><run>long</run></tasklist>',
    )
    assert result.exit_code == 0
    assert result.when("after") == [5]


@pytest.mark.parametrize("expected", ["", 'expected-status="0"', 'expected-status="1"'])
@pytest.mark.parametrize("policy", ["stop-step", "stop-experiment"])
def test_what_a_called_tasklist_stops_comes_first(lab: Lab, policy: str, expected: str) -> None:
    """6.4, 7.1."""
    lab.takes("other", 100)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="main">'
            f'<run>go</run><call tasklist="called" {expected}/><run>after</run></tasklist>'
            f'<tasklist name="called" on-error="{policy}"><fail status="x"/></tasklist>'
            '<tasklist name="other"><run>other</run></tasklist>',
            steps='<step tasklist="main" targets="n1"/><step tasklist="other" targets="n2"/>'
            '<synchronize/><step name="later" tasklist="other" targets="n2"/>',
        )
    )
    assert "after" not in result.commands()
    assert result.exit_code == 1
    assert result.one(StepFinished, step="step-1").outcome is Outcome.FAILED
    stops_all = policy == "stop-experiment"
    assert result.commands("n2") == (["other"] if stops_all else ["other", "other"])


def test_the_callers_policy_does_not_apply_to_a_plain_call(lab: Lab) -> None:
    """6.4, 7.1."""
    result = call(lab, "bad", attributes='on-error="stop-experiment"')
    assert result.commands() == ["bad", "after"]
    assert result.one(StepFinished).outcome is Outcome.FAILED


def test_a_call_in_a_cleanup_may_ask_for_a_failure_too(lab: Lab) -> None:
    """7.2, 7.4."""
    result = lab.run_tasks(
        "<run>x</run>",
        attributes='cleanup="tidy"',
        others=FAILS
        + '<tasklist name="tidy"><call tasklist="bad" expected-status="1"/></tasklist>',
    )
    assert result.commands() == ["x", "bad"]
    assert result.exit_code == 0
    assert result.one(StepFinished).outcome is Outcome.OK


def test_the_cleanup_of_a_tasklist_that_must_fail_must_not(lab: Lab) -> None:
    """7.2, 7.4: a cleanup's failure counts; only that of the body was asked for."""
    result = lab.run_tasks(
        '<call tasklist="called" expected-status="1"/>',
        others=FAILS + '<tasklist name="called" cleanup="bad"><fail status="asked"/></tasklist>',
    )
    assert result.exit_code == 1
    assert result.one(StepFinished).outcome is Outcome.FAILED


def test_a_cleanups_failure_does_not_meet_an_expectation(lab: Lab) -> None:
    """6.4, 7.4."""
    result = lab.run_tasks(
        '<call tasklist="called" expected-status="1"/>',
        others=FAILS + '<tasklist name="called" cleanup="bad"><run>x</run></tasklist>',
    )
    assert "tasklist 'called' succeeded, but was expected to fail" in result.reasons()


def test_calls_nest(lab: Lab) -> None:
    """6.4."""
    result = lab.run_tasks(
        '<call tasklist="a"/><run>3</run>',
        others='<tasklist name="a"><call tasklist="b"/><run>2</run></tasklist>'
        '<tasklist name="b"><run>1</run></tasklist>',
    )
    assert result.commands() == ["1", "2", "3"]
