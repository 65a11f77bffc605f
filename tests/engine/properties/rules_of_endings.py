"""What must hold of teardowns, background steps, signals and the end (LANGUAGE.md 9.4, 9.5, 11)."""

from __future__ import annotations

from itertools import pairwise

from gplmt.events import (
    CopiesRemoved,
    ExperimentFinished,
    LeftoverStopped,
    Outcome,
    PutStarted,
    StepReached,
    TeardownRegistered,
    TeardownStarted,
)
from tests.engine.properties.case import TOLERANCE, Case
from tests.engine.properties.history import seconds
from tests.engine.properties.model import Copy, nodes_of
from tests.support.record import check_record


def the_exit_code_tells_the_truth(case: Case) -> None:
    """11.3: the number of the first signal, else whether a failure counts."""
    end = case.events[-1]
    assert isinstance(end, ExperimentFinished)
    if case.ran.cancelled_at is None:
        check_record(case.events)
    if case.history.signals:
        assert end.exit_code == 128 + 2, end


def teardowns_run_in_order_once(case: Case) -> None:
    """9.5, 11.1: one after another, after the foreground."""
    registered = [event for event in case.events if isinstance(event, TeardownRegistered)]
    teardowns = case.history.of(TeardownStarted)
    names = [event.step for event in registered]
    assert names == [f"teardown-{rank + 1}" for rank in range(len(names))]
    found = [span.step for span in teardowns]
    assert found == names[: len(found)]
    assert found == names or case.cut_at is not None
    for one, next_one in pairwise(teardowns):
        assert one.ended_at < next_one.began_at, (one, next_one)
    for step in case.history.of(StepReached):
        for teardown in teardowns[:1]:
            assert step.began_at < teardown.began_at, (step, teardown)
            is_background = case.step(step).background
            assert is_background or step.ended_at < teardown.began_at, (step, teardown)
    for event, span in zip(registered, teardowns, strict=False):
        assert (event.tasklist, event.targets) == (span.tasklist, span.targets)
        if span.outcome is Outcome.OK:
            targets = [one.target for one in span.children]
            assert sorted(targets) == sorted(event.targets), span


def teardowns_are_those_of_the_document(case: Case) -> None:
    """9.5: no more than those that stand there; each once, loops that sweep aside."""
    known = [
        (case.name_of(item.tasklist), nodes_of(item.targets)) for item in case.teardown_items()
    ]
    registered = [
        (event.tasklist, event.targets)
        for event in case.events
        if isinstance(event, TeardownRegistered)
    ]
    assert set(registered) <= set(known)
    if not any(case.loop(loop).sweep for loop in case.loops()):
        assert len(registered) <= len(known)


def background_steps_outlive_the_teardowns(case: Case) -> None:
    """9.4, 11.1: what ends them before is of their own."""
    teardowns = case.history.of(TeardownStarted)
    if case.cut_at is not None or not teardowns:
        return
    for step in case.history.of(StepReached):
        is_stopped = step.outcome is Outcome.STOPPED
        if is_stopped and case.step(step).background:
            by_itself = case.stop_time(step) < seconds(step.end) + TOLERANCE
            far = any(case.is_far_failure(one) for one in step.inside())
            assert by_itself or far or step.ended_at > teardowns[-1].ended_at, step


def nothing_begins_after_a_second_signal(case: Case) -> None:
    """11.2: and it takes no time."""
    if len(case.history.signals) < 2:
        return
    moment, position = case.history.signals[1]
    late = [span for span in case.history.spans.values() if span.began_at > position]
    assert not late, late
    assert seconds(case.events[-1]) < moment + TOLERANCE


def signals_and_stops_have_their_words(case: Case) -> None:
    """Only a signal cancels, and a stop without one is called so."""
    cancelled = [one for one in case.history.spans.values() if one.outcome is Outcome.CANCELLED]
    signals = [position for _, position in case.history.signals]
    assert all(signals and signals[0] < one.ended_at for one in cancelled), cancelled


def no_copy_is_kept_that_should_go(case: Case) -> None:
    """6.3, 11.1."""
    if case.cut_at is not None:
        return
    removed = {path for _, paths in case.ran.transport.removed for path in paths}
    kept: set[str] = set()
    lost: set[str] = set()
    for span in case.history.of(PutStarted):
        task = case.task(span)
        assert isinstance(task, Copy)
        if span.outcome is Outcome.OK:
            (kept if task.keep else lost).add(task.path)
        elif task.keep:
            kept.add(task.path)
    assert lost <= removed
    assert not kept & removed
    assert len(removed) == 0 or any(isinstance(event, CopiesRemoved) for event in case.events)


def what_runs_leave_is_told_of(case: Case) -> None:
    """6.2."""
    if len(case.history.signals) > 1:
        return
    told = sum(isinstance(event, LeftoverStopped) for event in case.events)
    assert bool(told) <= any(one.leaves for one in case.scenario.behaviours.values())
