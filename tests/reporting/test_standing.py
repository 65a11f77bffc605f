"""How far a run is at some moment: experiments on scripted nodes, in virtual time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gplmt.errors import ConnectError
from gplmt.reporting.glimpse import Glimpse, TargetState
from gplmt.reporting.standing import Standing
from tests.support.clock import START
from tests.support.lab import Lab, Result, experiment

WAITING, RUNNING = TargetState.WAITING, TargetState.RUNNING
OK, FAILED, LOST, STOPPED = (
    TargetState.OK,
    TargetState.FAILED,
    TargetState.LOST,
    TargetState.STOPPED,
)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def standing_at(result: Result, seconds: float) -> Standing:
    """What is known so long after the start."""
    standing = Standing()
    for event in result.events:
        if result.seconds(event) <= seconds:
            standing.receive(event)
    return standing


def seen_at(result: Result, seconds: float, *, most_work: int = 10) -> Glimpse:
    glimpse = standing_at(result, seconds).glimpse(most_work=most_work)
    assert glimpse is not None
    return glimpse


TASKLISTS = """
<tasklist name="short"><run>short</run></tasklist>
<tasklist name="long"><run>long</run></tasklist>
"""


def test_targets_wait_run_and_end_in_their_ways(lab: Lab) -> None:
    lab.takes("short", 5, target="n1")
    lab.fails("short", status=1, seconds=5, target="n2")
    lab.takes("short", 20, target="n3")
    lab.takes("long", 50)
    result = lab.run(
        experiment(
            targets="n1 n2 n3 n4",
            tasklists=TASKLISTS.replace("<run>short", '<run expected-status="0">short'),
            steps='<step tasklist="short" targets="n1 n2 n3"/><synchronize/>'
            '<step tasklist="long" targets="n4"/>',
        )
    )
    early, late = seen_at(result, 1), seen_at(result, 10)
    assert early.targets == {RUNNING: 3, WAITING: 1}
    assert late.targets == {OK: 1, FAILED: 1, RUNNING: 1, WAITING: 1}
    assert late.steps[0].targets == {WAITING: 0, RUNNING: 1, OK: 1, FAILED: 1}
    assert [failure.target for failure in late.failures] == ["n2"]
    assert (late.failure_count, late.step_total, late.step_ends.total()) == (1, 2, 0)
    assert seen_at(result, 20).step_ends == {"failed": 1}


def test_a_target_is_lost_until_something_can_be_done_there_again(lab: Lab) -> None:
    """7.7: other failures do not make it lost."""
    lab.breaks("short", ConnectError("no route"), target="n1")
    lab.takes("long", 10, target="n1")
    result = lab.run(
        experiment(
            targets="n1",
            tasklists=TASKLISTS,
            steps='<step tasklist="short" targets="n1"/><synchronize/>'
            '<step tasklist="long" targets="n1"/><synchronize/>'
            '<step tasklist="long" targets="n1"/>',
        )
    )
    assert seen_at(result, 5).targets == {LOST: 1}
    assert seen_at(result, 15).targets == {RUNNING: 1}


def test_steps_wait_for_their_start_time_and_know_when_they_are_stopped(lab: Lab) -> None:
    """8.2, 8.3."""
    lab.takes("long", 100)
    result = lab.run(
        experiment(
            tasklists=TASKLISTS,
            steps='<step tasklist="long" targets="n1" start_relative="PT10S" '
            'stop_relative="PT30S"/>',
        )
    )
    (waiting,), (running,) = seen_at(result, 5).steps, seen_at(result, 15).steps
    assert waiting.began is None
    assert waiting.planned_start == START + timedelta(seconds=10)
    assert waiting.planned_stop == running.planned_stop == START + timedelta(seconds=40)
    assert running.began == START + timedelta(seconds=10)
    assert result.duration == 40


def test_loops_count_their_iterations_and_know_their_parameters(lab: Lab) -> None:
    lab.takes("short", 10)
    result = lab.run(
        experiment(
            tasklists=TASKLISTS,
            steps='<loop param="SIZE" list="1 2 3"><step tasklist="short" targets="n1"/></loop>',
        )
    )
    (loop,) = seen_at(result, 15).loops
    assert (loop.count, loop.done, loop.iteration, loop.parameters) == (3, 1, "1", {"SIZE": "2"})
    assert seen_at(result, 15).step_total == 3


def test_a_loop_that_goes_on_for_a_time_knows_when_that_is_over(lab: Lab) -> None:
    lab.takes("short", 10)
    result = lab.run(
        experiment(
            tasklists=TASKLISTS,
            steps='<loop duration="PT1M"><step tasklist="short" targets="n1"/></loop>',
        )
    )
    glimpse = seen_at(result, 25)
    (loop,) = glimpse.loops
    assert (loop.count, loop.done, glimpse.step_total) == (None, 2, None)
    assert loop.planned_end == START + timedelta(minutes=1)


def test_what_has_been_under_way_longest_comes_first_and_servers_last(lab: Lab) -> None:
    lab.takes("server", 1000)
    lab.takes("long", 100)
    result = lab.run(
        experiment(
            targets="n1 n2 n3",
            tasklists='<tasklist name="serve"><run>server</run></tasklist>' + TASKLISTS,
            steps='<step tasklist="serve" targets="n1" background="true"/>'
            '<step tasklist="long" targets="n3"/>'
            '<step tasklist="long" targets="n2" start_relative="PT5S"/>',
        )
    )
    glimpse = seen_at(result, 10)
    assert [work.target for work in glimpse.work] == ["n3", "n2", "n1"]
    assert [work.is_background for work in glimpse.work] == [False, False, True]
    assert [step.is_background for step in glimpse.steps] == [False, False, True]
    assert len(seen_at(result, 10, most_work=1).work) == 1


def test_a_teardown_is_seen_like_a_step_and_a_signal_is_counted(lab: Lab) -> None:
    """9.6, 11.2."""
    lab.takes("long", 1000)
    lab.takes("short", 50)
    lab.interrupt(10)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=TASKLISTS,
            steps='<register-teardown tasklist="short" targets="n1 n2"/>'
            '<step tasklist="long" targets="n1"/>',
        )
    )
    glimpse = seen_at(result, 30)
    assert glimpse.signal_count == 1
    assert [(step.name, step.is_teardown) for step in glimpse.steps] == [("teardown-1", True)]
    assert glimpse.steps[0].targets == {WAITING: 0, RUNNING: 2}
    assert glimpse.step_ends == {"stopped": 1}


def test_nothing_is_remembered_of_what_has_ended(lab: Lab) -> None:
    result = lab.run(
        experiment(
            tasklists='<tasklist name="all"><seq><run>a</run><par><run>b</run></par></seq>'
            "</tasklist>",
            steps='<loop repeat="3"><step tasklist="all" targets="n1" background="true"/>'
            '<step tasklist="all" targets="n1"/></loop>',
        )
    )
    standing = Standing()
    for event in result.events[:-1]:
        standing.receive(event)
    glimpse = standing.glimpse(most_work=10)
    assert glimpse is not None
    assert (glimpse.steps, glimpse.loops, glimpse.work) == ((), (), ())
    standing.receive(result.events[-1])
    assert standing.glimpse() is None
