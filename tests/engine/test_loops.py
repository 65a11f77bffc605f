"""Loops of all kinds (LANGUAGE.md 9.2, 9.3)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gplmt.events import (
    IterationFinished,
    IterationStarted,
    LoopFinished,
    LoopStarted,
    Outcome,
    StepFinished,
    StepReached,
)
from gplmt.transports.fake import Script
from tests.support.clock import START
from tests.support.lab import Lab, Result, experiment

TASKLISTS = '<tasklist name="t"><run>a</run></tasklist><tasklist name="u"><run>b</run></tasklist>'
STEP = '<step tasklist="t" targets="n1"/>'


def loop(lab: Lab, steps: str, *, seconds: float = 5) -> Result:
    lab.takes("a", seconds)
    return lab.run(experiment(targets="n1 n2", tasklists=TASKLISTS, steps=steps))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_repeat_runs_so_many_iterations_one_after_another(lab: Lab, count: int) -> None:
    result = loop(lab, f'<loop repeat="{count}">{STEP}</loop>')
    assert result.when("a") == [5 * number for number in range(count)]
    assert result.one(LoopStarted).iterations == count
    assert [event.iteration for event in result.of(IterationStarted)] == [
        str(number) for number in range(count)
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x y  z", "x y z"),
        ("x", "x"),
        ("", ""),
        ("1:4", "1 2 3 4"),
        ("1:10:3", "1 4 7 10"),
        ("5:1", ""),
        ("5:1:-2", "5 3 1"),
        ("-1:1", "-1 0 1"),
        ("3:3", "3"),
        ("1:2 x", "1:2 x"),
        ("x x", "x x"),
    ],
)
def test_a_list_gives_each_iteration_its_element(lab: Lab, text: str, values: str) -> None:
    result = loop(lab, f'<loop list="{text}" param="P">{STEP}</loop>')
    assert [one["P"] for one in result.environments("a")] == values.split()
    assert [event.parameters["P"] for event in result.of(IterationStarted)] == values.split()


def test_parameters_sweep_their_product_the_last_varying_fastest(lab: Lab) -> None:
    result = loop(
        lab,
        '<loop><param name="A" list="x y"/><param name="B" list="1:3"/><param name="C" list="p q"/>'
        f"{STEP}</loop>",
    )
    swept = [one["A"] + one["B"] + one["C"] for one in result.environments("a")]
    assert swept == [a + b + c for a in "xy" for b in "123" for c in "pq"]
    assert result.one(LoopStarted).iterations == 12
    assert result.environments("a")[-1]["GPLMT_ITERATION"] == "11"


def test_an_empty_parameter_makes_the_product_empty(lab: Lab) -> None:
    result = loop(lab, f'<loop><param name="A" list="x"/><param name="B" list=""/>{STEP}</loop>')
    assert result.commands() == []
    assert result.one(LoopFinished).outcome is Outcome.OK


def test_a_huge_sweep_begins_at_once(lab: Lab) -> None:
    """Ranges and products are not unrolled."""
    lab.interrupt(12)
    result = loop(
        lab,
        '<loop><param name="A" list="1:1000000000"/><param name="B" list="1:1000000000"/>'
        f"{STEP}</loop>",
    )
    assert [one["B"] for one in result.environments("a")] == ["1", "2", "3"]


@pytest.mark.parametrize(("duration", "count"), [(0, 0), (1, 1), (9, 2), (10, 2), (11, 3)])
def test_duration_is_looked_at_before_each_iteration(lab: Lab, duration: int, count: int) -> None:
    result = loop(lab, f'<loop duration="PT{duration}S">{STEP}</loop>')
    assert result.when("a") == [5 * number for number in range(count)]
    assert result.duration == 5 * count
    assert result.one(LoopStarted).iterations is None


@pytest.mark.parametrize(("moment", "count"), [(-9, 0), (0, 0), (1, 1), (10, 2), (10.5, 3)])
def test_until_is_looked_at_before_each_iteration(lab: Lab, moment: float, count: int) -> None:
    until = (START + timedelta(seconds=moment)).isoformat()
    result = loop(lab, f'<loop until="{until}">{STEP}</loop>')
    assert result.when("a") == [5 * number for number in range(count)]


def test_duration_counts_from_the_moment_the_loop_is_reached(lab: Lab) -> None:
    result = loop(lab, f'{STEP}<synchronize/><loop duration="PT9S">{STEP}</loop>')
    assert result.when("a") == [0, 5, 10]


def test_a_loop_runs_in_parallel_with_its_siblings(lab: Lab) -> None:
    lab.takes("b", 3)
    result = loop(
        lab,
        f'<loop repeat="2">{STEP}</loop><step tasklist="u" targets="n2"/>'
        '<loop repeat="2"><step tasklist="u" targets="n2"/></loop>',
    )
    assert result.when("a") == [0, 5]
    assert sorted(result.when("b")) == [0, 0, 3]


def test_an_iteration_ends_when_all_its_steps_have(lab: Lab) -> None:
    lab.takes("b", 8)
    result = loop(lab, f'<loop repeat="2">{STEP}<step tasklist="u" targets="n2"/></loop>')
    assert result.when("a") == [0, 8]
    assert [result.seconds(end) for end in result.of(IterationFinished)] == [8, 16]


def test_loops_nest(lab: Lab) -> None:
    result = loop(
        lab, f'<loop list="x y" param="A"><loop list="1:2" param="B">{STEP}</loop></loop>'
    )
    assert [one["A"] + one["B"] for one in result.environments("a")] == ["x1", "x2", "y1", "y2"]
    assert result.when("a") == [0, 5, 10, 15]


def test_an_inner_loop_may_hide_an_outer_parameter(lab: Lab) -> None:
    """5.2."""
    result = loop(lab, f'<loop list="x" param="A"><loop list="y" param="A">{STEP}</loop></loop>')
    assert [one["A"] for one in result.environments("a")] == ["y"]


def test_a_failed_step_does_not_end_its_loop(lab: Lab) -> None:
    lab.fails("b")
    result = lab.run(
        experiment(
            tasklists='<tasklist name="x"><run expected-status="0">b</run></tasklist>',
            steps='<loop repeat="3"><step tasklist="x" targets="n1"/></loop>',
        )
    )
    assert result.commands() == ["b", "b", "b"]
    assert result.one(LoopFinished).outcome is Outcome.FAILED
    assert [end.outcome for end in result.of(IterationFinished)] == [Outcome.FAILED] * 3
    assert result.exit_code == 1


def test_an_iteration_that_went_well_is_told_as_such(lab: Lab) -> None:
    lab.script("b", *(Script(returncode=status) for status in (0, 1, 0)))
    result = lab.run(
        experiment(
            tasklists='<tasklist name="x"><run expected-status="0">b</run></tasklist>',
            steps='<loop repeat="3"><step tasklist="x" targets="n1"/></loop>',
        )
    )
    assert [end.outcome for end in result.of(IterationFinished)] == [
        Outcome.OK,
        Outcome.FAILED,
        Outcome.OK,
    ]


def test_stop_experiment_ends_a_loop(lab: Lab) -> None:
    lab.script("b", Script(), Script(returncode=1))
    result = lab.run(
        experiment(
            tasklists='<tasklist name="x" on-error="stop-experiment">'
            '<run expected-status="0">b</run></tasklist>',
            steps='<loop repeat="9"><step tasklist="x" targets="n1"/></loop>',
        )
    )
    assert result.commands() == ["b", "b"]
    assert result.one(LoopFinished).outcome is Outcome.STOPPED


def test_a_loop_that_is_not_enabled_is_skipped(lab: Lab) -> None:
    """6.7."""
    result = loop(lab, f'<loop repeat="3" enabled="false">{STEP}</loop><synchronize/>{STEP}')
    assert result.when("a") == [0]
    assert result.one(LoopFinished).outcome is Outcome.SKIPPED
    assert result.of(IterationStarted) == []


def test_a_stop_time_counts_in_each_iteration_anew(lab: Lab) -> None:
    """8.3, 9.3."""
    result = loop(
        lab, '<loop repeat="3"><step tasklist="t" targets="n1" stop_relative="PT2S"/></loop>'
    )
    assert result.when("a") == [0, 2, 4]
    assert {end.outcome for end in result.of(StepFinished)} == {Outcome.STOPPED}
    assert result.exit_code == 0


def test_a_start_time_counts_in_each_iteration_anew(lab: Lab) -> None:
    """8.2."""
    result = loop(
        lab, '<loop repeat="2"><step tasklist="t" targets="n1" start_relative="PT2S"/></loop>'
    )
    assert result.when("a") == [2, 9]


def test_an_empty_iteration_is_over_at_once(lab: Lab) -> None:
    result = loop(lab, '<loop repeat="1000"/>')
    assert len(result.of(IterationFinished)) == 1000
    assert result.duration == 0


def test_the_record_tells_loops_and_iterations_apart(lab: Lab) -> None:
    result = loop(lab, f'<loop repeat="2"><loop repeat="1">{STEP}</loop></loop>')
    outer, first, second = result.of(LoopStarted)
    assert (outer.loop, first.loop, second.loop) == ("loop-1", "loop-2", "loop-2")
    iterations = {event.iteration: event for event in result.of(IterationStarted)}
    assert set(iterations) == {"0", "1", "0.0", "1.0"}
    assert second.parent == iterations["1"].span
    steps = result.of(StepReached)
    assert [step.iteration for step in steps] == ["0.0", "1.0"]
    assert steps[1].parent == iterations["1.0"].span
