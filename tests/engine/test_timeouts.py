"""The time limit of a tasklist (LANGUAGE.md 7.3)."""

from __future__ import annotations

import pytest

from gplmt.events import Outcome, TasklistFinished
from tests.support.lab import Lab


def test_it_bounds_the_body_called_tasklists_included(lab: Lab) -> None:
    lab.takes("a", 3)
    lab.takes("b", 3)
    result = lab.run_tasks(
        '<run>a</run><call tasklist="inner"/>',
        attributes='timeout="PT5S"',
        others='<tasklist name="inner"><run>b</run></tasklist>',
    )
    assert result.duration == 5
    assert result.tasklist("main") is Outcome.TIMEOUT
    assert result.tasklist("inner") is Outcome.STOPPED
    assert result.reasons() == ["ran over its timeout of 5 s"]
    assert result.exit_code == 1


def test_what_ends_in_time_is_no_failure(lab: Lab) -> None:
    lab.takes("a", 4.9)
    assert lab.run_tasks("<run>a</run>", attributes='timeout="PT5S"').exit_code == 0


def test_it_does_not_bound_its_own_cleanup(lab: Lab) -> None:
    lab.takes("a", 3)
    lab.takes("tidy", 30)
    result = lab.run_tasks(
        "<run>a</run>",
        attributes='timeout="PT5S" cleanup="tidy"',
        others='<tasklist name="tidy"><run>tidy</run></tasklist>',
    )
    assert result.duration == 33
    assert result.exit_code == 0


def test_the_cleanup_of_a_called_tasklist_ends_before_the_timeout_takes_effect(lab: Lab) -> None:
    """7.4: an outer timeout does not interrupt a cleanup."""
    lab.takes("a", 3)
    lab.takes("tidy", 30)
    result = lab.run_tasks(
        '<call tasklist="inner"/><run>never</run>',
        attributes='timeout="PT5S"',
        others='<tasklist name="inner" cleanup="tidy"><run>a</run></tasklist>'
        '<tasklist name="tidy"><run>tidy</run></tasklist>',
    )
    assert result.duration == 33
    assert result.commands() == ["a", "tidy"]
    assert result.tasklist("main") is Outcome.TIMEOUT
    assert result.tasklist("inner") is Outcome.OK
    assert result.tasklist("tidy") is Outcome.OK


def test_a_timeout_that_strikes_during_the_last_calls_cleanup_is_a_failure(lab: Lab) -> None:
    """7.3: though nothing is left to do then."""
    lab.takes("a", 3)
    lab.takes("tidy", 30)
    result = lab.run_tasks(
        '<call name="c" tasklist="inner"/>',
        attributes='timeout="PT5S"',
        others='<tasklist name="inner" cleanup="tidy"><run>a</run></tasklist>'
        '<tasklist name="tidy"><run>tidy</run></tasklist>',
    )
    assert result.duration == 33
    assert result.outcome("c") is Outcome.STOPPED
    assert result.tasklist("main") is Outcome.TIMEOUT
    assert result.exit_code == 1


@pytest.mark.parametrize("seconds", [2, 5, 8])
def test_of_two_timeouts_the_tighter_one_strikes(lab: Lab, seconds: int) -> None:
    lab.takes("a", 100)
    result = lab.run_tasks(
        '<call tasklist="inner"/><run>after</run>',
        attributes='timeout="PT6S"',
        others=f'<tasklist name="inner" timeout="PT{seconds}S"><run>a</run></tasklist>',
    )
    inner = seconds < 6
    assert result.when("after") == ([seconds] if inner else [])
    assert result.tasklist("inner") is (Outcome.TIMEOUT if inner else Outcome.STOPPED)
    assert result.tasklist("main") is (Outcome.OK if inner else Outcome.TIMEOUT)
    assert result.exit_code == 1


def test_two_timeouts_of_the_same_moment_end_both_tasklists(lab: Lab) -> None:
    lab.takes("a", 100)
    result = lab.run_tasks(
        '<call tasklist="inner"/><run>after</run>',
        attributes='timeout="PT5S"',
        others='<tasklist name="inner" timeout="PT5S"><run timeout="PT5S" retries="3">a</run>'
        "<run>then</run></tasklist>",
    )
    assert result.commands() == ["a"]
    assert result.duration == 5
    assert result.tasklist("main") is Outcome.TIMEOUT
    assert result.exit_code == 1


def test_an_outer_timeout_that_strikes_while_an_inner_one_stops_a_command_is_not_lost(
    lab: Lab,
) -> None:
    lab.stopping_takes(3)
    lab.takes("a", 100)
    result = lab.run_tasks(
        '<call tasklist="inner"/><run>after</run>',
        attributes='timeout="PT6S"',
        others='<tasklist name="inner" timeout="PT5S"><run>a</run></tasklist>',
    )
    assert result.commands() == ["a"]
    assert result.duration == 8
    assert result.tasklist("main") is Outcome.TIMEOUT


def test_a_timeout_strikes_all_branches(lab: Lab) -> None:
    lab.takes("a", 100)
    result = lab.run_tasks(
        "<par><run>a</run><seq><run>a</run></seq></par>", attributes='timeout="PT5S"'
    )
    assert result.duration == 5
    assert len(result.reasons()) == 1


def test_each_run_of_a_tasklist_has_its_own_time(lab: Lab) -> None:
    lab.takes("a", 4)
    result = lab.run_tasks(
        '<call tasklist="inner"/><call tasklist="inner"/>',
        others='<tasklist name="inner" timeout="PT5S"><run>a</run></tasklist>',
    )
    assert result.duration == 8
    assert result.exit_code == 0


def test_the_timeout_of_a_cleanup_bounds_it(lab: Lab) -> None:
    """7.4."""
    lab.takes("tidy", 100)
    result = lab.run_tasks(
        "<run>a</run>",
        attributes='cleanup="tidy"',
        others='<tasklist name="tidy" timeout="PT5S"><run>tidy</run></tasklist>',
    )
    assert result.duration == 5
    assert result.one(TasklistFinished, cleanup=True).outcome is Outcome.TIMEOUT
    assert result.tasklist("main") is Outcome.OK
    assert result.exit_code == 1


def test_retries_stop_when_the_tasklists_time_is_over(lab: Lab) -> None:
    """6.2, 7.3."""
    lab.fails("a", seconds=2)
    result = lab.run_tasks(
        '<run expected-status="0" retries="99">a</run>', attributes='timeout="PT5S"'
    )
    assert result.when("a") == [0, 2, 4]
    assert result.duration == 5
    assert result.tasklist("main") is Outcome.TIMEOUT
    assert result.reasons() == ["ran over its timeout of 5 s"]
