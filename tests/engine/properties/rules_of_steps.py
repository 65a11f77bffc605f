"""What must hold of steps, barriers and loops (LANGUAGE.md 7.6, 8, 9)."""

from __future__ import annotations

from itertools import pairwise, product
from math import inf, prod

from gplmt.events import (
    ExperimentStarted,
    IterationStarted,
    LoopStarted,
    Outcome,
    StepFinished,
    StepReached,
    SynchronizeStarted,
    TasklistStarted,
)
from tests.engine.properties.case import TOLERANCE, Case
from tests.engine.properties.history import STOPPED, Span, seconds
from tests.engine.properties.model import Barrier, Item, Loop, Step, Teardown, involved, nodes_of
from tests.engine.properties.rules_of_stops import check_nothing_goes_on_after, quorum_failures
from tests.engine.properties.rules_of_tasks import check_limit


def steps_keep_to_their_times(case: Case) -> None:
    """8.1 to 8.3, 6.7, 4.3."""
    for step in case.history.of(StepReached):
        item = case.step(step)
        targets = [one.target for one in step.children if _is_tasklist(one)]
        assert len(set(targets)) == len(targets) == len(step.children), step
        if not item.enabled:
            assert step.outcome is Outcome.SKIPPED, step
            assert not step.children, step
            continue
        assert step.outcome in (Outcome.OK, Outcome.FAILED, *STOPPED), step
        check_limit(step.children, item.max_parallel)
        if step.started is None:
            assert not step.children, step
            assert step.outcome in STOPPED, step
            continue
        start, stop = case.start_time(step), case.stop_time(step)
        assert seconds(step.started) > start - TOLERANCE, step
        assert seconds(step.started) < max(start, seconds(step.begin)) + TOLERANCE, step
        check_nothing_goes_on_after(case, stop, step.inside())
        if step.outcome is Outcome.OK:
            assert seconds(step.end) < stop + TOLERANCE, step
            assert set(targets) == set(item.nodes), step
        if step.outcome is Outcome.STOPPED and not item.background:
            assert seconds(step.end) > min(stop, _end_of_experiment(case)) - TOLERANCE, step


def _is_tasklist(span: Span) -> bool:
    return isinstance(span.begin, TasklistStarted)


def _end_of_experiment(case: Case) -> float:
    if any(map(case.stops_experiment, case.history.of(TasklistStarted))):
        return 0
    return case.foreground_end


def quorums_decide(case: Case) -> None:
    """7.2, 7.6: a step has failed if too many of its targets have."""
    for step in case.history.of(StepReached):
        assert isinstance(step.end, StepFinished)
        failed = {one.target for one in quorum_failures(case, step)}
        item, told = case.step(step), {*step.end.failed, *step.end.tolerated}
        assert failed == told, step
        is_failed = len(item.nodes) - len(failed) < item.required
        assert (step.outcome is Outcome.FAILED) == is_failed, step
        assert set(step.end.failed) == (failed if is_failed else set()), step


def bodies_are_walked_in_order(case: Case) -> None:
    """9.1, 9.3: everything in them, unless they are stopped; barriers part before from after."""
    for span in (*case.history.of(IterationStarted), *case.history.of(ExperimentStarted)):
        body, found = case.body(span), _found(case, span)
        if span.outcome in (Outcome.OK, Outcome.FAILED) and not _was_cut_short(case, span):
            expected = [item for item in body if not isinstance(item, Teardown)]
            assert len(found) == sum(not _is_background(item) for item in expected), span
        for rank, barrier in found.items():
            if not isinstance(barrier.begin, SynchronizeStarted):
                continue
            before = [one for other, one in found.items() if other < rank]
            after = [one for other, one in found.items() if other > rank]
            assert all(one.began_at > barrier.ended_at for one in after), (barrier, after)
            assert barrier.outcome is Outcome.OK or not after, (barrier, after)
            if barrier.outcome is Outcome.OK:
                item = body[rank]
                assert isinstance(item, Barrier)
                for one in before:
                    _check_was_waited_for(case, one, barrier, item)


def _found(case: Case, span: Span) -> dict[int, Span]:
    """What was reached of a body's items, by rank; teardowns and background steps aside."""
    barriers = [one for one in span.children if isinstance(one.begin, SynchronizeStarted)]
    named = {name: one for one in span.children if (name := _name(one)) is not None}
    found: dict[int, Span] = {}
    for rank, item in enumerate(case.body(span)):
        match item:
            case Barrier() if barriers:
                found[rank] = barriers.pop(0)
            case Step() | Loop() if item.name in named and not _is_background(item):
                found[rank] = named.pop(item.name)
    assert not barriers, barriers
    left = [one for one in named.values() if not _is_background_step(case, one)]
    assert not left, left
    return found


def _name(span: Span) -> str | None:
    if isinstance(span.begin, StepReached):
        return span.step
    return span.begin.loop if isinstance(span.begin, LoopStarted) else None


def _is_background(item: Item) -> bool:
    return isinstance(item, Step) and item.background


def _is_background_step(case: Case, span: Span) -> bool:
    return isinstance(span.begin, StepReached) and case.step(span).background


def _was_cut_short(case: Case, span: Span) -> bool:
    """Whether an experiment may not have come to its last item."""
    if isinstance(span.begin, IterationStarted):
        return False
    return case.foreground_end < inf or any(
        map(case.stops_experiment, case.history.of(TasklistStarted))
    )


def _check_was_waited_for(case: Case, one: Span, barrier: Span, item: Barrier) -> None:
    """9.1: a step's part on these targets, a loop as a whole."""
    if item.targets is None or isinstance(one.begin, SynchronizeStarted):
        assert one.ended_at < barrier.ended_at, (one, barrier)
        return
    nodes = set(nodes_of(item.targets))
    if isinstance(one.begin, LoopStarted):
        assert one.ended_at < barrier.ended_at or not nodes & involved(case.loop(one)), one
        return
    ended = {
        part.target
        for part in one.children
        if isinstance(part.begin, TasklistStarted) and part.ended_at < barrier.ended_at
    }
    assert one.ended_at < barrier.ended_at or nodes & set(case.step(one).nodes) <= ended, one


def iterations_follow_one_another(case: Case) -> None:
    """9.2, 9.3: one after another, as many as there are to be, with their parameters."""
    for loop in case.history.of(LoopStarted):
        item = case.loop(loop)
        for one, next_one in pairwise(loop.children):
            assert one.ended_at < next_one.began_at, (one, next_one)
            assert one.outcome in (Outcome.OK, Outcome.FAILED), one
        _check_parameters(item, loop)
        _check_count(item, loop)
        if loop.outcome in (Outcome.OK, Outcome.FAILED):
            is_failed = any(one.outcome is Outcome.FAILED for one in loop.children)
            assert is_failed == (loop.outcome is Outcome.FAILED), loop


def _check_count(item: Loop, loop: Span) -> None:
    count = len(loop.children)
    assert (loop.outcome is Outcome.SKIPPED) != item.enabled, loop
    if not item.enabled:
        assert not count, loop
        return
    if item.duration is None and item.until is None:
        total = item.times if item.times is not None else prod(map(len, item.sweep))
        assert count == total or (loop.outcome in STOPPED and count < total), loop
        return
    over = item.until if item.until is not None else seconds(loop.begin) + (item.duration or 0)
    assert all(seconds(one.begin) < over for one in loop.children), loop
    last = loop.children[-1].end if loop.children else loop.begin
    assert loop.outcome in STOPPED or seconds(last) > over - TOLERANCE, loop


def _check_parameters(item: Loop, loop: Span) -> None:
    combinations = [
        {f"P{rank}": value for rank, value in enumerate(values)} for values in product(*item.sweep)
    ]
    for counter, one in enumerate(loop.children):
        assert isinstance(one.begin, IterationStarted)
        assert one.begin.iteration.split(".")[-1] == str(counter), one
        assert one.begin.parameters == (combinations[counter] if item.sweep else {}), one
