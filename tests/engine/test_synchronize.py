"""Waiting for steps and loops (LANGUAGE.md 9.1)."""

from __future__ import annotations

import pytest

from gplmt.events import Outcome, SynchronizeFinished, SynchronizeStarted
from tests.support.lab import Lab, Result, experiment

TASKLISTS = "".join(
    f'<tasklist name="{name}"><run>{name}</run></tasklist>' for name in ("a", "b", "c", "probe")
)
PROBE = '<step tasklist="probe" targets="p"/>'


def probe(lab: Lab, steps: str, *, tasklists: str = "") -> Result:
    """Run with `a` taking 5 s, `b` 10 s, `c` 20 s."""
    for name, seconds in (("a", 5), ("b", 10), ("c", 20)):
        lab.takes(name, seconds)
    return lab.run(experiment(targets="n1 n2 n3 p", tasklists=TASKLISTS + tasklists, steps=steps))


def test_it_waits_for_all_that_was_reached(lab: Lab) -> None:
    result = probe(
        lab,
        '<step tasklist="a" targets="n1"/><loop repeat="3"><step tasklist="a" targets="n2"/></loop>'
        f'<synchronize/>{PROBE}<step tasklist="c" targets="n3"/>',
    )
    assert result.when("probe") == [15]
    assert result.when("c") == [15]


def test_it_waits_for_steps_that_wait_for_their_start(lab: Lab) -> None:
    result = probe(
        lab, f'<step tasklist="a" targets="n1" start_relative="PT100S"/><synchronize/>{PROBE}'
    )
    assert result.when("probe") == [105]


@pytest.mark.parametrize("targets", ["", 'targets="n1"'])
def test_with_nothing_before_it_it_ends_at_once(lab: Lab, targets: str) -> None:
    result = probe(lab, f"<synchronize {targets}/>{PROBE}")
    assert result.when("probe") == [0]


def test_it_does_not_wait_for_background_steps(lab: Lab) -> None:
    result = probe(
        lab,
        '<step tasklist="c" targets="n1" background="true"/><step tasklist="a" targets="n1"/>'
        f'<synchronize/>{PROBE}<synchronize targets="n1"/>{PROBE}',
    )
    assert result.when("probe") == [5, 5]


def test_two_in_a_row_are_as_one(lab: Lab) -> None:
    result = probe(lab, f'<step tasklist="a" targets="n1"/><synchronize/><synchronize/>{PROBE}')
    assert result.when("probe") == [5]


@pytest.mark.parametrize(
    ("targets", "seconds"),
    [("n1", 5), ("n2", 10), ("n3", 20), ("n1 n2", 10), ("n*", 20), ("p", 0), ("g", 10)],
)
def test_a_selective_one_waits_for_these_targets_only(
    lab: Lab, targets: str, seconds: float
) -> None:
    for name, duration in (("a", 5), ("b", 10), ("c", 20)):
        lab.takes(name, duration)
    result = lab.run(
        "<targets>"
        + "".join(f'<target name="{name}" type="local"/>' for name in ("n1", "n2", "n3", "p"))
        + '<target name="g" type="group"><target ref="n1"/><target ref="n2"/></target></targets>'
        f"<tasklists>{TASKLISTS}</tasklists>"
        '<steps><step tasklist="a" targets="n1"/><step tasklist="b" targets="n2"/>'
        f'<step tasklist="c" targets="n3"/><synchronize targets="{targets}"/>{PROBE}</steps>'
    )
    assert result.when("probe") == [seconds]


def test_a_selective_one_waits_for_a_targets_part_of_a_step(lab: Lab) -> None:
    lab.takes("x", 3, target="n1")
    lab.takes("x", 30, target="n2")
    result = probe(
        lab,
        f'<step tasklist="x" targets="n1 n2"/><synchronize targets="n1"/>{PROBE}'
        f'<synchronize targets="n2"/>{PROBE}',
        tasklists='<tasklist name="x"><run>x</run></tasklist>',
    )
    assert result.when("probe") == [3, 30]


def test_a_targets_part_of_a_step_has_ended_when_its_cleanup_has(lab: Lab) -> None:
    """7.4."""
    lab.takes("tidy", 7, target="n1")
    lab.takes("tidy", 70, target="n2")
    result = probe(
        lab,
        f'<step tasklist="x" targets="n1 n2"/><synchronize targets="n1"/>{PROBE}',
        tasklists='<tasklist name="x" cleanup="tidy"><run>x</run></tasklist>'
        '<tasklist name="tidy"><run>tidy</run></tasklist>',
    )
    assert result.when("probe") == [7]


def test_a_target_that_failed_has_ended_its_part(lab: Lab) -> None:
    lab.fails("x", seconds=3, target="n1")
    lab.takes("x", 30, target="n2")
    result = probe(
        lab,
        f'<step tasklist="x" targets="n1 n2"/><synchronize targets="n1"/>{PROBE}',
        tasklists='<tasklist name="x"><run expected-status="0">x</run></tasklist>',
    )
    assert result.when("probe") == [3]


def test_a_selective_one_waits_for_a_step_to_start_on_its_target(lab: Lab) -> None:
    result = probe(
        lab,
        '<step tasklist="a" targets="n1" start_relative="PT50S"/>'
        f'<synchronize targets="n1"/>{PROBE}',
    )
    assert result.when("probe") == [55]


def test_a_limited_step_holds_a_targets_part_until_it_had_its_turn(lab: Lab) -> None:
    result = probe(
        lab,
        '<step tasklist="a" targets="n1 n2 n3" max-parallel="1"/>'
        f'<synchronize targets="n2"/>{PROBE}',
    )
    assert result.when("probe") == [10]


def test_a_selective_one_waits_for_loops_as_a_whole(lab: Lab) -> None:
    loop = (
        '<loop repeat="2"><step tasklist="a" targets="n1"/><synchronize/>'
        '<step tasklist="b" targets="n2"/></loop>'
    )
    result = probe(lab, f'{loop}<synchronize targets="n1"/>{PROBE}')
    assert result.when("probe") == [30]


def test_a_selective_one_looks_into_nested_loops(lab: Lab) -> None:
    loop = '<loop repeat="2"><loop repeat="2"><step tasklist="a" targets="n1"/></loop></loop>'
    result = probe(lab, f'{loop}<synchronize targets="n1"/>{PROBE}')
    assert result.when("probe") == [20]


def test_a_selective_one_passes_over_loops_of_others(lab: Lab) -> None:
    loop = '<loop repeat="2"><step tasklist="a" targets="n1"/></loop>'
    result = probe(lab, f'{loop}<synchronize targets="n2"/>{PROBE}')
    assert result.when("probe") == [0]


@pytest.mark.parametrize("step", ['background="true"', 'enabled="false"'])
def test_a_loop_involves_the_targets_that_are_waited_for_in_it(lab: Lab, step: str) -> None:
    """9.4: nothing waits for a background step; one that is skipped involves nobody."""
    loop = (
        f'<loop repeat="2"><step tasklist="c" targets="n2" {step}/>'
        '<step tasklist="a" targets="n1"/></loop>'
    )
    result = probe(lab, f'{loop}<synchronize targets="n2"/>{PROBE}')
    assert result.when("probe") == [0]


def test_inside_an_iteration_it_concerns_that_iteration_alone(lab: Lab) -> None:
    """9.3."""
    result = probe(
        lab,
        '<step tasklist="c" targets="n3"/><loop repeat="2"><step tasklist="a" targets="n1"/>'
        f'<synchronize/>{PROBE}<synchronize targets="n3"/></loop>',
    )
    assert result.when("probe") == [5, 10]


def test_a_selective_one_inside_an_iteration_lets_the_rest_run_on(lab: Lab) -> None:
    """9.3."""
    result = probe(
        lab,
        '<loop repeat="2"><step tasklist="a" targets="n1"/><step tasklist="b" targets="n2"/>'
        f'<synchronize targets="n1"/>{PROBE}</loop>',
    )
    assert result.when("probe") == [5, 15]


def test_what_a_selective_one_passed_over_is_still_waited_for_later(lab: Lab) -> None:
    result = probe(
        lab,
        '<step tasklist="a" targets="n1"/><step tasklist="c" targets="n3"/>'
        f'<synchronize targets="n1"/><step tasklist="b" targets="n2"/><synchronize/>{PROBE}',
    )
    assert result.when("probe") == [20]


def test_a_failed_step_does_not_hold_it_up(lab: Lab) -> None:
    lab.fails("x")
    result = probe(
        lab,
        f'<step tasklist="x" targets="n1"/><synchronize/>{PROBE}',
        tasklists='<tasklist name="x" on-error="stop-step"><run expected-status="0">x</run>'
        "</tasklist>",
    )
    assert result.when("probe") == [0]
    assert result.exit_code == 1


def test_the_record_tells_how_long_it_waited_for_whom(lab: Lab) -> None:
    result = probe(
        lab, '<step tasklist="a" targets="n1"/><synchronize/><synchronize targets="n[12]"/>'
    )
    whole, selective = result.of(SynchronizeStarted)
    assert (whole.targets, selective.targets) == (None, ("n1", "n2"))
    assert [result.seconds(end) for end in result.of(SynchronizeFinished)] == [5, 5]


def test_one_that_is_interrupted_says_so(lab: Lab) -> None:
    lab.interrupt(3)
    result = probe(lab, f'<step tasklist="a" targets="n1"/><synchronize/>{PROBE}')
    assert result.one(SynchronizeFinished).outcome is Outcome.CANCELLED
    assert result.when("probe") == []
