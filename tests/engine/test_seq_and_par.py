"""Tasks one after another and all at once (LANGUAGE.md 6.5)."""

from __future__ import annotations

import pytest

from gplmt.events import Outcome, ParFinished, SeqFinished, TaskStarted
from gplmt.transports.fake import Script
from tests.support.lab import Lab


def test_a_seq_runs_its_children_one_after_another(lab: Lab) -> None:
    lab.takes("a", 1)
    lab.takes("b", 2)
    result = lab.run_tasks("<seq><run>a</run><run>b</run></seq><run>c</run>")
    assert (result.when("a"), result.when("b"), result.when("c")) == ([0], [1], [3])


def test_a_par_runs_all_its_children_at_once(lab: Lab) -> None:
    names = [str(number) for number in range(50)]
    for name in names:
        lab.takes(name, 5)
    result = lab.run_tasks(f"<par>{''.join(f'<run>{name}</run>' for name in names)}</par>")
    assert result.duration == 5
    assert {moment for name in names for moment in result.when(name)} == {0}


def test_seq_and_par_nest(lab: Lab) -> None:
    for name in "abcd":
        lab.takes(name, 1)
    result = lab.run_tasks(
        "<par><seq><run>a</run><run>b</run></seq><seq><run>c</run>"
        "<par><run>d</run><run>a</run></par></seq></par>"
    )
    assert sorted(result.when("a")) == [0, 1]
    assert (result.when("b"), result.when("c"), result.when("d")) == ([1], [0], [1])
    assert result.duration == 2


def test_a_nested_task_stands_under_its_seq_or_par(lab: Lab) -> None:
    result = lab.run_tasks('<par name="p"><seq name="s"><run name="r">a</run></seq></par>')
    par, seq, run = (result.one(TaskStarted, task=name) for name in "psr")
    assert (run.parent, seq.parent) == (seq.span, par.span)


def test_a_failure_ends_its_seq_and_what_is_around(lab: Lab) -> None:
    lab.fails("a")
    result = lab.run_tasks(
        '<seq><seq><run expected-status="0">a</run><run>b</run></seq><run>c</run></seq><run>d</run>'
    )
    assert result.commands() == ["a"]
    assert [end.outcome for end in result.of(SeqFinished)] == [Outcome.FAILED, Outcome.FAILED]
    assert [end.reason for end in result.of(SeqFinished)] == [None, None]


def test_the_first_failure_in_a_par_stops_its_other_branches(lab: Lab) -> None:
    lab.fails("bad", seconds=2)
    lab.takes("long", 100)
    result = lab.run_tasks(
        '<par name="p"><run name="bad" expected-status="0">bad</run><run name="long">long</run>'
        '<seq name="s"><run name="inner">long</run><run>never</run></seq></par><run>never</run>'
    )
    assert result.duration == 2
    assert "never" not in result.commands()
    outcomes = [result.outcome(name) for name in ("p", "bad", "long", "s", "inner")]
    stopped = Outcome.STOPPED
    assert outcomes == [Outcome.FAILED, Outcome.FAILED, stopped, stopped, stopped]
    assert result.exit_code == 1
    assert len(result.reasons()) == 1


def test_under_continue_the_other_branches_of_a_par_go_on(lab: Lab) -> None:
    """6.5, 7.1."""
    lab.fails("bad", seconds=2)
    lab.takes("long", 100)
    result = lab.run_tasks(
        '<par name="p"><run expected-status="0">bad</run><run name="long">long</run>'
        '<seq><run expected-status="0">bad</run><run>after</run></seq></par><run>last</run>',
        attributes='on-error="continue"',
    )
    assert result.outcome("long") is Outcome.OK
    assert result.outcome("p") is Outcome.OK
    assert result.when("after") == [2]
    assert result.when("last") == [100]
    assert result.tasklist("main") is Outcome.FAILED
    assert result.exit_code == 1


def test_a_plain_call_that_failed_is_no_failure_of_its_branch(lab: Lab) -> None:
    """6.5."""
    lab.takes("long", 10)
    result = lab.run_tasks(
        '<par name="p"><seq><call tasklist="bad"/><run>next</run></seq>'
        '<run name="long">long</run></par>',
        others='<tasklist name="bad"><fail status="x"/></tasklist>',
    )
    assert result.outcome("long") is Outcome.OK
    assert result.outcome("p") is Outcome.OK
    assert "next" in result.commands()
    assert result.exit_code == 1


def test_a_call_whose_expectation_is_not_met_stops_the_other_branches(lab: Lab) -> None:
    """6.4, 6.5."""
    lab.takes("long", 10)
    result = lab.run_tasks(
        '<par><call tasklist="bad" expected-status="0"/><run name="long">long</run></par>',
        others='<tasklist name="bad"><run>go</run><fail status="x"/></tasklist>',
    )
    assert result.outcome("long") is Outcome.STOPPED
    assert result.duration == 0


def test_a_par_ends_when_its_stopped_branches_have(lab: Lab) -> None:
    lab.stopping_takes(3)
    lab.fails("bad", seconds=2)
    lab.takes("long", 100)
    result = lab.run_tasks('<par><run expected-status="0">bad</run><run>long</run></par>')
    assert result.seconds(result.one(ParFinished)) == 5


def test_a_branch_that_is_stopped_runs_its_called_tasklists_cleanup(lab: Lab) -> None:
    """6.5, 7.4."""
    lab.fails("bad", seconds=2)
    lab.takes("long", 100)
    lab.takes("tidy", 4)
    result = lab.run_tasks(
        '<par><run expected-status="0">bad</run><call tasklist="called"/></par>',
        others='<tasklist name="called" cleanup="tidy"><run>long</run></tasklist>'
        '<tasklist name="tidy"><run>tidy</run></tasklist>',
    )
    assert result.when("tidy") == [2]
    assert result.duration == 6
    assert result.tasklist("called") is Outcome.STOPPED


@pytest.mark.parametrize("most", [1, 2, 3, 10])
def test_a_limited_par_runs_so_many_branches_at_a_time_in_order(lab: Lab, most: int) -> None:
    for name in "abcdef":
        lab.takes(name, 1)
    branches = "".join(f"<run>{name}</run>" for name in "abcdef")
    result = lab.run_tasks(f'<par max-parallel="{most}">{branches}</par>')
    assert [result.when(name)[0] for name in "abcdef"] == [rank // most for rank in range(6)]


def test_a_branch_of_a_limited_par_that_never_began_has_no_record(lab: Lab) -> None:
    lab.script("a", Script(returncode=1, seconds=1))
    result = lab.run_tasks(
        '<par max-parallel="1"><run expected-status="0">a</run><run name="b">b</run></par>'
    )
    assert result.commands() == ["a"]
    assert result.of(TaskStarted, task="b") == []


def test_a_limited_par_goes_on_under_continue(lab: Lab) -> None:
    lab.fails("a", seconds=1)
    result = lab.run_tasks(
        '<par max-parallel="1"><run expected-status="0">a</run><run>b</run></par>',
        attributes='on-error="continue"',
    )
    assert result.when("b") == [1]


def test_two_branches_that_fail_together_both_count(lab: Lab) -> None:
    lab.fails("a", seconds=1)
    lab.fails("b", seconds=1, status=2)
    result = lab.run_tasks(
        '<par><run expected-status="0">a</run><run expected-status="0">b</run></par>'
    )
    assert set(result.reasons()) <= {
        "exited with status 1, expected 0",
        "exited with status 2, expected 0",
    }
    assert result.exit_code == 1
