"""The live view: how far a run is, at the bottom of a terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from gplmt.events import Event
from gplmt.protocols import Clock
from gplmt.recording.latest_output import LatestOutput
from gplmt.recording.terminal import Terminal
from gplmt.reporting.palette import Palette
from gplmt.reporting.screen import MOST_WORK, Screen
from gplmt.reporting.standing import Standing

_LEAST_SECONDS = 0.25
_SHARE = 0.01  # of one processor, at most
_LEAST_COLUMNS = 20
_LEAST_ROWS = 6


class LiveView:
    """Keeps a view at the bottom of a terminal, nothing of which remains; a `Viewer`."""

    def __init__(
        self,
        terminal: Terminal,
        descriptor: int,
        *,
        latest: LatestOutput,
        clock: Clock,
        environment: Mapping[str, str],
    ) -> None:
        self._standing = Standing()
        self._terminal = terminal
        self._descriptor = descriptor
        self._clock = clock
        self._screen = Screen(Palette.of(environment), latest.last_line)

    def receive(self, event: Event) -> None:
        """Take an event."""
        self._standing.receive(event)

    def close(self) -> None:
        """Vanish."""
        self._terminal.show_footer(())

    def tick(self) -> float:
        """Draw what there is to see now."""
        began = time.thread_time()
        size = os.get_terminal_size(self._descriptor)
        glimpse = self._standing.glimpse(most_work=MOST_WORK)
        if glimpse is None or size.columns < _LEAST_COLUMNS or size.lines < _LEAST_ROWS:
            self._terminal.show_footer(())
        else:
            now, columns, rows = self._clock.now(), size.columns, size.lines
            lines = self._screen.draw(glimpse, now=now, columns=columns, rows=rows)
            self._terminal.show_footer(lines)
        return max(_LEAST_SECONDS, (time.thread_time() - began) / _SHARE)
