"""Who watches a run while it goes on; nothing is imported or drawn for a run of a second."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol

from gplmt.events import Event
from gplmt.protocols import Sink
from gplmt.reporting.ticking import Ticker

_FIRST_SECONDS = 1.0
_NEVER_SECONDS = 1e6


class Viewer(Sink, Protocol):
    """Tells how far a run is; `receive` is called by the run's thread, `tick` by another."""

    def tick(self) -> float:
        """Tell it now; returns after how many seconds to call again."""


class Watch:
    """Has a viewer told of all events, and call it from time to time; a `Sink`.

    The viewer is made by `begin`, after a second, in the thread in which it then ticks.  `say` is
    told when it has failed; it is not called any more, and the run goes on as if it had not been.
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
        self._has_failed = False
        self._ticker = Ticker(self._tick, first_after=first_seconds, on_fault=self._give_up)

    def start(self) -> None:
        """Begin to watch; without a thread for it nobody does, and nothing is kept for him."""
        if not self._ticker.start():
            self._has_failed = True
            self._early.clear()

    def receive(self, event: Event) -> None:
        """Pass an event on, or keep it until there is a viewer."""
        try:
            with self._lock:
                if self._viewer is not None:
                    self._viewer.receive(event)
                elif not self._has_failed:
                    self._early.append(event)
        except Exception as error:  # noqa: BLE001 (a fault in a view must not spoil the record)
            self._give_up(error)

    def close(self) -> None:
        """End watching; idempotent."""
        self._ticker.stop()
        if self._viewer is not None:
            self._viewer.close()

    def _tick(self) -> float:
        viewer = self._viewer
        if self._has_failed:
            return _NEVER_SECONDS
        if viewer is None:
            viewer = self._begin()
            with self._lock:
                for event in self._early:
                    viewer.receive(event)
                self._viewer = viewer
                self._early.clear()
        return viewer.tick()

    def _give_up(self, error: Exception) -> None:
        self._has_failed = True
        viewer, self._viewer = self._viewer, None
        self._early.clear()
        if viewer is not None:
            viewer.close()
        self._say(f"warning: the view of the run has ended: {type(error).__name__}: {error}")
