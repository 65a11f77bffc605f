"""What must hold of what the nodes were asked to do (LANGUAGE.md 7.5, 8)."""

from __future__ import annotations

from gplmt.events import RunStarted, StepReached, TaskStarted, WaitForStarted
from tests.engine.properties.case import TOLERANCE, Case
from tests.engine.properties.history import Span, seconds


def no_command_outlives_its_task(case: Case) -> None:
    """At each event, what lives belongs to a task that goes on; at the end, nothing lives."""
    assert not case.ran.transport.alive
    assert case.ran.transport.is_closed or not case.ran.seen
    open_at: dict[int, Span] = {}
    spans = {(span.began_at, True): span for span in case.history.spans.values()}
    spans |= {(span.ended_at, False): span for span in case.history.spans.values()}
    for position, alive in enumerate(case.ran.alive):
        if (ended := spans.get((position, False))) is not None:
            mine = {one for one in alive if _span(one) == ended.begin.span}
            assert not mine, (mine, ended)
            del open_at[ended.begin.span]
        assert {_span(one) for one in alive} <= set(open_at), (alive, case.events[position])
        if (begun := spans.get((position, True))) is not None:
            open_at[begun.begin.span] = begun


def commands_are_those_of_the_document(case: Case) -> None:
    """Each belongs to a task that is under way on its target, in a step that has started."""
    for command, seen in case.ran.commands():
        span = case.history.spans[_span(command.identity)]
        assert isinstance(span.begin, RunStarted | WaitForStarted), span
        assert span.began_at < seen.position <= span.ended_at, span
        assert span.target == seen.asked.target, span
        assert getattr(case.task(span), "command", None) == command.text, span
        assert command.environment["GPLMT_TARGET"] == seen.asked.target
        step = span.fan_out()
        assert step is not None
        assert command.environment["GPLMT_STEP"] == step.step
        if isinstance(step.begin, StepReached):
            assert seen.asked.seconds > case.start_time(step) - TOLERANCE, (seen, step)
            assert command.environment["GPLMT_ITERATION"] == (step.begin.iteration or "")


def nothing_is_asked_once_a_task_is_over(case: Case) -> None:
    """Each command, copy and connection is asked for while a task of that target is under way."""
    tasks = [span for span in case.history.of(TaskStarted) if not span.children]
    for seen in case.ran.seen:
        assert any(
            span.began_at < seen.position <= span.ended_at
            and isinstance(span.begin, TaskStarted)
            and span.target == seen.asked.target
            and seconds(span.begin) < seen.asked.seconds + TOLERANCE
            for span in tasks
        ), seen


def _span(identity: str) -> int:
    return int(identity.split(".")[0])
