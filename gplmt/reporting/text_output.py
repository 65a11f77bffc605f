"""The output of a task as `gplmt show` prints it: a header, stdout, stderr, in small pieces."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from gplmt.events import RunStarted, TaskFinished, WaitForStarted
from gplmt.recording.plain_text import in_one_line
from gplmt.reporting.text_paint import painted
from gplmt.reporting.text_selection import Task

_PIECE_BYTES = 65_536
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


class Shower:
    """Shows tasks of a run; on a terminal nothing in their output can control it.

    `root` is the run directory, `now` is until when what is under way has taken, `is_running` says
    that the run is.
    """

    def __init__(
        self, root: Path, *, now: datetime, is_running: bool, is_terminal: bool, has_colour: bool
    ) -> None:
        self._root = root
        self._now = now
        self._unended = "running" if is_running else "unfinished"
        self._is_terminal = is_terminal
        self._has_colour = has_colour

    def pieces(self, task: Task) -> Iterator[bytes]:
        """What to print for a task; logs, however long they are, by and by."""
        yield self._header(task)
        begin = task.begin
        if not isinstance(begin, RunStarted | WaitForStarted):
            return
        yield from self._log(begin.stdout, b"")
        line = "--- stderr ---"
        line = painted(line, "stderr") if self._has_colour else line
        yield from self._log(begin.stderr, f"{line}\n".encode())

    def _header(self, task: Task) -> bytes:
        begin, end = task.begin, task.span.end
        outcome = self._unended if end is None else end.outcome.value
        ended = self._now if end is None else end.time
        seconds = max(0.0, (ended - begin.time).total_seconds())
        if isinstance(end, TaskFinished):
            seconds = end.seconds
        round_ = f", iteration {begin.iteration}" if begin.iteration else ""
        reason = "" if end is None or end.reason is None else f": {in_one_line(end.reason)}"
        line = (
            f"==> {begin.target} {begin.tasklist}.{begin.task} (step {begin.step}{round_}) "
            f"{outcome} {seconds:.1f} s{reason} <=="
        )
        if self._has_colour:
            line = painted(line, outcome)
        return f"{line}\n".encode("utf-8", "backslashreplace")

    def _log(self, log: str | None, heading: bytes) -> Iterator[bytes]:
        """A log below its heading, if it has something; its last line is whole."""
        last = b""
        for piece in self._read(log):
            if heading:
                yield heading
                heading = b""
            if piece:
                yield piece
                last = piece
        if last and not last.endswith(b"\n"):
            yield b"\n"

    def _read(self, log: str | None) -> Iterator[bytes]:
        raw = _pieces_of(self._root / log) if log is not None else iter(())
        return _harmless(raw) if self._is_terminal else raw


def _pieces_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file; none of one that is not there: its command was never started."""
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece
    except FileNotFoundError:
        return


def _harmless(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Output as a terminal may show it: lines, and control characters as words (`^[` for ESC)."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for piece in pieces:
        text = rest + decoder.decode(piece)
        rest = "\r" if text.endswith("\r") else ""  # a line feed may follow
        yield _shown(text.removesuffix("\r") if rest else text)
    if tail := rest + decoder.decode(b"", final=True):
        yield _shown(tail)


def _shown(text: str) -> bytes:
    return _HARMFUL.sub(_in_words, text.replace("\r\n", "\n")).encode("utf-8", "replace")


def _in_words(character: re.Match[str]) -> str:
    code = ord(character[0])
    return f"^{chr(code ^ 0x40)}" if code < 0x80 else ascii(character[0])[1:-1]
