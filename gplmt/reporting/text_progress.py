"""How far a run is that has not come to its end, in lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from gplmt.recording.progress import shown_parameters
from gplmt.reporting.durations import clock_time
from gplmt.reporting.glimpse import Glimpse, LoopStanding, StepStanding, TargetState

_MOST_STEPS = 20


def show_progress(glimpse: Glimpse, *, now: datetime) -> Iterator[str]:
    """The lines; `now` is when the record ends, or the present of a run that is running."""
    total = "" if glimpse.step_total is None else f" of {glimpse.step_total}"
    ended = glimpse.step_ends.total()
    yield f"after {clock_time(now - glimpse.began)}: {ended}{total} steps have ended"
    yield f"targets: {_states(glimpse.targets)}"
    for loop in glimpse.loops:
        yield _loop(loop)
    for step in glimpse.steps[:_MOST_STEPS]:
        yield _step(step)
    if (more := len(glimpse.steps) - _MOST_STEPS) > 0:
        yield f"and {more} more steps"
    for work in glimpse.work:
        yield f"{work.at}: '{work.task}' on {work.target} for {clock_time(now - work.began)}"


def _loop(loop: LoopStanding) -> str:
    total = "" if loop.count is None else f" of {loop.count}"
    values = shown_parameters(loop.parameters)
    current = "" if loop.iteration is None else f", now iteration {loop.iteration}"
    return f"{loop.at}: {loop.name}: {loop.done}{total} iterations done{current} {values}".rstrip()


def _step(step: StepStanding) -> str:
    kind = "teardown" if step.is_teardown else "step"
    round_ = f" in iteration {step.iteration}" if step.iteration else ""
    if step.began is None:
        start = step.planned_start
        state = "waits" if start is None else f"waits until {start.astimezone():%F %T}"
    else:
        state = _states(step.targets)
    return f"{step.at}: {kind} '{step.name}'{round_}: {state}"


def _states(counts: Mapping[TargetState, int]) -> str:
    told = (f"{counts[state]} {state.value}" for state in TargetState if counts.get(state))
    return ", ".join(told) or "none"
