"""The heartbeat: a line about how far a run is when nothing has been said for a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gplmt.events import Event
from gplmt.protocols import Clock
from gplmt.recording.plain_text import in_one_line
from gplmt.recording.progress import stamp
from gplmt.reporting.durations import clock_time
from gplmt.reporting.glimpse import Glimpse
from gplmt.reporting.standing import Standing

_SECONDS = 30.0


class Heartbeat:
    """Says a line when nothing has been said for half a minute; a `Viewer`.

    `said_at` tells when the last line was said, as the clock's `monotonic`.
    """

    def __init__(
        self, say: Callable[[str], None], *, clock: Clock, said_at: Callable[[], float]
    ) -> None:
        self._standing = Standing()
        self._say = say
        self._clock = clock
        self._said_at = said_at

    def receive(self, event: Event) -> None:
        """Take an event."""
        self._standing.receive(event)

    def close(self) -> None:
        """Nothing to give back."""

    def tick(self) -> float:
        """Say it if it is time."""
        silent_seconds = self._clock.monotonic() - self._said_at()
        if silent_seconds < _SECONDS:
            return _SECONDS - silent_seconds
        glimpse = self._standing.glimpse(most_work=1)
        if glimpse is not None:
            self._say(describe_glimpse(glimpse, now=self._clock.now()))
        return _SECONDS


def describe_glimpse(glimpse: Glimpse, *, now: datetime) -> str:
    """How far a run is, in one line."""
    total = "" if glimpse.step_total is None else f" of {glimpse.step_total}"
    parts = [f"still running; steps ended: {glimpse.step_ends.total()}{total}"]
    targets = [f"{count} {state.value}" for state, count in glimpse.targets.items() if count]
    if targets:
        parts.append(f"targets: {', '.join(targets)}")
    if glimpse.failure_count:
        parts.append(f"failures: {glimpse.failure_count}")
    for work in glimpse.work[:1]:
        time = clock_time(now - work.began)
        parts.append(f"longest: '{work.task}' on {work.target} for {time}")
    elapsed = (now - glimpse.began).total_seconds()
    return f"{stamp(elapsed)} {in_one_line('; '.join(parts))}"
