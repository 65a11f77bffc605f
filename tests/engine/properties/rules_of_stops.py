"""What must hold of failures, stops, timeouts and cleanups (LANGUAGE.md 7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

from gplmt.events import (
    Outcome,
    ParStarted,
    StepReached,
    TasklistStarted,
    TaskStarted,
    TeardownStarted,
)
from tests.engine.properties.case import TOLERANCE, Case
from tests.engine.properties.history import FAILED, STOPPED, Span, seconds


def cleanups_run_once(case: Case) -> None:
    """7.4: if a task was started, and only a second signal stops them."""
    for span in case.history.of(TasklistStarted):
        has_begun = any(task.outcome is not Outcome.SKIPPED for task in span.tasks)
        cleanup = case.name_of(case.tasklist(span).cleanup)
        expected = [cleanup] if cleanup is not None and has_begun else []
        found = [child.tasklist for child in span.children if child.is_cleanup]
        was_killed = _was_killed(case, span)
        assert found == expected or (was_killed and not found), span
        if found:
            assert span.children[-1].is_cleanup, span
        if span.is_cleanup and not was_killed:
            assert span.outcome not in STOPPED, span


def _was_killed(case: Case, span: Span) -> bool:
    """Whether a second signal had come before it ended; a cancellation lets cleanups run."""
    signals = case.history.signals
    return len(signals) > 1 and signals[1][1] < span.ended_at


def what_is_stopped_was_stopped_by_something_around_it(case: Case) -> None:
    """7.1."""
    for span in case.history.spans.values():
        parent = span.parent
        if span.outcome not in STOPPED or parent is None or span.is_cleanup:
            continue
        if parent.is_tasklist:
            assert parent.outcome in (*STOPPED, Outcome.TIMEOUT), (span, parent)
        elif isinstance(parent.begin, ParStarted):
            assert parent.outcome in (*STOPPED, *FAILED), (span, parent)
        elif parent.is_task:
            assert parent.outcome in STOPPED, (span, parent)
        elif isinstance(parent.begin, StepReached | TeardownStarted):
            assert _has_cause(case, span, parent), (span, parent)


def _has_cause(case: Case, span: Span, step: Span) -> bool:
    """Whether a step or teardown had a reason to stop its tasklist on a target."""
    end = seconds(span.end) + TOLERANCE
    if isinstance(step.begin, StepReached):
        ends = min(case.stop_time(step), case.foreground_end)
        if ends < end or (case.step(step).background and _the_ending_stops(case, span)):
            return True
        if any(map(case.stops_experiment, case.history.of(TasklistStarted))):
            return True
    elif case.cut_at is not None:
        return True
    return any(case.is_far_failure(other) for other in step.inside())


def _the_ending_stops(case: Case, span: Span) -> bool:
    """Whether a background step was under way when the last teardown had ended (9.4)."""
    teardowns = [one.ended_at for one in case.history.of(TeardownStarted)]
    return all(one < span.ended_at for one in teardowns)


def timeouts_are_kept(case: Case) -> None:
    """7.3: nothing begins when the time is over, and what runs is stopped; cleanups aside."""
    for span in case.history.of(TasklistStarted):
        limit = case.tasklist(span).limit
        if limit is None:
            assert span.outcome is not Outcome.TIMEOUT, span
            continue
        over = seconds(span.begin) + limit
        check_nothing_goes_on_after(case, over, span.inside())
        if span.outcome is Outcome.TIMEOUT:
            assert seconds(span.end) > over - TOLERANCE, span


def the_foreground_ends_in_time(case: Case) -> None:
    """1.1, 11.2: a signal and the timeout of the experiment end it."""
    check_nothing_goes_on_after(case, case.foreground_end, case.foreground())


def failures_stop_what_they_say(case: Case) -> None:
    """7.1: what is to be stopped begins nothing more, callers included."""
    for span in case.history.of(TasklistStarted):
        if not case.is_far_failure(span):
            continue
        step = span.fan_out()
        assert step is not None
        callers = [caller for caller in span.around() if caller.is_tasklist]
        assert all(caller.outcome in STOPPED for caller in callers), (span, callers)
        end = seconds((callers[-1] if callers else span).end)
        if case.is_teardown(step):
            check_nothing_goes_on_after(case, end, step.inside())
        elif case.step(step).min_success is None:
            check_nothing_goes_on_after(case, end, step.inside())
            assert step.outcome is Outcome.FAILED, step
            if case.stops_experiment(span):
                check_nothing_goes_on_after(case, end, case.foreground())


def check_nothing_goes_on_after(case: Case, moment: float, spans: Iterable[Span]) -> None:
    """Raise AssertionError if a task or step of these began later, or was not stopped."""
    if moment == inf:
        return
    latest = moment + case.scenario.stop_seconds + TOLERANCE
    for span in spans:
        if isinstance(span.begin, TaskStarted | StepReached):
            assert seconds(span.begin) < moment + TOLERANCE, (moment, span)
        if isinstance(span.begin, TaskStarted) and not span.children:
            assert seconds(span.end) < latest, (moment, span)


def quorum_failures(case: Case, step: Span) -> Iterator[Span]:
    """The failures in a step that nobody has asked for."""
    for span in case.history.spans.values():
        is_counted = span.end.reason is not None and not getattr(span.end, "excused", False)
        if is_counted and (span.is_task or span.is_tasklist) and step in span.around():
            yield span
