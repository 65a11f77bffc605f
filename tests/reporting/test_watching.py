"""Viewers beside a run: when they are called, and what becomes of their faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from gc import get_referrers
from threading import Event as Flag
from threading import stack_size

import pytest

from gplmt.events import Event, ExperimentStarted, RunStarted, StepReached, WarningIssued
from gplmt.reporting.glimpse import Glimpse, TargetState, WorkStanding
from gplmt.reporting.heartbeat import Heartbeat, describe_glimpse
from gplmt.reporting.watching import Watch
from tests.support.program import until

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Clock:
    """Stands until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class Viewer:
    """Keeps what it is told."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.events: list[Event] = []
        self.ticks = 0
        self.is_closed = False
        self.has_ticked = Flag()

    def receive(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.is_closed = True

    def tick(self) -> float:
        self.ticks += 1
        self.has_ticked.set()
        if self.fault is not None:
            raise self.fault
        return 0.001


class Unable(Viewer):
    """Takes nothing."""

    def receive(self, event: Event) -> None:
        raise KeyError(type(event).__name__)


@contextmanager
def no_more_threads() -> Iterator[None]:
    """None can be started, as there is no memory for a stack of this size."""
    before = stack_size(1 << 46)
    try:
        yield
    finally:
        stack_size(before)


def warnings(count: int) -> list[Event]:
    return [WarningIssued(time=NOW, message=str(number)) for number in range(count)]


def test_a_viewer_gets_all_events_also_those_from_before_it_was_there() -> None:
    viewer = Viewer()
    watch = Watch(lambda: viewer, say=pytest.fail, first_seconds=0)
    early, late = warnings(3), warnings(5)
    for event in early:
        watch.receive(event)
    watch.start()
    assert viewer.has_ticked.wait(10)
    for event in late:
        watch.receive(event)
    until(lambda: viewer.ticks > 2)
    watch.close()
    watch.close()
    assert viewer.events == [*early, *late]
    assert viewer.is_closed


def test_a_viewer_that_fails_is_told_of_once_and_closed() -> None:
    said: list[str] = []
    viewer = Viewer(ValueError("no such colour"))
    watch = Watch(lambda: viewer, say=said.append, first_seconds=0)
    watch.start()
    until(lambda: said)
    watch.receive(warnings(1)[0])
    watch.close()
    assert said == ["warning: the view of the run has ended: ValueError: no such colour"]
    assert (viewer.ticks, viewer.is_closed) == (1, True)


def test_a_viewer_that_cannot_take_an_event_does_not_fail_the_one_who_tells_it() -> None:
    said: list[str] = []
    viewer, made = Unable(), list[Viewer]()

    def begin() -> Viewer:
        made.append(viewer)
        return viewer

    watch = Watch(begin, say=said.append, first_seconds=0)
    watch.start()
    assert viewer.has_ticked.wait(10)
    for event in warnings(3):
        watch.receive(event)
    watch.close()
    assert said == ["warning: the view of the run has ended: KeyError: 'WarningIssued'"]
    assert viewer.is_closed
    assert made == [viewer]


def test_where_there_can_be_no_thread_nothing_is_kept_for_a_viewer() -> None:
    def begin() -> Viewer:
        raise AssertionError

    watch = Watch(begin, say=pytest.fail)
    event = WarningIssued(time=NOW, message="kept")
    watch.receive(event)
    with no_more_threads():
        watch.start()
    watch.receive(event)
    watch.close()
    assert [holder for holder in get_referrers(event) if isinstance(holder, list)] == []


def test_a_run_that_is_over_first_has_no_viewer() -> None:
    watch = Watch(lambda: pytest.fail("it was made"), say=pytest.fail)
    watch.start()
    watch.receive(warnings(1)[0])
    watch.close()


class TestHeartbeat:
    """A line when nothing was said for 30 seconds."""

    def beating(self, clock: Clock, said: list[str], said_at: list[float]) -> Heartbeat:
        heartbeat = Heartbeat(said.append, clock=clock, said_at=lambda: said_at[-1])
        heartbeat.receive(
            ExperimentStarted(
                time=NOW, span=1, experiment="lab", run_id="r", targets=("n1",), steps=2
            )
        )
        heartbeat.receive(
            StepReached(time=NOW, span=2, at="lab.xml:5", step="s", tasklist="t", targets=("n1",))
        )
        heartbeat.receive(
            RunStarted(
                time=NOW, span=3, at="lab.xml:2", target="n1", step="s", tasklist="t", task="ping"
            )
        )
        return heartbeat

    def test_it_says_how_far_the_run_is_when_nothing_else_was_said(self) -> None:
        clock, said, said_at = Clock(), list[str](), [0.0]
        heartbeat = self.beating(clock, said, said_at)
        clock.seconds = 30.0
        assert heartbeat.tick() == 30.0
        assert said == [
            "[   30.000 s] still running; steps ended: 0 of 2; targets: 1 waiting; "
            "longest: 't.ping' on n1 for 0:00:30"
        ]

    def test_it_waits_for_half_a_minute_after_anything_was_said(self) -> None:
        clock, said, said_at = Clock(), list[str](), [0.0]
        heartbeat = self.beating(clock, said, said_at)
        clock.seconds, said_at[:] = 31.0, [25.0]
        assert heartbeat.tick() == 24.0
        assert said == []

    def test_its_line_has_no_control_characters(self) -> None:
        work = WorkStanding(target="n1", task="a\nb", at="x", began=NOW, is_background=False)
        glimpse = Glimpse(
            experiment="lab",
            began=NOW,
            planned_end=None,
            step_total=None,
            step_ends=Counter(),
            targets=Counter({TargetState.FAILED: 2}),
            loops=(),
            steps=(),
            work=(work,),
            failures=(),
            failure_count=7,
            signal_count=0,
        )
        assert describe_glimpse(glimpse, now=NOW) == (
            "[    0.000 s] still running; steps ended: 0; targets: 2 failed; failures: 7; "
            "longest: 'a b' on n1 for 0:00:00"
        )
