"""Teardowns: registered when reached, run at the end however it comes (LANGUAGE.md 9.5)."""

from __future__ import annotations

import pytest

from gplmt.events import (
    Outcome,
    StepReached,
    TasklistStarted,
    TeardownFinished,
    TeardownRegistered,
    TeardownStarted,
)
from tests.support.lab import Lab, Result, experiment

TASKLISTS = "".join(
    f'<tasklist name="{name}"><run>{name}</run></tasklist>'
    for name in ("work", "down", "down2", "down3")
)
WORK = '<step tasklist="work" targets="n1"/>'


def register(tasklist: str, targets: str = "n1", inside: str = "") -> str:
    return (
        f'<register-teardown tasklist="{tasklist}" targets="{targets}">{inside}</register-teardown>'
    )


def run(lab: Lab, steps: str, *, tasklists: str = "", root: str = "") -> Result:
    """`work` takes 10 s, each teardown 3 s."""
    lab.takes("work", 10)
    for name in ("down", "down2", "down3"):
        lab.takes(name, 3)
    return lab.run(
        experiment(targets="n1 n2 n3", tasklists=TASKLISTS + tasklists, steps=steps, root=root)
    )


def test_they_run_at_the_end_in_order_one_after_another(lab: Lab) -> None:
    result = run(lab, register("down2") + WORK + register("down") + register("down3"))
    assert [result.when(name) for name in ("down2", "down", "down3")] == [[10], [13], [16]]
    assert [event.step for event in result.of(TeardownStarted)] == [
        "teardown-1",
        "teardown-2",
        "teardown-3",
    ]
    assert result.exit_code == 0


def test_each_runs_on_its_targets_in_parallel(lab: Lab) -> None:
    result = run(lab, register("down", "n3 n1 n2") + register("down2"))
    assert result.when("down") == [0, 0, 0]
    assert result.when("down2") == [3]
    assert result.of(TeardownStarted)[0].targets == ("n3", "n1", "n2")
    assert {event.step for event in result.of(TasklistStarted)} == {"teardown-1", "teardown-2"}


def test_one_that_is_not_reached_does_not_run(lab: Lab) -> None:
    result = run(
        lab,
        register("down") + WORK + "<synchronize/>" + register("down2"),
        root='timeout="PT5S"',
    )
    assert result.when("down") == [5]
    assert result.when("down2") == []


def test_one_that_stands_after_a_synchronize_is_registered_then(lab: Lab) -> None:
    result = run(lab, WORK + "<synchronize/>" + register("down") + WORK)
    assert [result.seconds(event) for event in result.of(TeardownRegistered)] == [10]
    assert result.when("down") == [20]


@pytest.mark.parametrize(
    ("steps", "root", "ends_at"),
    [
        ('<step tasklist="bad" targets="n1"/>' + WORK, "", 4),
        (WORK, 'timeout="PT4S"', 4),
        ('<step tasklist="bad" targets="n2" background="true"/>' + WORK, "", 4),
    ],
)
def test_they_run_after_stop_experiment(lab: Lab, steps: str, root: str, ends_at: float) -> None:
    lab.fails("bad", seconds=4)
    result = run(
        lab,
        register("down") + register("down2", "n2") + steps,
        root=root,
        tasklists='<tasklist name="bad" on-error="stop-experiment">'
        '<run expected-status="0">bad</run></tasklist>',
    )
    assert (result.when("down"), result.when("down2")) == ([ends_at], [ends_at + 3])
    assert result.exit_code == 1


@pytest.mark.parametrize("number", [1, 2, 15])
def test_they_run_after_an_interrupt(lab: Lab, number: int) -> None:
    """11.2."""
    lab.interrupt(4, number=number)
    result = run(lab, register("down") + WORK)
    assert result.when("down") == [4]
    assert result.one(TeardownFinished).outcome is Outcome.OK
    assert result.exit_code == 128 + number


def test_the_first_signal_does_not_interrupt_them(lab: Lab) -> None:
    """11.2."""
    lab.interrupt(11)
    result = run(lab, register("down") + register("down2") + WORK)
    assert (result.when("down"), result.when("down2")) == ([10], [13])
    assert result.duration == 16
    assert {end.outcome for end in result.of(TeardownFinished)} == {Outcome.OK}
    assert result.exit_code == 130


@pytest.mark.parametrize("moments", [(5, 11), (11, 12), (5, 7)])
def test_the_second_signal_ends_them(lab: Lab, moments: tuple[float, float]) -> None:
    """11.2."""
    lab.interrupt(*moments)
    lab.takes("slow", 100)
    result = run(
        lab,
        register("slow") + register("down2") + WORK,
        tasklists='<tasklist name="slow"><run>slow</run></tasklist>',
    )
    assert result.duration == moments[1]
    assert result.one(TeardownFinished).outcome is Outcome.CANCELLED
    assert result.when("down2") == []


def test_a_failing_one_does_not_stop_the_next(lab: Lab) -> None:
    result = run(
        lab,
        register("bad") + register("down"),
        tasklists='<tasklist name="bad" on-error="stop-experiment"><fail status="x"/></tasklist>',
    )
    assert result.when("down") == [0]
    assert [end.outcome for end in result.of(TeardownFinished)] == [Outcome.FAILED, Outcome.OK]
    assert result.exit_code == 1


def test_one_target_that_fails_does_not_stop_the_others(lab: Lab) -> None:
    lab.fails("bad", target="n1")
    lab.takes("bad", 5, target="n2")
    result = run(
        lab,
        register("bad", "n1 n2"),
        tasklists='<tasklist name="bad"><run expected-status="0">bad</run><run>more</run>'
        "</tasklist>",
    )
    assert result.commands("n2") == ["bad", "more"]


def test_they_have_timeouts_and_cleanups(lab: Lab) -> None:
    """7.3, 7.4."""
    result = run(
        lab,
        register("slow") + register("down2"),
        tasklists='<tasklist name="slow" timeout="PT2S" cleanup="down"><run>work</run></tasklist>',
    )
    assert (result.when("work"), result.when("down"), result.when("down2")) == ([0], [2], [5])
    assert result.exit_code == 1


def test_the_same_registration_counts_once(lab: Lab) -> None:
    result = run(lab, register("down") + register("down2") + register("down"))
    assert (result.when("down"), result.when("down2")) == ([0], [3])
    assert len(result.of(TeardownRegistered)) == 2


@pytest.mark.parametrize(
    "other",
    [
        register("down2"),
        register("down", "n2"),
        register("down", "n1 n2"),
        register("down", "n1", '<export-env var="V" value="x"/>'),
    ],
)
def test_what_differs_in_anything_is_another_registration(lab: Lab, other: str) -> None:
    assert len(run(lab, register("down") + other).of(TeardownStarted)) == 2


def test_in_a_loop_it_is_registered_once_for_each_value(lab: Lab) -> None:
    result = run(lab, f'<loop list="x y x" param="P">{register("down")}</loop>')
    assert [one["P"] for one in result.environments("down")] == ["x", "y"]


def test_in_a_loop_without_parameters_it_is_registered_once(lab: Lab) -> None:
    result = run(lab, f'<loop repeat="5">{register("down")}</loop>')
    assert result.when("down") == [0]


def test_it_has_the_variables_of_all_loops_around_and_its_own_on_top(lab: Lab) -> None:
    own = '<export-env var="C" value="own"/>'
    result = run(
        lab,
        '<loop list="x" param="A"><export-env var="C" value="loop"/><loop list="1:2" param="B">'
        f"{register('down', 'n1', own)}</loop></loop>",
    )
    assert [(one["A"], one["B"], one["C"]) for one in result.environments("down")] == [
        ("x", "1", "own"),
        ("x", "2", "own"),
    ]


def test_in_a_loop_that_is_not_enabled_it_is_not_reached(lab: Lab) -> None:
    assert run(lab, f'<loop repeat="1" enabled="false">{register("down")}</loop>').commands() == []


def test_one_in_an_iteration_that_never_came_does_not_run(lab: Lab) -> None:
    lab.interrupt(14)
    result = run(lab, f'<loop list="1:9" param="P">{register("down")}{WORK}</loop>')
    assert [one["P"] for one in result.environments("down")] == ["1", "2"]


def test_no_step_begins_after_the_first_teardown(lab: Lab) -> None:
    """11.1."""
    result = run(lab, register("down") + f'<loop repeat="3">{WORK}</loop>')
    begin = result.events.index(result.one(TeardownStarted))
    assert not any(isinstance(event, StepReached) for event in result.events[begin:])
    assert result.when("down") == [30]
