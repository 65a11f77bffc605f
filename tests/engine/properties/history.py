"""A record as the tree of what enclosed what, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gplmt.events import (
    Event,
    Finished,
    Outcome,
    SignalReceived,
    Started,
    StepReached,
    StepStarted,
    TasklistStarted,
    TaskStarted,
    TeardownStarted,
)
from tests.support.clock import START

FAILED = (Outcome.FAILED, Outcome.TIMEOUT)
STOPPED = (Outcome.STOPPED, Outcome.CANCELLED)


def seconds(event: Event) -> float:
    """When it happened, from the start of the run."""
    return (event.time - START).total_seconds()


class Span:
    """Something with a duration; a step begins when it is reached."""

    def __init__(self, begin: Started | StepReached, position: int, parent: Span | None) -> None:
        self.begin = begin
        self.began_at = position
        self.parent = parent
        self.children: list[Span] = []
        self.started: StepStarted | None = None
        self._end: tuple[Finished, int] | None = None
        if parent is not None:
            parent.children.append(self)

    def finish(self, end: Finished, position: int) -> None:
        self._end = end, position

    @property
    def end(self) -> Finished:
        assert self._end is not None
        return self._end[0]

    @property
    def ended_at(self) -> int:
        assert self._end is not None
        return self._end[1]

    @property
    def outcome(self) -> Outcome:
        return self.end.outcome

    @property
    def is_cleanup(self) -> bool:
        """Whether it is one itself; what it calls is marked as part of one, too."""
        is_marked = isinstance(self.begin, TasklistStarted) and self.begin.cleanup
        return is_marked and self.parent is not None and self.parent.is_tasklist

    @property
    def is_task(self) -> bool:
        return isinstance(self.begin, TaskStarted)

    @property
    def is_tasklist(self) -> bool:
        return isinstance(self.begin, TasklistStarted)

    @property
    def tasklist(self) -> str:
        assert isinstance(self.begin, TasklistStarted | TaskStarted | StepReached | TeardownStarted)
        return self.begin.tasklist

    @property
    def target(self) -> str:
        assert isinstance(self.begin, TasklistStarted | TaskStarted)
        return self.begin.target

    @property
    def targets(self) -> tuple[str, ...]:
        assert isinstance(self.begin, StepReached | TeardownStarted)
        return self.begin.targets

    @property
    def step(self) -> str:
        assert isinstance(self.begin, StepReached | TeardownStarted)
        return self.begin.step

    @property
    def tasks(self) -> list[Span]:
        return [child for child in self.children if child.is_task]

    def around(self) -> Iterator[Span]:
        """What encloses it, from the inside out."""
        span = self.parent
        while span is not None:
            yield span
            span = span.parent

    def inside(self) -> Iterator[Span]:
        """All in it that is no cleanup, nor part of one."""
        for child in self.children:
            if not child.is_cleanup:
                yield child
                yield from child.inside()

    def fan_out(self) -> Span | None:
        """The step or teardown that it is part of."""
        for span in self.around():
            if isinstance(span.begin, StepReached | TeardownStarted):
                return span
        return None

    def belongs_to_cleanup(self) -> bool:
        return self.is_cleanup or any(span.is_cleanup for span in self.around())

    def __repr__(self) -> str:
        return f"\n{seconds(self.begin):g} {self.begin}\n{seconds(self.end):g} {self.end}\n"


class History:
    """All spans of a run in the order in which they began, and the signals."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.spans: dict[int, Span] = {}
        self.signals: list[tuple[float, int]] = []
        for position, event in enumerate(events):
            self._add(event, position)

    def _add(self, event: Event, position: int) -> None:
        match event:
            case StepStarted():
                self.spans[event.span].started = event
            case StepReached() | Started():
                parent = None if event.parent is None else self.spans[event.parent]
                self.spans[event.span] = Span(event, position, parent)
            case Finished():
                self.spans[event.span].finish(event, position)
            case SignalReceived():
                self.signals.append((seconds(event), position))
            case _:
                pass

    def of(self, kind: type[Event]) -> list[Span]:
        """The spans that began with such an event."""
        return [span for span in self.spans.values() if isinstance(span.begin, kind)]
