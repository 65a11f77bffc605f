"""What must hold of a run, whatever the experiment: the rules, read from the other side.

What must hold of any record alone stands in `tests.support.record`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from gplmt.events import (
    CallStarted,
    Event,
    IterationStarted,
    LoopStarted,
    Outcome,
    ParStarted,
    SeqStarted,
    StepFinished,
    StepReached,
    SynchronizeStarted,
    TaskFinished,
    TasklistFinished,
    TasklistStarted,
    TaskStarted,
    TeardownRegistered,
    TeardownStarted,
)
from gplmt.language.tasks import Call, Par, Seq, Task
from gplmt.language.values import OnError
from gplmt.planning import Launch, Plan
from gplmt.planning.plan import walk
from tests.engine.history import FAILED, STOPPED, History, Span, seconds
from tests.support.clock import START

_FAR = (OnError.STOP_STEP, OnError.STOP_EXPERIMENT)
_TOLERANCE = 1e-4  # virtual time adds up floats, and events round them


class Oracle:
    """Judges one run of a plan."""

    def __init__(self, plan: Plan, events: Sequence[Event]) -> None:
        self._plan = plan
        self._history = History(events)
        items = [item for item in walk(plan.items) if isinstance(item, Launch)]
        self._launches = {item.name: item for item in items}

    def check(self) -> None:
        """Raise AssertionError if a rule was broken."""
        self._check_sequences()
        self._check_branches()
        self._check_tasklists()
        self._check_cleanups()
        self._check_calls()
        self._check_stops_have_a_cause()
        self._check_timeouts()
        self._check_steps()
        self._check_quorums()
        self._check_on_error()
        self._check_foreground()
        self._check_barriers()
        self._check_loops()
        self._check_teardowns()
        self._check_second_signal()

    def _check_sequences(self) -> None:
        """6.1, 6.5, 7.1: one after another, and none after one that did not end well."""
        for span in (*self._history.of(TasklistStarted), *self._history.of(SeqStarted)):
            goes_on = self._plan.tasklists[span.tasklist].on_error is OnError.CONTINUE
            good = (Outcome.OK, Outcome.SKIPPED, *(FAILED if goes_on else ()))
            for one, next_one in pairwise(span.children):
                assert one.ended_at < next_one.began_at, (one, next_one)
                assert one.outcome in good or next_one.is_cleanup, (one, next_one)

    def _check_branches(self) -> None:
        """6.5: a failure stops the other branches; the limit holds."""
        for par in self._history.of(ParStarted):
            self._check_limit(par.children, self._par(par).max_parallel)
            if self._plan.tasklists[par.tasklist].on_error is OnError.CONTINUE:
                continue
            failures = [child.ended_at for child in par.children if child.outcome in FAILED]
            if failures:
                assert par.outcome in FAILED or self._holds_far_failure(par), par
                assert all(child.began_at < min(failures) for child in par.children), par

    def _check_limit(self, spans: Sequence[Span], most: int | None) -> None:
        if most is None:
            return
        for span in spans:
            at_once = [other for other in spans if other.began_at <= span.began_at < other.ended_at]
            assert len(at_once) <= most, at_once

    def _check_tasklists(self) -> None:
        """7.1: how a tasklist ends is how its tasks do."""
        for span in self._history.of(TasklistStarted):
            outcomes = {task.outcome for task in span.tasks}
            match span.outcome:
                case Outcome.OK:
                    assert outcomes <= {Outcome.OK, Outcome.SKIPPED}, span
                case Outcome.FAILED:
                    under = {task.outcome for task in span.inside() if task.is_task}
                    assert under & set(FAILED), span
                case Outcome.SKIPPED:
                    raise AssertionError(span)
                case _:
                    pass

    def _check_cleanups(self) -> None:
        """7.4: once, if a task was started, and only a second signal stops it."""
        killed_at = self._history.was_killed_at
        for span in self._history.of(TasklistStarted):
            has_begun = any(task.outcome is not Outcome.SKIPPED for task in span.tasks)
            cleanup = self._plan.tasklists[span.tasklist].cleanup
            expected = [cleanup] if cleanup is not None and has_begun else []
            found = [child.tasklist for child in span.children if child.is_cleanup]
            was_killed = killed_at is not None and killed_at < span.ended_at
            assert found == expected or (was_killed and not found), span
            if span.is_cleanup and not was_killed:
                assert span.outcome not in STOPPED, span

    def _check_calls(self) -> None:
        """6.4."""
        for call in self._history.of(CallStarted):
            if call.outcome is Outcome.SKIPPED:
                continue
            (called,) = call.children
            failed = called.outcome in FAILED
            task = self._task(call)
            assert isinstance(task, Call)
            expected: tuple[Outcome, ...]
            if called.outcome in STOPPED or (failed and self._reaches_further(called)):
                expected = STOPPED
            elif task.expects_success is None or task.expects_success is not failed:
                expected = (Outcome.OK, *STOPPED)
            else:
                expected = (Outcome.FAILED, *STOPPED)
            assert call.outcome in expected, call

    def _check_stops_have_a_cause(self) -> None:
        """7.1: what is stopped was stopped by what is around it."""
        for span in self._history.spans.values():
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
                assert self._has_cause(span, parent), (span, parent)

    def _has_cause(self, span: Span, step: Span) -> bool:
        """Whether a step had a reason to stop its tasklist on a target."""
        if isinstance(step.begin, StepReached):
            launch = self._launches[step.begin.step]
            if launch.background or self._stop_time(step) < seconds(span.end) + _TOLERANCE:
                return True
            if self._foreground_end() < seconds(span.end) + _TOLERANCE:
                return True
            if any(map(self._stops_experiment, self._history.of(TasklistStarted))):
                return True
        elif self._history.was_killed_at is not None:
            return True
        return any(self._is_far_failure(other) for other in step.inside())

    def _check_timeouts(self) -> None:
        """7.3: nothing begins when the time is over, cleanups aside."""
        for span in self._history.of(TasklistStarted):
            limit = self._plan.tasklists[span.tasklist].timeout
            if limit is None:
                assert span.outcome is not Outcome.TIMEOUT, span
                continue
            over = seconds(span.begin) + limit.total_seconds()
            self._check_nothing_begins_after(over, span.inside())
            if span.outcome is Outcome.TIMEOUT:
                assert seconds(span.end) > over - _TOLERANCE, span

    def _check_nothing_begins_after(self, moment: float, spans: Iterator[Span]) -> None:
        for span in spans:
            if isinstance(span.begin, TaskStarted | StepReached):
                assert seconds(span.begin) < moment + _TOLERANCE, (moment, span)

    def _check_steps(self) -> None:
        """8.1 to 8.3, 6.7."""
        for step in self._history.of(StepReached):
            assert isinstance(step.begin, StepReached)
            launch = self._launches[step.begin.step]
            if not launch.enabled:
                assert step.outcome is Outcome.SKIPPED, step
                assert not step.children, step
                continue
            assert step.outcome in (Outcome.OK, Outcome.FAILED, *STOPPED), step
            self._check_limit(step.children, launch.max_parallel)
            if step.started is None:
                assert not step.children, step
                assert step.outcome in STOPPED, step
                continue
            assert seconds(step.started) > self._start_time(step, launch) - _TOLERANCE, step
            self._check_nothing_begins_after(self._stop_time(step), step.inside())
            if step.outcome is Outcome.OK:
                assert seconds(step.end) < self._stop_time(step) + _TOLERANCE, step
                assert {
                    one.begin.target
                    for one in step.children
                    if isinstance(one.begin, TasklistStarted)
                } == {member.node.name for member in launch.members}, step

    def _start_time(self, step: Span, launch: Launch) -> float:
        match launch.start:
            case None:
                return seconds(step.begin)
            case timedelta() as delay:
                return seconds(step.begin) + delay.total_seconds()
            case moment:
                return (moment - START).total_seconds()

    def _stop_time(self, step: Span) -> float:
        """When a step has to stop; infinity if never."""
        assert isinstance(step.begin, StepReached)
        stop = self._launches[step.begin.step].stop
        if isinstance(stop, datetime):
            return max((stop - START).total_seconds(), seconds(step.begin))
        if isinstance(stop, timedelta) and step.started is not None:
            return seconds(step.started) + stop.total_seconds()
        return float("inf")

    def _check_quorums(self) -> None:
        """7.2, 7.6: a step has failed if too many of its targets have."""
        for step in self._history.of(StepReached):
            assert isinstance(step.end, StepFinished)
            launch, count = self._launches[step.end.step], len(step.end.failed + step.end.tolerated)
            failed = {
                end.target
                for position in range(step.began_at, step.ended_at)
                for end in [self._history.events[position]]
                if isinstance(end, TaskFinished | TasklistFinished)
                and end.reason is not None
                and not end.excused
                and step in self._history.spans[end.span].around()
            }
            assert failed == {*step.end.failed, *step.end.tolerated}, step
            members = len(launch.members)
            required = members if launch.min_success is None else launch.min_success.of(members)
            assert (step.outcome is Outcome.FAILED) == (members - count < required), step

    def _check_on_error(self) -> None:
        """7.1: what is to be stopped begins nothing more, callers included."""
        for span in self._history.of(TasklistStarted):
            if not self._is_far_failure(span):
                continue
            step = span.fan_out()
            assert step is not None
            callers = [caller for caller in span.around() if caller.is_tasklist]
            assert all(caller.outcome in STOPPED for caller in callers), (span, callers)
            top = callers[-1] if callers else span
            if isinstance(step.begin, TeardownStarted):
                self._check_nothing_begins_after(seconds(top.end), step.inside())
            elif self._launches[step.step].min_success is None:
                self._check_nothing_begins_after(seconds(top.end), step.inside())
                assert step.outcome is Outcome.FAILED, step
                if self._stops_experiment(span):
                    self._check_nothing_begins_after(seconds(top.end), self._foreground())

    def _check_foreground(self) -> None:
        """1.1, 11.2: a signal and the timeout of the experiment end it."""
        self._check_nothing_begins_after(self._foreground_end(), self._foreground())

    def _foreground(self) -> Iterator[Span]:
        for step in self._history.of(StepReached):
            yield step
            if isinstance(step.begin, StepReached) and not step.begin.background:
                yield from step.inside()

    def _foreground_end(self) -> float:
        """The first signal or the timeout; infinity if there is none."""
        moments = [moment for moment, _ in self._history.signals]
        if self._plan.timeout is not None:
            moments.append(self._plan.timeout.total_seconds())
        return min(moments, default=float("inf"))

    def _check_barriers(self) -> None:
        """9.1: what was reached before has ended, or its part on the targets."""
        for barrier in self._history.of(SynchronizeStarted):
            assert isinstance(barrier.begin, SynchronizeStarted)
            assert barrier.parent is not None
            if barrier.outcome is not Outcome.OK:
                continue
            for sibling in barrier.parent.children:
                if sibling is barrier or isinstance(sibling.begin, TeardownStarted):
                    continue
                is_background = isinstance(sibling.begin, StepReached) and sibling.begin.background
                if sibling.began_at < barrier.began_at and not is_background:
                    self._check_was_waited_for(sibling, barrier, barrier.begin.targets)

    def _check_was_waited_for(
        self, sibling: Span, barrier: Span, targets: tuple[str, ...] | None
    ) -> None:
        if targets is None:
            assert sibling.ended_at < barrier.ended_at, (sibling, barrier)
        elif isinstance(sibling.begin, StepReached):
            for part in sibling.children:
                assert isinstance(part.begin, TasklistStarted)
                if part.begin.target in targets:
                    assert part.ended_at < barrier.ended_at, (part, barrier)

    def _check_loops(self) -> None:
        """9.2, 9.3: one iteration after another."""
        for loop in self._history.of(LoopStarted):
            for one, next_one in pairwise(loop.children):
                assert isinstance(next_one.begin, IterationStarted)
                assert one.ended_at < next_one.began_at, (one, next_one)
                assert one.outcome in (Outcome.OK, Outcome.FAILED), one

    def _check_teardowns(self) -> None:
        """9.5, 11.1: once each, in order, one after another, after the foreground."""
        registered = [
            event.step for event in self._history.events if isinstance(event, TeardownRegistered)
        ]
        teardowns = self._history.of(TeardownStarted)
        names = [span.begin.step for span in teardowns if isinstance(span.begin, TeardownStarted)]
        assert names == registered[: len(names)]
        assert names == registered or self._history.was_killed_at is not None
        for one, next_one in pairwise(teardowns):
            assert one.ended_at < next_one.began_at, (one, next_one)
        for step in self._history.of(StepReached):
            assert isinstance(step.begin, StepReached)
            for teardown in teardowns[:1]:
                assert step.began_at < teardown.began_at, (step, teardown)
                assert step.begin.background or step.ended_at < teardown.began_at, (step, teardown)

    def _check_second_signal(self) -> None:
        """11.2: nothing begins after it, and it takes no time."""
        if len(self._history.signals) < 2:
            return
        moment, position = self._history.signals[1]
        late = [span for span in self._history.spans.values() if span.began_at > position]
        assert not late, late
        assert seconds(self._history.events[-1]) < moment + _TOLERANCE

    def _is_far_failure(self, span: Span) -> bool:
        return span.outcome in FAILED and self._reaches_further(span)

    def _stops_experiment(self, span: Span) -> bool:
        policy = self._plan.tasklists[span.tasklist].on_error
        return self._is_far_failure(span) and policy is OnError.STOP_EXPERIMENT

    def _reaches_further(self, span: Span) -> bool:
        if not span.is_tasklist or span.belongs_to_cleanup():
            return False
        return self._plan.tasklists[span.tasklist].on_error in _FAR

    def _holds_far_failure(self, span: Span) -> bool:
        return any(self._is_far_failure(one) for one in span.inside())

    def _par(self, span: Span) -> Par:
        task = self._task(span)
        assert isinstance(task, Par)
        return task

    def _task(self, span: Span) -> Task:
        assert isinstance(span.begin, TaskStarted)
        return _find(self._plan.tasklists[span.tasklist].tasks, span.begin.task)


def _find(tasks: Sequence[Task], label: str) -> Task:
    """The task of a label among these and those in them."""
    pending = list(tasks)
    while pending:
        task = pending.pop()
        if task.label == label:
            return task
        if isinstance(task, Seq | Par):
            pending += task.tasks
    raise KeyError(label)
