"""When steps start and stop, and that their targets are independent (LANGUAGE.md 8)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gplmt.events import (
    Outcome,
    StepFinished,
    StepReached,
    StepStarted,
    TasklistStarted,
    WarningIssued,
)
from tests.support.clock import START
from tests.support.lab import Lab, Result, experiment


def moment(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def timed(lab: Lab, times: str, *, reached_at: int = 0) -> Result:
    """A step of 10 s with a cleanup of 2 s, on n1, reached so late."""
    lab.takes("a", 10)
    lab.takes("tidy", 2)
    lab.takes("first", reached_at)
    first = '<step name="first" tasklist="first" targets="n2"/><synchronize/>'
    return lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="t" cleanup="tidy"><run>a</run></tasklist>'
            '<tasklist name="tidy"><run>tidy</run></tasklist>'
            '<tasklist name="first"><run>first</run></tasklist>',
            steps=f'{first if reached_at else ""}<step name="s" tasklist="t" targets="n1" {times}/>'
            '<synchronize/><step name="last" tasklist="first" targets="n2" enabled="false"/>',
        )
    )


def check(result: Result, *, began: float | None, ended: float, outcome: Outcome) -> None:
    step = result.one(StepFinished, step="s")
    assert step.outcome is outcome
    assert result.seconds(step) == ended
    assert result.when("a") == ([] if began is None else [began])
    assert result.when("tidy") == ([] if began is None else [ended - 2])
    starts = [result.seconds(event) for event in result.of(StepStarted, step="s")]
    assert starts == ([] if began is None else [began])
    assert result.seconds(result.one(StepReached, step="last")) == ended
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("start", "stop", "began", "ended", "outcome"),
    [
        ("", "", 0, 12, Outcome.OK),
        ("r5", "", 5, 17, Outcome.OK),
        ("a5", "", 5, 17, Outcome.OK),
        ("r0", "", 0, 12, Outcome.OK),
        ("", "r4", 0, 6, Outcome.STOPPED),
        ("", "a4", 0, 6, Outcome.STOPPED),
        ("r5", "r4", 5, 11, Outcome.STOPPED),
        ("a5", "r4", 5, 11, Outcome.STOPPED),
        ("r5", "a9", 5, 11, Outcome.STOPPED),
        ("a5", "a9", 5, 11, Outcome.STOPPED),
        ("", "r20", 0, 12, Outcome.OK),
        ("r5", "a40", 5, 17, Outcome.OK),
        # a stop before the start, and together with it
        ("r5", "a3", None, 3, Outcome.STOPPED),
        ("a5", "a3", None, 3, Outcome.STOPPED),
        ("a5", "a5", None, 5, Outcome.STOPPED),
        ("r5", "a5", None, 5, Outcome.STOPPED),
        ("", "r0", None, 0, Outcome.STOPPED),
        ("r5", "r0", None, 5, Outcome.STOPPED),
        # long ago
        ("a-9", "", 0, 12, Outcome.OK),
        ("a-9", "r4", 0, 6, Outcome.STOPPED),
        ("", "a-9", None, 0, Outcome.STOPPED),
        ("a-9", "a-5", None, 0, Outcome.STOPPED),
        ("a-5", "a-9", None, 0, Outcome.STOPPED),
        ("r5", "a-9", None, 0, Outcome.STOPPED),
        ("a-9", "a4", 0, 6, Outcome.STOPPED),
        # the stop hits the cleanup, and the moment of the end
        ("", "r11", 0, 12, Outcome.STOPPED),
        ("", "a11", 0, 12, Outcome.STOPPED),
    ],
)
def test_a_step_starts_and_stops_when_it_should(
    lab: Lab, start: str, stop: str, began: float | None, ended: float, outcome: Outcome
) -> None:
    """8.2, 8.3: relative to being reached and to the start, or by the wall clock."""
    times = ""
    for edge, value in (("start", start), ("stop", stop)):
        if value.startswith("r"):
            times += f' {edge}_relative="PT{value[1:]}S"'
        elif value:
            times += f' {edge}_absolute="{moment(int(value[1:]))}"'
    check(timed(lab, times), began=began, ended=ended, outcome=outcome)


@pytest.mark.parametrize(
    ("times", "began", "ended", "outcome"),
    [
        ('start_relative="PT5S"', 25, 37, Outcome.OK),
        (f'start_absolute="{moment(25)}"', 25, 37, Outcome.OK),
        (f'start_absolute="{moment(5)}"', 20, 32, Outcome.OK),
        ('stop_relative="PT4S"', 20, 26, Outcome.STOPPED),
        (f'stop_absolute="{moment(24)}"', 20, 26, Outcome.STOPPED),
        (f'stop_absolute="{moment(5)}"', None, 20, Outcome.STOPPED),
        (f'start_absolute="{moment(5)}" stop_relative="PT4S"', 20, 26, Outcome.STOPPED),
        ('start_relative="PT5S" stop_relative="PT4S"', 25, 31, Outcome.STOPPED),
    ],
)
def test_relative_times_count_from_the_moment_the_step_is_reached(
    lab: Lab, times: str, began: float | None, ended: float, outcome: Outcome
) -> None:
    """8.2, 8.3: here after 20 s."""
    result = timed(lab, times, reached_at=20)
    check(result, began=began, ended=ended, outcome=outcome)


def test_a_time_with_a_zone_is_that_moment(lab: Lab) -> None:
    """8.2."""
    check(
        timed(lab, 'start_absolute="2026-01-01T02:00:07+02:00"'),
        began=7,
        ended=19,
        outcome=Outcome.OK,
    )


def test_a_start_far_away_is_waited_for(lab: Lab) -> None:
    """8.2."""
    result = timed(lab, 'start_relative="P30D"')
    assert result.when("a") == [pytest.approx(30 * 86400)]


def test_a_step_tells_when_it_will_start(lab: Lab) -> None:
    result = timed(lab, 'start_relative="PT5S"', reached_at=20)
    reached = result.one(StepReached, step="s")
    assert reached.planned_start == START + timedelta(seconds=25)
    assert result.seconds(reached) == 20


def test_a_start_time_that_went_by_before_the_step_was_reached_is_warned_of(lab: Lab) -> None:
    """8.2: what was in the past when the experiment began, the check has warned of."""
    result = timed(lab, f'start_absolute="{moment(5)}"', reached_at=20)
    warning = result.one(WarningIssued)
    assert "step 's'" in warning.message
    assert warning.at == result.one(StepReached, step="s").at
    assert timed(Lab(lab.directory), f'start_absolute="{moment(-5)}"').of(WarningIssued) == []
    assert timed(Lab(lab.directory), f'start_absolute="{moment(25)}"').of(WarningIssued) == []


def test_a_step_in_a_loop_is_warned_of_once(lab: Lab) -> None:
    """8.2."""
    lab.takes("a", 4)
    result = lab.run(
        experiment(
            tasklists='<tasklist name="t"><run>a</run></tasklist>',
            steps=f'<loop repeat="4"><step tasklist="t" targets="n1" '
            f'start_absolute="{moment(3)}"/></loop>',
        )
    )
    assert result.when("a") == [3, 7, 11, 15]
    assert len(result.of(WarningIssued)) == 1


def test_a_step_that_is_not_enabled_is_skipped(lab: Lab) -> None:
    """6.7: neither its start time nor its stop time matters."""
    result = timed(lab, 'enabled="false" start_relative="PT5S" stop_relative="PT4S"')
    step = result.one(StepFinished, step="s")
    assert step.outcome is Outcome.SKIPPED
    assert result.seconds(step) == 0
    assert result.of(StepStarted, step="s") == []


def test_a_stopped_step_is_no_failure_though_a_command_was_killed(lab: Lab) -> None:
    """8.3, 7.2."""
    lab.stopping_takes(3)
    lab.takes("a", 100)
    result = lab.run(
        experiment(
            tasklists='<tasklist name="t" on-error="stop-experiment">'
            '<run expected-status="0" retries="3">a</run></tasklist>',
            steps='<step tasklist="t" targets="n1" stop_relative="PT4S"/>',
        )
    )
    assert result.duration == 7
    assert result.one(StepFinished).outcome is Outcome.STOPPED
    assert result.exit_code == 0


def test_a_step_that_had_a_failure_when_it_was_stopped_has_failed(lab: Lab) -> None:
    """7.2."""
    lab.takes("a", 100)
    result = lab.run(
        experiment(
            tasklists='<tasklist name="t"><call tasklist="bad"/><run>a</run></tasklist>'
            '<tasklist name="bad"><fail status="x"/></tasklist>',
            steps='<step tasklist="t" targets="n1" stop_relative="PT4S"/>',
        )
    )
    assert result.one(StepFinished).outcome is Outcome.FAILED
    assert result.exit_code == 1


def test_one_slow_target_does_not_hold_back_the_others(lab: Lab) -> None:
    """8.4."""
    lab.takes("a", 100, target="n2")
    result = lab.run(
        experiment(
            targets="n1 n2 n3",
            tasklists='<tasklist name="t"><run>a</run><run>b</run></tasklist>',
            steps='<step tasklist="t" targets="n1 n2 n3"/>',
        )
    )
    assert result.when("b") == [0, 0, 100]


@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_a_limited_step_runs_on_so_many_targets_at_a_time_in_order(lab: Lab, most: int) -> None:
    """8.1, 4.5."""
    names = "c a e b d"
    lab.takes("x", 2)
    result = lab.run(
        experiment(
            targets="a b c d e",
            tasklists='<tasklist name="t"><run>x</run></tasklist>',
            steps=f'<step tasklist="t" targets="{names}" max-parallel="{most}"/>',
        )
    )
    begins = [result.when("x", name)[0] for name in names.split()]
    assert begins == [rank // most * 2 for rank in range(5)]
    assert [event.target for event in result.of(TasklistStarted)] == names.split()


def test_a_limited_step_goes_on_to_the_next_target_after_a_failure(lab: Lab) -> None:
    lab.fails("x", target="a")
    result = lab.run(
        experiment(
            targets="a b",
            tasklists='<tasklist name="t"><run expected-status="0">x</run></tasklist>',
            steps='<step tasklist="t" targets="a b" max-parallel="1"/>',
        )
    )
    assert result.commands("b") == ["x"]


def test_steps_written_one_after_another_run_in_parallel(lab: Lab) -> None:
    """8.1, also on the same target."""
    lab.takes("x", 5)
    step = '<step tasklist="t" targets="n1"/>'
    result = lab.run(
        experiment(tasklists='<tasklist name="t"><run>x</run></tasklist>', steps=step * 4)
    )
    assert result.when("x") == [0, 0, 0, 0]
    assert result.duration == 5


def test_a_target_that_is_reached_twice_runs_once(lab: Lab) -> None:
    """4.3."""
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists='<tasklist name="t"><run>x</run></tasklist>',
            steps='<step tasklist="t" targets="n2 n1 n* n2"/>',
        )
    )
    assert [target for target, _ in result.transport.commands] == ["n2", "n1"]
