"""Hands the facts of a run to everything that wants to know them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from gplmt import __version__
from gplmt.errors import GplmtError
from gplmt.events import FORMAT, Event, RecordOpened
from gplmt.protocols import Sink


class Recorder:
    """All sinks of a run as one; opening it makes `RecordOpened` the first event.

    `report` takes a message for the user, when a sink fails for the first time.
    """

    def __init__(
        self, sinks: Sequence[Sink], *, now: datetime, report: Callable[[str], None]
    ) -> None:
        self._sinks = tuple(sinks)
        self._report = report
        self._failed: set[int] = set()
        self.emit(RecordOpened(time=now, format=FORMAT, gplmt=__version__))

    @property
    def is_complete(self) -> bool:
        """Whether every sink has taken every event."""
        return not self._failed

    def emit(self, event: Event) -> None:
        """Hand an event to all sinks in their order; none of them can stop the run."""
        for rank, sink in enumerate(self._sinks):
            try:
                sink.receive(event)
            except Exception as error:  # noqa: BLE001 (a report's fault must not end an experiment)
                self._note(rank, sink, error)

    def close(self) -> None:
        """Tell all sinks that no event will follow."""
        for rank, sink in enumerate(self._sinks):
            try:
                sink.close()
            except Exception as error:  # noqa: BLE001 (as in emit)
                self._note(rank, sink, error)

    def _note(self, rank: int, sink: Sink, error: Exception) -> None:
        if rank in self._failed:
            return
        self._failed.add(rank)
        self._report(f"warning: the record has gaps: {_in_words(sink, error)}")


def _in_words(sink: Sink, error: Exception) -> str:
    if isinstance(error, GplmtError):
        return str(error)
    return f"{type(sink).__name__} failed with {type(error).__name__}: {error}"
