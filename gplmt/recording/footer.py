"""Lines that stay at the bottom of a terminal, below all that is written to it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from threading import Lock

from msgspec import Struct

# A terminal that knows this shows all of an update at once; others ignore it.
_BEGIN = b"\x1b[?2026h"
_END = b"\x1b[?2026l"
_RESET = b"\x1b[0m"
# All control sequences and strings but those for colours.
_MOVING = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-ln-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-OQ-WYZ\\`-~])"
)


class FooterLine(Struct, frozen=True):
    """A line without its end, and how many columns it takes."""

    text: str
    width: int


class Footer:
    """The last lines of one terminal; the cursor rests at the beginning of the line below them.

    So a process that is killed leaves a terminal that can be used.  Nothing is drawn while another
    process group has the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = Lock()
        self._lines: Sequence[FooterLine] = ()
        self._drawn: Sequence[FooterLine] = ()

    def set(self, lines: Sequence[FooterLine]) -> None:
        """What is to be drawn next; nothing takes the footer away."""
        with self._lock:
            self._lines = lines

    def forget(self) -> None:
        """Take for granted that the cursor is elsewhere now, as after a stop by job control."""
        with self._lock:
            self._drawn = ()

    def around(self, data: bytes) -> bytes:
        """What to write so that whole lines of output appear above the footer, drawn anew.

        What would move the cursor or clear the screen is left out of them.
        """
        with self._lock:
            if not self._is_ours():
                return data
            if not self._lines and not self._drawn:
                return data
            drawing = b"".join(_encoded(line) for line in self._lines)
            pieces = (_BEGIN, self._erasing(), _without_moves(data), drawing, _END)
            self._drawn = self._lines
            return b"".join(pieces)

    def _erasing(self) -> bytes:
        """From the first line of what is drawn downwards; the cursor is then where that began."""
        if not self._drawn:
            return b""
        columns = self._columns()
        # A terminal that has become narrower has wrapped the lines that are now too long.
        rows = sum(max(1, -(-line.width // columns)) for line in self._drawn)
        return b"\r\x1b[%dA\x1b[J" % rows

    def _columns(self) -> int:
        try:
            return max(1, os.get_terminal_size(self._descriptor).columns)
        except OSError:
            return max(1, *(line.width for line in self._drawn))

    def _is_ours(self) -> bool:
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # it is not the terminal that controls us, so nobody can take it away
            return True


def _without_moves(data: bytes) -> bytes:
    return _MOVING.sub(b"", data) if b"\x1b" in data else data


def _encoded(line: FooterLine) -> bytes:
    return _RESET + line.text.encode("utf-8", "replace") + b"\n"
