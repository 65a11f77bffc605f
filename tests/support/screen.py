"""What a person sees on a terminal: a real one, whose screen is kept as a terminal keeps it."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from collections.abc import Callable, Mapping
from pathlib import Path

import pyte

from tests.support.program import until
from tests.support.terminal import Terminal


class Screen(Terminal):
    """A terminal of so many columns and rows."""

    def __init__(self, directory: Path, *, columns: int = 100, rows: int = 30) -> None:
        super().__init__(directory)
        self._screen = pyte.HistoryScreen(columns, rows, history=10_000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self._shown = 0
        self.written = b""
        self._tell_size(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Make it wider or narrower; what is there stays as it is, as on a plain terminal."""
        self.lines()
        self._screen.resize(rows, columns)
        self._tell_size(columns, rows)

    def lines(self) -> list[str]:
        """The screen from top to bottom, without the spaces at the ends of lines."""
        self._read()
        return [line.rstrip() for line in self._screen.display]

    def all_lines(self) -> list[str]:
        """Those that have been scrolled away, too."""
        self._read()
        columns = range(self._screen.columns)
        gone = [
            "".join(line[column].data for column in columns).rstrip()
            for line in self._screen.history.top
        ]
        return [*gone, *self.lines()]

    @property
    def cursor_row(self) -> int:
        """Where the next text would appear, from 0."""
        self._read()
        return self._screen.cursor.y

    @property
    def cursor_column(self) -> int:
        """Where the next text would appear, from 0."""
        self._read()
        return self._screen.cursor.x

    def colours(self) -> set[str]:
        """The colours of all that is on the screen, `default` included."""
        self._read()
        return {cell.fg for line in self._screen.buffer.values() for cell in line.values()}

    def until(self, holds: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the screen is so, and return it."""
        seen: list[str] = []

        def is_so() -> bool:
            seen[:] = self.lines()
            return holds(seen)

        until(is_so)
        return seen

    def _read(self) -> None:
        try:
            while part := os.read(self._ours, 65536):
                self.written += part
                self._stream.feed(part)
        except BlockingIOError:
            pass

    def _tell_size(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, size)


def plain_environment(**more: str) -> Mapping[str, str]:
    """A terminal with colours, and a character set with lines."""
    return {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "NO_COLOR": "", **more}
