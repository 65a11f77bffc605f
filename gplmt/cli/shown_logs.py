"""The last lines of logs, as summaries show them."""

from __future__ import annotations

from collections.abc import Callable

from gplmt.recording.logs import tail
from gplmt.recording.rundir import RunDirectory

_TAIL_LINES = 3
_TAIL_BYTES = 2000


def tails_in(directory: RunDirectory) -> Callable[[str], bytes]:
    """What gives the last lines of a log of this run, whose path is relative to it."""

    def read_tail(log: str) -> bytes:
        return tail(directory.path / log, max_lines=_TAIL_LINES, max_bytes=_TAIL_BYTES)

    return read_tail
