"""What must hold of tasklists and tasks (LANGUAGE.md 6, 7.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from gplmt.events import (
    AttemptFailed,
    CallStarted,
    Event,
    Outcome,
    ParStarted,
    RunStarted,
    SeqStarted,
    TasklistStarted,
    TaskStarted,
)
from tests.engine.properties.case import TOLERANCE, Case
from tests.engine.properties.history import FAILED, STOPPED, Span, seconds
from tests.engine.properties.model import Call, Fail, Run, Task, WaitFor
from tests.engine.properties.running import Seen

_GOOD = (Outcome.OK, Outcome.SKIPPED)


def tasks_run_in_their_order(case: Case) -> None:
    """6.1, 6.5, 7.1: one after another, and none after one that did not end well."""
    for span in (*case.history.of(TasklistStarted), *case.history.of(SeqStarted)):
        goes_on = case.tasklist(span).on_error == "continue"
        good = (*_GOOD, *(FAILED if goes_on else ()))
        for one, next_one in pairwise(span.children):
            assert one.ended_at < next_one.began_at, (one, next_one)
            assert one.outcome in good or next_one.is_cleanup, (one, next_one)
        names = _names(span.tasks)
        assert names == [task.name for task in _tasks(case, span)][: len(names)], span


def what_is_well_has_run_all_its_tasks(case: Case) -> None:
    """6.1, 6.4, 6.5: also after calls that failed, and under on-error="continue"."""
    for span in case.history.spans.values():
        is_block = isinstance(span.begin, SeqStarted | ParStarted)
        if not span.is_tasklist and not is_block:
            continue
        ran_all = len(span.tasks) == len(_tasks(case, span))
        if span.outcome is Outcome.OK:
            assert ran_all, span
        elif span.outcome is Outcome.FAILED and case.tasklist(span).on_error == "continue":
            assert ran_all or case.holds_far_failure(span), span
        elif span.outcome is Outcome.FAILED and not isinstance(span.begin, ParStarted):
            assert span.tasks[-1].outcome in FAILED, span


def failures_stop_branches(case: Case) -> None:
    """6.5: a failure stops the other branches; the limit holds."""
    for par in case.history.of(ParStarted):
        check_limit(par.children, case.block(par).max_parallel)
        if case.tasklist(par).on_error == "continue":
            continue
        failures = [child.ended_at for child in par.children if child.outcome in FAILED]
        if failures:
            assert par.outcome in FAILED or case.holds_far_failure(par), par
            assert all(child.began_at < min(failures) for child in par.children), par


def tasklists_end_like_their_tasks(case: Case) -> None:
    """7.1."""
    for span in case.history.of(TasklistStarted):
        assert span.outcome is not Outcome.SKIPPED, span
        if span.outcome is Outcome.OK:
            assert all(task.outcome in _GOOD for task in span.tasks), span
        elif span.outcome is Outcome.FAILED:
            assert any(one.outcome in FAILED for one in span.inside() if one.is_task), span


def calls_ask_for_what_they_say(case: Case) -> None:
    """6.4: the failure of a call is no failure of its caller, unless it asks for success."""
    for span in case.history.of(CallStarted):
        if span.outcome is Outcome.SKIPPED:
            continue
        (called,) = span.children
        task, failed = case.task(span), called.outcome in FAILED
        assert isinstance(task, Call)
        assert called.tasklist == case.name_of(task.tasklist), span
        expected: tuple[Outcome, ...]
        if called.outcome in STOPPED or (failed and case.is_far_failure(called)):
            expected = STOPPED
        elif task.expects_success is None or task.expects_success is not failed:
            expected = (Outcome.OK, *STOPPED)
        else:
            expected = (Outcome.FAILED, *STOPPED)
        assert span.outcome in expected, span


def what_is_not_enabled_is_skipped(case: Case) -> None:
    """6.7: with all that is in it."""
    for span in case.history.of(TaskStarted):
        assert (span.outcome is Outcome.SKIPPED) != case.task(span).enabled, span
        if span.outcome is Outcome.SKIPPED:
            assert not span.children, span
            assert not case.asked(span), span


def attempts_are_as_many_as_asked_for(case: Case) -> None:
    """6.2: retries after failures only, after their delay, each within its limit."""
    for span in case.history.of(RunStarted):
        task, began = case.task(span), [seen.asked.seconds for seen in case.asked(span)]
        assert isinstance(task, Run)
        assert len(began) <= 1 + task.retries, span
        failed = [seconds(event) for event in case.events if _is_attempt_of(event, span)]
        assert len(began) - 1 <= len(failed) <= len(began), span
        for end, begin in zip(failed, began[1:], strict=False):
            assert begin > end + task.delay - TOLERANCE, span
        if span.outcome in FAILED:
            assert len(began) == 1 + task.retries, span
        if task.limit is not None:
            latest = task.limit + case.scenario.stop_seconds + TOLERANCE
            for begin, end in zip(began, [*failed, seconds(span.end)], strict=False):
                assert end < begin + latest or len(began) == len(failed), span


def commands_decide_how_their_tasks_end(case: Case) -> None:
    """6.2, 6.6, 6.8: by status, by loss or by time."""
    for span in case.history.of(TaskStarted):
        task, asked = case.task(span), case.asked(span)
        if isinstance(task, Fail):
            assert span.outcome in (Outcome.FAILED, Outcome.SKIPPED, *STOPPED), span
        elif isinstance(task, Run) and asked and span.outcome not in STOPPED:
            assert span.outcome in _outcomes(task, asked[-1]), span
        elif isinstance(task, WaitFor) and task.enabled and span.outcome not in STOPPED:
            over = seconds(span.begin) + task.limit
            assert span.outcome is Outcome.OK or seconds(span.end) > over - TOLERANCE, span
            assert seconds(span.end) < over + case.scenario.stop_seconds + TOLERANCE, span
            if asked and span.outcome is Outcome.OK:
                assert not asked[-1].behaviour.fails(asked[-1].asked.seconds), span


def _outcomes(task: Run, seen: Seen) -> tuple[Outcome, ...]:
    """How a run may end whose last command this is."""
    behaviour = seen.behaviour
    fails = behaviour.fails(seen.asked.seconds) and (task.expected is not None or behaviour.is_lost)
    end = Outcome.FAILED if fails else Outcome.OK
    late = Outcome.FAILED if behaviour.is_lost_when_stopped else Outcome.TIMEOUT
    if task.limit is None or task.limit > behaviour.seconds:
        return (end,)
    return (late,) if task.limit < behaviour.seconds else (end, late)


def _is_attempt_of(event: Event, span: Span) -> bool:
    return isinstance(event, AttemptFailed) and event.span == span.begin.span


def _tasks(case: Case, span: Span) -> Sequence[Task]:
    return case.tasklist(span).tasks if span.is_tasklist else case.block(span).tasks


def _names(spans: Sequence[Span]) -> list[str]:
    return [span.begin.task for span in spans if isinstance(span.begin, TaskStarted)]


def check_limit(spans: Sequence[Span], most: int | None) -> None:
    """Raise AssertionError if more were there at once."""
    if most is None:
        return
    for span in spans:
        at_once = [other for other in spans if other.began_at <= span.began_at < other.ended_at]
        assert len(at_once) <= most, at_once
