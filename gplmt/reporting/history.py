"""A run as its record tells it: what took time, as a tree, and what failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from gplmt.events import (
    Event,
    ExperimentFinished,
    ExperimentStarted,
    Finished,
    Outcome,
    RecoveryStarted,
    SignalReceived,
    Started,
    StepFinished,
    StepReached,
    StepStarted,
    TasklistStarted,
    TaskStarted,
    TeardownRegistered,
    WarningIssued,
)
from gplmt.recording.failures import Failure, failure_of


class Span:
    """Something that took time, from the event that began it to the one that ended it, if any.

    A step begins when it is reached; `started` is when its start time had come, if it had.
    """

    __slots__ = ("begin", "children", "end", "parent", "started")

    def __init__(self, begin: Started | StepReached, parent: Span | None) -> None:
        self.begin = begin
        self.parent = parent
        self.children: list[Span] = []
        self.started: datetime | None = begin.time if isinstance(begin, Started) else None
        self.end: Finished | None = None

    @property
    def number(self) -> int:
        """What its events call it."""
        return self.begin.span

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None if the record ends before."""
        return None if self.end is None else self.end.outcome

    @property
    def ended(self) -> datetime | None:
        """When it ended; None if the record ends before."""
        return None if self.end is None else self.end.time

    @property
    def target(self) -> str | None:
        """The target of a task or tasklist."""
        return self.begin.target if isinstance(self.begin, TaskStarted | TasklistStarted) else None

    def around(self) -> Iterator[Span]:
        """The span itself, and those that enclose it, outwards."""
        span: Span | None = self
        while span is not None:
            yield span
            span = span.parent


class Failed:
    """A failure and where it arose; `is_tolerated` within a met quorum (LANGUAGE.md 7.6)."""

    __slots__ = ("failure", "is_tolerated", "span")

    def __init__(self, failure: Failure, span: Span) -> None:
        self.failure = failure
        self.span = span
        self.is_tolerated = _is_tolerated(span)


class History:
    """All that a record tells of a run; memory grows with it.

    Attributes:
        spans: All, in the order in which they began.
        warnings, signals, teardowns: In their order; teardowns as they were registered.
        first_time, last_time: Of the first and the last event; None for an empty record.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.warnings: list[WarningIssued] = []
        self.signals: list[SignalReceived] = []
        self.teardowns: list[TeardownRegistered] = []
        self.first_time: datetime | None = None
        self.last_time: datetime | None = None
        self.beginning: ExperimentStarted | None = None
        self.ending: ExperimentFinished | None = None
        self._spans: dict[int, Span] = {}
        for event in events:
            self._add(event)

    @property
    def spans(self) -> Iterable[Span]:
        """All, in the order in which they began."""
        return self._spans.values()

    @property
    def recoveries(self) -> list[Span]:
        """Each `gplmt cleanup` of the run."""
        return [span for span in self.spans if isinstance(span.begin, RecoveryStarted)]

    def failures(self) -> list[Failed]:
        """What failed, in the order in which it was told; a recovery's failures too."""
        found = []
        for span in self.spans:
            failure = None if span.end is None else failure_of(span.end)
            if failure is not None:
                found.append(Failed(failure, span))
        found.sort(key=lambda failed: failed.span.ended or failed.span.begin.time)
        return found

    def of(self, *kinds: type[Event]) -> Iterator[Span]:
        """The spans that began with such an event."""
        return (span for span in self.spans if isinstance(span.begin, kinds))

    def _add(self, event: Event) -> None:
        self.first_time = self.first_time or event.time
        self.last_time = event.time
        match event:
            case StepStarted():
                if (span := self._spans.get(event.span)) is not None:
                    span.started = event.time
            case StepReached() | Started():
                self._open(event)
            case Finished():
                self._close(event)
            case SignalReceived():
                self.signals.append(event)
            case WarningIssued():
                self.warnings.append(event)
            case TeardownRegistered():
                self.teardowns.append(event)

    def _open(self, event: StepReached | Started) -> None:
        parent = None if event.parent is None else self._spans.get(event.parent)
        span = self._spans[event.span] = Span(event, parent)
        if parent is not None:
            parent.children.append(span)
        if isinstance(event, ExperimentStarted):
            self.beginning = event

    def _close(self, event: Finished) -> None:
        span = self._spans.get(event.span)
        if span is not None:  # a full disk may have kept its beginning from the record
            span.end = event
        if isinstance(event, ExperimentFinished):
            self.ending = event


def _is_tolerated(span: Span) -> bool:
    target = span.target
    return any(
        isinstance(around.end, StepFinished) and target in around.end.tolerated
        for around in span.around()
    )
