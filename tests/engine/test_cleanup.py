"""Cleanups: once, whatever happens, and undisturbed (LANGUAGE.md 7.4)."""

from __future__ import annotations

import pytest

from gplmt.events import Outcome, StepFinished, TasklistFinished, TasklistStarted
from gplmt.transports.fake import Script
from tests.support.lab import Lab, experiment

TIDY = '<tasklist name="tidy"><run>tidy</run></tasklist>'
OTHER = '<tasklist name="other"><run>other</run></tasklist>'


def main(body: str, attributes: str = "") -> str:
    return f'<tasklist name="main" cleanup="tidy" {attributes}>{body}</tasklist>'


@pytest.mark.parametrize(
    ("body", "attributes", "step", "root", "ended_at"),
    [
        ("<run>a</run>", "", "", "", 10),
        ('<run>a</run><fail status="x"/>', "", "", "", 10),
        ('<run>a</run><fail status="x"/>', 'on-error="continue"', "", "", 10),
        ('<run>a</run><fail status="x"/>', 'on-error="stop-step"', "", "", 10),
        ('<run>a</run><fail status="x"/>', 'on-error="stop-experiment"', "", "", 10),
        ("<run>a</run>", 'timeout="PT4S"', "", "", 4),
        ("<run>a</run>", "", 'stop_relative="PT4S"', "", 4),
        ("<run>a</run>", "", "", 'timeout="PT4S"', 4),
        ("<run>a</run>", "", 'background="true"', "", 7),
        ('<par><run>a</run><seq><run>b</run><fail status="x"/></seq></par>', "", "", "", 4),
        ('<run>a</run><call tasklist="stops"/>', "", "", "", 10),
    ],
    ids=[
        "success",
        "failure",
        "continue",
        "stop-step",
        "stop-experiment",
        "timeout",
        "stop time",
        "root timeout",
        "end of background",
        "other branch",
        "called tasklist stops",
    ],
)
def test_it_runs_once_however_the_body_ends(
    lab: Lab, body: str, attributes: str, step: str, root: str, ended_at: float
) -> None:
    lab.takes("a", 10)
    lab.takes("b", 4)
    lab.takes("other", 7)
    lab.takes("tidy", 3)
    result = lab.run(
        experiment(
            targets="n1 n2",
            root=root,
            tasklists=main(body, attributes)
            + TIDY
            + OTHER
            + '<tasklist name="stops" on-error="stop-experiment"><fail status="x"/></tasklist>',
            steps=f'<step name="s" tasklist="main" targets="n1" {step}/>'
            '<step tasklist="other" targets="n2"/>',
        )
    )
    assert result.when("tidy") == [ended_at]
    end = result.one(TasklistFinished, tasklist="tidy")
    assert end.cleanup
    assert end.outcome is Outcome.OK
    assert result.seconds(end) == ended_at + 3
    assert result.seconds(result.one(StepFinished, step="s")) == ended_at + 3


@pytest.mark.parametrize("signal", [2, 15, 1])
def test_it_runs_after_an_interrupt(lab: Lab, signal: int) -> None:
    lab.takes("a", 10)
    lab.takes("tidy", 3)
    lab.interrupt(4, number=signal)
    result = lab.run_tasks("<run>a</run>", attributes='cleanup="tidy"', others=TIDY)
    assert result.when("tidy") == [4]
    assert result.duration == 7
    assert result.tasklist("tidy") is Outcome.OK
    assert result.exit_code == 128 + signal


def test_it_runs_on_the_same_target_with_its_own_record(lab: Lab) -> None:
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=main("<run>a</run>") + TIDY,
            steps='<step tasklist="main" targets="n1 n2"/>',
        )
    )
    for target in ("n1", "n2"):
        assert result.commands(target) == ["a", "tidy"]
        body = result.one(TasklistStarted, tasklist="main", target=target)
        tidy = result.one(TasklistStarted, tasklist="tidy", target=target)
        assert tidy.parent == body.span


@pytest.mark.parametrize(
    "body", ["", '<run enabled="false">a</run>', '<seq enabled="false"><run>a</run></seq>']
)
def test_it_does_not_run_if_no_task_was_started(lab: Lab, body: str) -> None:
    result = lab.run(
        experiment(
            tasklists=main(body) + TIDY,
            steps='<step tasklist="main" targets="n1"/>',
        )
    )
    assert result.commands() == []


def test_it_does_not_run_if_the_stop_came_before_the_first_task(lab: Lab) -> None:
    lab.takes("a", 10)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=main("<run>a</run>") + TIDY,
            steps='<step tasklist="main" targets="n1 n2" max-parallel="1" stop_relative="PT4S"/>',
        )
    )
    assert result.commands("n1") == ["a", "tidy"]
    assert result.commands("n2") == []


def test_it_runs_if_the_first_task_could_not_do_its_work(lab: Lab) -> None:
    """It was started all the same."""
    result = lab.run(
        experiment(
            tasklists=main('<fail status="x"/>') + TIDY,
            steps='<step tasklist="main" targets="n1"/>',
        )
    )
    assert result.commands() == ["tidy"]


@pytest.mark.parametrize(
    ("step", "root"),
    [('stop_relative="PT5S"', ""), ("", 'timeout="PT5S"'), ('stop_relative="PT4S"', "")],
)
def test_stops_that_come_while_it_runs_wait_for_its_end(lab: Lab, step: str, root: str) -> None:
    lab.takes("a", 4)
    lab.takes("tidy", 10)
    result = lab.run(
        experiment(
            root=root,
            tasklists='<tasklist name="caller"><call tasklist="main"/><run>after</run></tasklist>'
            + main("<run>a</run>")
            + TIDY,
            steps=f'<step tasklist="caller" targets="n1" {step}/>',
        )
    )
    assert result.commands() == ["a", "tidy"]
    assert result.duration == 14
    assert result.tasklist("tidy") is Outcome.OK
    assert result.tasklist("caller") is Outcome.STOPPED
    assert result.one(StepFinished).outcome is Outcome.STOPPED


def test_a_first_signal_that_comes_while_it_runs_waits_for_its_end(lab: Lab) -> None:
    lab.takes("tidy", 10)
    lab.interrupt(5)
    result = lab.run_tasks(
        '<call tasklist="inner"/><run>after</run>',
        others='<tasklist name="inner" cleanup="tidy"><run>a</run></tasklist>' + TIDY,
    )
    assert result.commands() == ["a", "tidy"]
    assert result.duration == 10
    assert result.tasklist("tidy") is Outcome.OK
    assert result.tasklist("inner") is Outcome.OK
    assert result.tasklist("main") is Outcome.CANCELLED


def test_a_failure_elsewhere_that_comes_while_it_runs_waits_for_its_end(lab: Lab) -> None:
    lab.takes("tidy", 10)
    lab.fails("other", seconds=5)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="caller"><call tasklist="main"/><run>after</run></tasklist>'
            + main("<run>a</run>")
            + TIDY
            + '<tasklist name="x" on-error="stop-experiment"><run expected-status="0">other</run>'
            "</tasklist>",
            steps='<step tasklist="caller" targets="n1"/><step tasklist="x" targets="n2"/>',
        )
    )
    assert result.commands("n1") == ["a", "tidy"]
    assert result.duration == 10


def test_the_second_signal_interrupts_it(lab: Lab) -> None:
    lab.stopping_takes(100)
    lab.takes("tidy", 1000)
    lab.interrupt(5, 7)
    result = lab.run_tasks("<run>a</run>", attributes='cleanup="tidy"', others=TIDY)
    assert result.duration == 7
    assert result.tasklist("tidy") is Outcome.CANCELLED
    assert result.transport.is_killed


def test_after_the_second_signal_no_cleanup_begins(lab: Lab) -> None:
    lab.stopping_takes(100)
    lab.takes("a", 1000)
    lab.interrupt(5, 7)
    result = lab.run_tasks("<run>a</run>", attributes='cleanup="tidy"', others=TIDY)
    assert result.duration == 7
    assert result.of(TasklistStarted, tasklist="tidy") == []


def test_a_cleanup_has_a_cleanup_of_its_own(lab: Lab) -> None:
    lab.fails("tidy", seconds=1)
    result = lab.run(
        experiment(
            tasklists=main("<run>a</run>")
            + '<tasklist name="tidy" cleanup="last" timeout="PT3S"><run>tidy</run>'
            '<run>b</run></tasklist><tasklist name="last"><run>last</run></tasklist>',
            steps='<step tasklist="main" targets="n1"/>',
        )
    )
    assert result.commands() == ["a", "tidy", "b", "last"]


def test_the_cleanup_of_a_cleanup_runs_when_that_ran_over_its_time(lab: Lab) -> None:
    lab.takes("tidy", 100)
    result = lab.run(
        experiment(
            tasklists=main("<run>a</run>")
            + '<tasklist name="tidy" cleanup="last" timeout="PT3S"><run>tidy</run></tasklist>'
            '<tasklist name="last"><run>last</run></tasklist>',
            steps='<step tasklist="main" targets="n1"/>',
        )
    )
    assert result.when("last") == [3]
    assert result.exit_code == 1


def test_cleanups_of_nested_calls_run_from_the_inside_out(lab: Lab) -> None:
    lab.takes("a", 10)
    lab.takes("inner", 2)
    result = lab.run(
        experiment(
            tasklists=main('<call tasklist="called"/>')
            + TIDY
            + '<tasklist name="called" cleanup="inner"><run>a</run></tasklist>'
            '<tasklist name="inner"><run>inner</run></tasklist>',
            steps='<step tasklist="main" targets="n1" stop_relative="PT4S"/>',
        )
    )
    assert (result.when("inner"), result.when("tidy")) == ([4], [6])


def test_each_run_of_a_tasklist_is_cleaned_up_after(lab: Lab) -> None:
    result = lab.run(
        experiment(
            tasklists='<tasklist name="caller"><call tasklist="main"/><call tasklist="main"/>'
            "</tasklist>" + main("<run>a</run>") + TIDY,
            steps='<loop repeat="2"><step tasklist="caller" targets="n1"/></loop>',
        )
    )
    assert result.commands() == ["a", "tidy"] * 4


def test_a_step_has_ended_when_its_cleanups_have(lab: Lab) -> None:
    """7.4, 9.1."""
    lab.takes("tidy", 10)
    result = lab.run(
        experiment(
            tasklists=main("<run>a</run>") + TIDY + OTHER,
            steps='<step tasklist="main" targets="n1"/><synchronize/>'
            '<step tasklist="other" targets="n1"/>',
        )
    )
    assert result.when("other") == [10]


def test_on_error_takes_effect_when_the_cleanup_of_what_failed_has_ended(lab: Lab) -> None:
    """7.1, 7.4: first the cleanup, then what happens next."""
    lab.script("a", Script(returncode=1, seconds=2), target="n1")
    lab.takes("a", 100, target="n2")
    lab.takes("tidy", 5)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=main('<run expected-status="0">a</run>', 'on-error="stop-step"') + TIDY,
            steps='<step tasklist="main" targets="n1 n2"/>',
        )
    )
    assert result.when("tidy", "n1") == [2]
    assert result.tasklist("main", target="n2") is Outcome.STOPPED
    assert result.when("tidy", "n2") == [7]


def test_a_cleanups_failure_counts(lab: Lab) -> None:
    lab.fails("tidy")
    result = lab.run(
        experiment(
            tasklists=main("<run>a</run>")
            + '<tasklist name="tidy"><run expected-status="0">tidy</run></tasklist>',
            steps='<step tasklist="main" targets="n1"/>',
        )
    )
    assert result.exit_code == 1
    assert result.tasklist("main") is Outcome.OK
    assert result.one(StepFinished).failed == ("n1",)


def test_a_cleanup_fails_after_a_stop_and_the_step_has_failed(lab: Lab) -> None:
    """7.2, 8.3: being stopped is no failure, but that is one."""
    lab.takes("a", 100)
    result = lab.run(
        experiment(
            tasklists=main("<run>a</run>") + '<tasklist name="tidy"><fail status="x"/></tasklist>',
            steps='<step tasklist="main" targets="n1" stop_relative="PT2S"/>',
        )
    )
    assert result.exit_code == 1
    assert result.one(StepFinished).outcome is Outcome.FAILED
