"""Things that happen at the same moment, or while something else is ending."""

from __future__ import annotations

import pytest

from gplmt.events import Outcome, StepFinished, TaskFinished, TasklistFinished, TeardownStarted
from tests.support.lab import Lab, experiment

TIDY = '<tasklist name="tidy"><run>tidy</run></tasklist>'
EXPECT = '<run expected-status="0">{}</run>'


def tasklist(name: str, body: str, policy: str = "stop-tasklist", attributes: str = "") -> str:
    return f'<tasklist name="{name}" on-error="{policy}" {attributes}>{body}</tasklist>'


def step(name: str, targets: str = "n1", attributes: str = "") -> str:
    return f'<step name="{name}" tasklist="{name}" targets="{targets}" {attributes}/>'


@pytest.mark.parametrize("order", [("x", "y"), ("y", "x")])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("stop-tasklist", "stop-experiment"),
        ("stop-step", "stop-experiment"),
        ("continue", "stop-experiment"),
        ("stop-step", "continue"),
        ("stop-experiment", "stop-experiment"),
    ],
)
def test_of_two_failures_of_one_moment_each_has_its_on_error(
    lab: Lab, one: str, other: str, order: tuple[str, str]
) -> None:
    """7.1."""
    for name in ("x", "y"):
        lab.fails(name, seconds=5)
    lab.takes("long", 50)
    result = lab.run(
        experiment(
            targets="n1 n2 n3",
            tasklists=tasklist("x", EXPECT.format("x"), one)
            + tasklist("y", EXPECT.format("y"), other)
            + tasklist("z", "<run>long</run>"),
            steps="".join(step(name) for name in order) + step("z", "n3"),
        )
    )
    assert result.duration == (5 if "stop-experiment" in (one, other) else 50)
    assert result.exit_code == 1


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_in_a_par_the_failure_that_reaches_further_wins(lab: Lab, order: str) -> None:
    """6.5, 7.1: both at 5 s, in either order."""
    lab.fails("x", seconds=5)
    lab.takes("long", 50)
    branches = {"a": EXPECT.format("x"), "b": '<call tasklist="b"/>'}
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=tasklist("main", f"<par>{''.join(branches[name] for name in order)}</par>")
            + tasklist("b", EXPECT.format("x"), "stop-experiment")
            + tasklist("z", "<run>long</run>"),
            steps=step("main") + step("z", "n2"),
        )
    )
    assert result.exit_code == 1
    if len(result.of(TaskFinished, outcome=Outcome.FAILED, tasklist="b")) == 1:
        assert result.duration == 5


@pytest.mark.parametrize("policy", ["stop-step", "stop-experiment"])
@pytest.mark.parametrize("stop", [6, 7, 9])
def test_a_stop_that_hits_the_cleanup_of_a_failure_does_not_lose_its_on_error(
    lab: Lab, policy: str, stop: int
) -> None:
    """7.1, 7.4: it fails at 5 s, and cleans up until 9 s; the stop time comes meanwhile."""
    lab.fails("x", seconds=5)
    lab.takes("tidy", 4)
    lab.takes("long", 50)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=tasklist("x", EXPECT.format("x"), policy, 'cleanup="tidy"')
            + TIDY
            + tasklist("z", "<run>long</run>"),
            steps=step("x", attributes=f'stop_relative="PT{stop}S"') + step("z", "n2"),
        )
    )
    assert result.duration == (9 if policy == "stop-experiment" else 50)
    assert result.one(StepFinished, step="x").outcome is Outcome.FAILED


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("timeout", ["", 'timeout="PT7S"', 'timeout="PT11S"'])
@pytest.mark.parametrize("stop", ["", 'stop_relative="PT8S"', 'stop_relative="PT10S"'])
def test_a_stop_that_hits_a_callers_cleanup_does_not_lose_stop_experiment(
    lab: Lab, levels: int, timeout: str, stop: str
) -> None:
    """7.1, 7.4: callers clean up after the stop-experiment of what they called."""
    lab.fails("x", seconds=5)
    lab.takes("tidy", 4)
    lab.takes("long", 500)
    callers = "".join(
        tasklist(
            f"c{level}",
            f'<call tasklist="c{level - 1}"/><run>never</run>',
            attributes=f'cleanup="tidy" {timeout}',
        )
        for level in range(1, levels + 1)
    )
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=tasklist("c0", EXPECT.format("x"), "stop-experiment", 'cleanup="tidy"')
            + callers
            + TIDY
            + tasklist("z", "<run>long</run>"),
            steps=f'<step name="s" tasklist="c{levels}" targets="n1" {stop}/>' + step("z", "n2"),
        )
    )
    assert result.when("tidy") == [5 + 4 * level for level in range(levels + 1)]
    assert result.duration == 5 + 4 * (levels + 1)
    assert result.when("never") == []
    assert result.one(StepFinished, step="s").outcome is Outcome.FAILED


@pytest.mark.parametrize("policy", ["stop-tasklist", "stop-step", "stop-experiment"])
def test_a_stop_while_a_pars_other_branches_end_does_not_undo_its_failure(
    lab: Lab, policy: str
) -> None:
    """6.5, 7.1: one branch fails at 5 s, the other ends at 9 s; the stop comes at 7 s."""
    lab.fails("x", seconds=5)
    lab.takes("long", 50)
    lab.stopping_takes(4)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=tasklist(
                "x",
                f'<par name="p">{EXPECT.format("x")}<run>long</run></par><run>never</run>',
                policy,
            )
            + tasklist("caller", '<call tasklist="x"/><run>never</run>')
            + tasklist("z", "<run>long</run>"),
            steps='<step name="s" tasklist="caller" targets="n1" stop_relative="PT7S"/>'
            + step("z", "n2"),
        )
    )
    assert result.outcome("p") is Outcome.FAILED
    assert result.one(TasklistFinished, tasklist="x").outcome is Outcome.FAILED
    assert result.one(TasklistFinished, tasklist="caller").outcome is Outcome.STOPPED
    assert result.when("never") == []
    assert result.one(StepFinished, step="s").outcome is Outcome.FAILED
    assert result.duration == (13 if policy == "stop-experiment" else 50)


def test_a_stop_while_a_par_ends_is_not_lost_under_a_plain_call(lab: Lab) -> None:
    """8.3: the caller must not go on."""
    lab.fails("x", seconds=5)
    lab.takes("long", 50)
    lab.stopping_takes(4)
    result = lab.run(
        experiment(
            tasklists=tasklist("x", f"<par>{EXPECT.format('x')}<run>long</run></par>")
            + tasklist(
                "caller", '<call tasklist="x"/><run>never</run>', "continue", 'cleanup="tidy"'
            )
            + TIDY,
            steps='<step tasklist="caller" targets="n1" stop_relative="PT7S"/>',
        )
    )
    assert result.when("never") == []
    assert result.when("tidy") == [9]


def test_a_timeout_while_a_par_ends_under_continue_is_not_lost(lab: Lab) -> None:
    """7.3: the inner par fails at 5 s and ends at 9 s; the timeout is over at 7 s."""
    lab.fails("x", seconds=5)
    lab.takes("long", 50)
    lab.stopping_takes(4)
    result = lab.run_tasks(
        '<call tasklist="p"/><run>never</run>',
        attributes='on-error="continue" timeout="PT7S"',
        others=tasklist("p", f"<par>{EXPECT.format('x')}<run>long</run></par>"),
    )
    assert result.when("never") == []
    assert result.tasklist("main") is Outcome.TIMEOUT


def test_stop_experiment_while_another_step_cleans_up_waits_for_that(lab: Lab) -> None:
    """7.4, 11.1."""
    lab.fails("x", seconds=5)
    lab.takes("tidy", 20)
    lab.takes("down", 1)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=tasklist("x", EXPECT.format("x"), "stop-experiment")
            + tasklist("y", "<run>y</run>", attributes='cleanup="tidy"')
            + TIDY
            + tasklist("down", "<run>down</run>"),
            steps='<register-teardown tasklist="down" targets="n1"/>' + step("x") + step("y", "n2"),
        )
    )
    assert result.when("down") == [20]
    assert result.one(TasklistFinished, tasklist="tidy").outcome is Outcome.OK
    assert result.one(TasklistFinished, tasklist="y").outcome is Outcome.OK


def test_stop_experiment_reaches_a_step_that_waits_for_its_start(lab: Lab) -> None:
    """7.1, 8.2."""
    lab.fails("x", seconds=5)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=tasklist("x", EXPECT.format("x"), "stop-experiment")
            + tasklist("y", "<run>y</run>"),
            steps=step("x") + step("y", "n2", 'start_relative="PT1H"') + "<synchronize/>",
        )
    )
    assert result.duration == 5
    assert result.one(StepFinished, step="y").outcome is Outcome.STOPPED


def test_nested_pars_stop_with_the_cleanups_in_their_branches(lab: Lab) -> None:
    """6.5, 7.4."""
    lab.fails("x", seconds=5)
    lab.takes("long", 50)
    lab.takes("tidy", 3)
    called = '<call tasklist="c"/>'
    result = lab.run_tasks(
        f'<par name="outer">{EXPECT.format("x")}<par name="inner">{called}{called}'
        f"<seq>{called}<run>never</run></seq></par></par>",
        others=tasklist("c", "<run>long</run>", attributes='cleanup="tidy"') + TIDY,
    )
    assert result.when("tidy") == [5, 5, 5]
    assert result.duration == 8
    assert result.when("never") == []
    assert (result.outcome("outer"), result.outcome("inner")) == (Outcome.FAILED, Outcome.STOPPED)


def test_a_failure_in_a_par_inside_a_par_is_told_up(lab: Lab) -> None:
    lab.fails("x", seconds=5)
    lab.takes("long", 50)
    result = lab.run_tasks(
        f'<par name="outer"><par name="inner">{EXPECT.format("x")}<run>long</run></par>'
        "<run>long</run></par><run>never</run>"
    )
    assert (result.outcome("outer"), result.outcome("inner")) == (Outcome.FAILED, Outcome.FAILED)
    assert result.duration == 5
    assert len(result.reasons()) == 1


@pytest.mark.parametrize("seconds", [5, 7, 9])
def test_a_stop_time_at_the_end_of_a_step_does_not_hang_it(lab: Lab, seconds: int) -> None:
    """8.3: body until 5 s, cleanup until 9 s."""
    lab.takes("x", 5)
    lab.takes("tidy", 4)
    result = lab.run(
        experiment(
            tasklists=tasklist("x", "<run>x</run>", attributes='cleanup="tidy"') + TIDY,
            steps=step("x", attributes=f'stop_relative="PT{seconds}S"') + "<synchronize/>"
            '<step tasklist="tidy" targets="n1"/>',
        )
    )
    assert result.when("tidy") == [5, 9]
    assert result.exit_code == 0


@pytest.mark.parametrize("seconds", [5, 7, 9])
def test_a_timeout_at_the_end_of_a_called_tasklist_ends_the_caller_once(
    lab: Lab, seconds: int
) -> None:
    """7.3, 7.4."""
    lab.takes("x", 5)
    lab.takes("tidy", 4)
    result = lab.run_tasks(
        '<call tasklist="x"/><run>after</run>',
        attributes=f'timeout="PT{seconds}S" cleanup="last"',
        others=tasklist("x", "<run>x</run>", attributes='cleanup="tidy"')
        + TIDY
        + tasklist("last", "<run>last</run>"),
    )
    assert result.when("tidy") == [5]
    assert result.when("last") == [9]
    if seconds < 9:
        assert result.tasklist("main") is Outcome.TIMEOUT
        assert result.when("after") == []


def test_a_failure_and_the_timeout_of_one_moment_count_for_what_they_are(lab: Lab) -> None:
    lab.fails("x", seconds=5)
    result = lab.run_tasks(EXPECT.format("x"), attributes='timeout="PT5S"')
    assert result.exit_code == 1
    assert len(result.reasons()) == 1


def test_a_second_signal_in_a_teardown_whose_step_is_stopping_is_not_lost(lab: Lab) -> None:
    """11.2: n1 fails with stop-step at 5 s, n2 takes 20 s to stop, the second signal is at 7 s."""
    lab.fails("x", seconds=5, target="n1")
    lab.takes("x", 50, target="n2")
    lab.stopping_takes(20)
    lab.interrupt(6, 7)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=tasklist("x", EXPECT.format("x"), "stop-step")
            + tasklist("y", "<run>y</run>"),
            steps='<register-teardown tasklist="x" targets="n1 n2"/>'
            '<register-teardown tasklist="y" targets="n1"/>',
        )
    )
    assert result.duration == 7
    assert result.when("y") == []
    assert len(result.of(TeardownStarted)) == 1


def test_a_second_signal_while_the_foreground_stops_begins_no_teardown(lab: Lab) -> None:
    """11.2."""
    lab.takes("x", 50)
    lab.stopping_takes(20)
    lab.interrupt(5, 7)
    result = lab.run(
        experiment(
            tasklists=tasklist("x", "<run>x</run>") + tasklist("y", "<run>y</run>"),
            steps='<register-teardown tasklist="y" targets="n1"/>' + step("x"),
        )
    )
    assert result.duration == 7
    assert result.of(TeardownStarted) == []


def test_two_targets_that_lose_the_quorum_together_stop_the_experiment_once(lab: Lab) -> None:
    """7.6."""
    lab.fails("x", seconds=5)
    result = lab.run(
        experiment(
            targets="n1 n2 n3",
            tasklists=tasklist("x", EXPECT.format("x"), "stop-experiment"),
            steps=step("x", "n1 n2 n3", 'min-success="2"'),
        )
    )
    assert result.duration == 5
    assert result.one(StepFinished).outcome is Outcome.FAILED
    assert result.exit_code == 1


def test_a_background_step_that_fails_as_the_foreground_ends_does_no_harm(lab: Lab) -> None:
    """9.4, 11.1."""
    lab.fails("x", seconds=5)
    lab.takes("y", 5)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=tasklist("x", EXPECT.format("x"), "stop-experiment")
            + tasklist("y", "<run>y</run>")
            + tasklist("down", "<run>down</run>"),
            steps='<register-teardown tasklist="down" targets="n1"/>'
            + step("x", attributes='background="true"')
            + step("y", "n2"),
        )
    )
    assert result.when("down") == [5]
    assert result.one(StepFinished, step="y").outcome in (Outcome.OK, Outcome.STOPPED)


def test_the_timeout_of_the_experiment_and_stop_experiment_of_one_moment(lab: Lab) -> None:
    """1.1, 7.1."""
    lab.fails("x", seconds=5)
    result = lab.run(
        experiment(
            root='timeout="PT5S"',
            tasklists=tasklist("x", EXPECT.format("x"), "stop-experiment"),
            steps=step("x"),
        )
    )
    assert result.duration == 5
    assert result.exit_code == 1


def test_a_command_that_cannot_be_killed_soon_is_waited_for_once(lab: Lab) -> None:
    """7.5: further stops neither hurry nor lengthen the ladder."""
    lab.stopping_takes(10)
    lab.takes("x", 100)
    lab.interrupt(8)
    result = lab.run(
        experiment(
            root='timeout="PT9S"',
            tasklists=tasklist("main", '<call tasklist="x"/>', attributes='timeout="PT6S"')
            + tasklist("x", '<run timeout="PT5S">x</run>', attributes='timeout="PT11S"'),
            steps='<step tasklist="main" targets="n1" stop_relative="PT7S"/>',
        )
    )
    assert result.duration == 15
    assert result.exit_code == 130
