"""What must be true of the record of any run, whatever ran and however it ended."""

from __future__ import annotations

from collections.abc import Sequence

from gplmt.events import (
    CallFinished,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    Finished,
    Outcome,
    ParFinished,
    SeqFinished,
    SignalReceived,
    Started,
    StepFinished,
    StepReached,
    TaskFinished,
    TasklistFinished,
    TeardownFinished,
)

FAILURES = (Outcome.FAILED, Outcome.TIMEOUT)
_ENCLOSING = CallFinished | SeqFinished | ParFinished


def check_record(events: Sequence[Event]) -> None:
    """Raise AssertionError for the first thing that is not as it must be."""
    assert isinstance(events[0], ExperimentStarted)
    assert isinstance(events[-1], ExperimentFinished)
    assert [event.time for event in events] == sorted(event.time for event in events)
    check_spans(events)
    _check_reasons(events)
    _check_exit_code(events)


def failures(events: Sequence[Event]) -> list[Finished]:
    """The failures that count: those with a reason that nothing excuses or tolerates (7.2)."""
    steps = {event.span: event for event in events if isinstance(event, StepFinished)}
    parents = {event.span: event.parent for event in events if isinstance(event, Finished)}
    return [
        event
        for event in events
        if isinstance(event, TaskFinished | TasklistFinished)
        and event.reason is not None
        and not event.excused
        and event.target not in _tolerated(event, steps, parents)
    ]


def _tolerated(
    event: Finished, steps: dict[int, StepFinished], parents: dict[int, int | None]
) -> tuple[str, ...]:
    span: int | None = event.span
    while span is not None:
        if span in steps:
            return steps[span].tolerated
        span = parents[span]
    return ()


def check_spans(events: Sequence[Event]) -> None:
    """What starts ends once, inside of what encloses it, and they form a tree."""
    opened: dict[int, Event] = {}
    inside: dict[int, int] = {}
    ended: set[int] = set()
    for event in events:
        match event:
            case StepReached() | Started():
                is_begun_step = isinstance(opened.get(event.span), StepReached)
                assert event.span not in opened or is_begun_step, event
                assert event.span not in ended, event
                _check_parent(event, opened)
                if not is_begun_step and event.parent is not None:
                    inside[event.parent] = inside.get(event.parent, 0) + 1
                opened[event.span] = event
            case Finished():
                begin = opened.pop(event.span)
                ended.add(event.span)
                assert _stem(begin) == _stem(event), (begin, event)
                assert _place(begin) == _place(event), (begin, event)
                assert not inside.get(event.span), event
                if event.parent is not None:
                    inside[event.parent] -= 1
            case _:
                pass
    assert not opened, opened


def _check_parent(event: StepReached | Started, opened: dict[int, Event]) -> None:
    if isinstance(event, ExperimentStarted):
        assert event.parent is None
    else:
        assert event.parent in opened, event


def _stem(event: Event) -> str:
    name = type(event).__name__
    return name.removesuffix("Reached").removesuffix("Started").removesuffix("Finished")


def _place(event: Event) -> list[object]:
    names = ("parent", "at", "target", "step", "iteration", "tasklist", "task", "cleanup", "loop")
    return [getattr(event, name, None) for name in names]


def _check_reasons(events: Sequence[Event]) -> None:
    """A reason is told where a failure arises, and nowhere else."""
    for event in events:
        if isinstance(event, _ENCLOSING):
            assert event.reason is None or event.outcome in FAILURES, event
        elif isinstance(event, TaskFinished):
            assert (event.reason is not None) == (event.outcome in FAILURES), event
        elif isinstance(event, TasklistFinished):
            assert (event.reason is not None) == (event.outcome is Outcome.TIMEOUT), event


def _check_exit_code(events: Sequence[Event]) -> None:
    """The exit code agrees with what the record tells of failures and signals (11.3)."""
    end = events[-1]
    assert isinstance(end, ExperimentFinished)
    signals = [event for event in events if isinstance(event, SignalReceived)]
    counted = len(failures(events))
    ran_over = end.reason is not None and "timeout" in end.reason
    assert end.failures == counted + ran_over, (end, failures(events))
    if signals:
        assert end.exit_code > 128, end
        assert end.outcome is Outcome.CANCELLED, end
    else:
        assert end.exit_code == (1 if end.failures else 0), end
        assert end.outcome is (Outcome.FAILED if end.failures else Outcome.OK), end
    for event in events:
        if isinstance(event, StepFinished):
            assert bool(event.failed) == (event.outcome is Outcome.FAILED), event
    _check_teardowns(events)


def _check_teardowns(events: Sequence[Event]) -> None:
    begun = [event for event in events if isinstance(event, TeardownFinished)]
    assert len({event.step for event in begun}) == len(begun)
