"""Who watches a run while it goes on; nothing is imported or drawn for a run of a second."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol

from gplmt.events import Event
from gplmt.protocols import Sink
from gplmt.reporting.ticking import Ticker

_FIRST_SECONDS = 1.0


class Viewer(Sink, Protocol):
    """Tells how far a run is; `receive` is called by the run's thread, `tick` by another."""

    def tick(self) -> float:
        """Tell it now; returns after how many seconds to call again."""


class Watch:
    """Has a viewer told of all events, and call it from time to time; a `Sink`.

    The viewer is made by `begin`, after a second, in the thread in which it then ticks.  `say` is
    told when it has failed; it is not called any more, and the run goes on.
    """

    def __init__(
        self,
        begin: Callable[[], Viewer],
        *,
        say: Callable[[str], None],
        first_seconds: float = _FIRST_SECONDS,
    ) -> None:
        self._begin = begin
        self._say = say
        self._lock = Lock()
        self._early: list[Event] = []
        self._viewer: Viewer | None = None
        self._ticker = Ticker(self._tick, first_after=first_seconds, on_fault=self._give_up)

    def start(self) -> None:
        """Begin to watch."""
        self._ticker.start()

    def receive(self, event: Event) -> None:
        """Pass an event on, or keep it until there is a viewer."""
        with self._lock:
            if self._viewer is None:
                self._early.append(event)
            else:
                self._viewer.receive(event)

    def close(self) -> None:
        """End watching; idempotent."""
        self._ticker.stop()
        if self._viewer is not None:
            self._viewer.close()

    def _tick(self) -> float:
        if self._viewer is None:
            viewer = self._begin()
            with self._lock:
                for event in self._early:
                    viewer.receive(event)
                self._viewer = viewer
                self._early.clear()
        return self._viewer.tick()

    def _give_up(self, error: Exception) -> None:
        if self._viewer is not None:
            self._viewer.close()
        self._say(f"warning: the view of the run has ended: {type(error).__name__}: {error}")
