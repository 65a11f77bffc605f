"""How a run went, as a text: its failures with their output, its summary, how far it came."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from gplmt.events import Event, RecoveryStarted
from gplmt.recording.failures import Failure
from gplmt.recording.jsonl import read_events
from gplmt.recording.logs import tail
from gplmt.recording.plain_text import in_one_line, printable
from gplmt.recording.recovered import Recovered, render_recovered
from gplmt.recording.summary import Summary, show_result
from gplmt.reporting.glimpse import Glimpse
from gplmt.reporting.standing import Standing

_MOST_FAILURES = 100
_MOST_WORK = 20
_TAIL_LINES = 20
_TAIL_BYTES = 16_384


class Overview:
    """What the record of a run tells of it as a whole; its memory does not grow with the run."""

    def __init__(self, root: Path) -> None:
        """Read the record.

        Raises:
            GplmtError: it cannot be read, or is none.
        """
        self._root = root
        self._summary = Summary()
        self._standing = Standing()
        self._recoveries: list[Recovered] = []
        self.last_event: Event | None = None
        for event in read_events(root / "events.jsonl"):
            self._receive(event)

    def _receive(self, event: Event) -> None:
        if isinstance(event, RecoveryStarted):
            self._recoveries.append(Recovered())
        if self._recoveries:
            self._recoveries[-1].receive(event)
            return
        self._summary.receive(event)
        self._standing.receive(event)
        self.last_event = event

    def glimpse(self) -> Glimpse | None:
        """What was under way where the record of the run ends; None if it has ended."""
        return self._standing.glimpse(most_work=_MOST_WORK)

    def lines(self, *, shown: str) -> Iterator[str]:
        """Failures, then what the run has printed at its end; `shown` is its directory."""
        yield from self._failures()
        yield from show_result(self._summary, shown)

    def lines_of_recoveries(self, *, shown: str) -> Iterator[str]:
        """What each `gplmt cleanup` has printed at its end."""
        for recovered in self._recoveries:
            yield ""
            yield "gplmt cleanup:"
            text = render_recovered(
                recovered, run_directory=shlex.quote(shown), read_tail=self._read_tail
            )
            yield from text.splitlines()

    def _failures(self) -> Iterator[str]:
        for failure in self._summary.failures[:_MOST_FAILURES]:
            yield f"{failure.at}: error: {in_one_line(failure.what)}"
            yield from self._output(failure)
        if (more := self._summary.failure_count - _MOST_FAILURES) > 0:
            yield f"and {more} more failures; see events.jsonl"

    def _output(self, failure: Failure) -> Iterator[str]:
        for log in failure.logs:
            text = self._read_tail(log).decode("utf-8", "replace")
            if text:
                yield f"  {log}:"
                yield from (f"    {printable(line)}" for line in text.splitlines())

    def _read_tail(self, log: str) -> bytes:
        return tail(self._root / log, max_lines=_TAIL_LINES, max_bytes=_TAIL_BYTES)
