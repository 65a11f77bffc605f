"""What commands have written, made harmless to be looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gplmt.recording.logs import tail
from gplmt.reporting.page.model import LogTail, Texts

_TAIL_LINES = 15
_TAIL_BYTES = 4000
_MOST_BYTES = 1_000_000  # of all tails together, each different one counted once
_LONGEST = 2000
_SEQUENCE = re.compile(  # of a terminal: CSI, OSC, others
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNQUOTED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/")
_NO_NAMES = ("", ".", "..")


def legible(output: bytes) -> str:
    """Lines as a terminal would have left them, without colours; what is no character is `�`."""
    lines = output.decode("utf-8", "replace").split("\n")
    return "\n".join(map(_left_of, lines))


def visible(text: str) -> str:
    """A text with `�` for each character that is none, or that turns others round."""
    return _CONTROL.sub("\ufffd", text)


def shortened(text: str) -> str:
    """A text of ours, in a length that somebody reads, without characters that are none."""
    text = visible(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"


def as_link(path: str) -> str:
    """A path as a URL has it."""
    octets = path.encode("utf-8", "surrogateescape")
    return "".join(chr(octet) if octet in _UNQUOTED else f"%{octet:02X}" for octet in octets)


def is_log(path: str) -> bool:
    """Whether a record names a file there where the logs of its run are."""
    top, _, rest = path.partition("/")
    directory, _, name = rest.partition("/")
    return (
        top == "logs"
        and directory not in _NO_NAMES
        and name not in _NO_NAMES
        and "/" not in name
        and path.isprintable()
    )


class Tails:
    """Reads the ends of logs, until they are too many to be shown on a page."""

    def __init__(self, directory: Path, texts: Texts) -> None:
        self._directory = directory
        self._texts = texts
        self._seen: set[str] = set()
        self._left = _MOST_BYTES

    def of(self, logs: Iterable[str]) -> list[LogTail]:
        """The ends of those logs in which there is something."""
        return list(self._of(logs))

    def _of(self, logs: Iterable[str]) -> Iterator[LogTail]:
        for log in logs:
            if self._left <= 0 or not is_log(log):
                continue
            path = self._directory / log
            text = legible(tail(path, max_lines=_TAIL_LINES, max_bytes=_TAIL_BYTES)).rstrip()
            if not text:
                continue
            if text not in self._seen:
                self._seen.add(text)
                self._left -= len(text)
            yield LogTail(log=log, text=self._texts.number(text))


def _left_of(line: str) -> str:
    """What a terminal would show of a line in the end: a carriage return lets it begin anew."""
    return visible(_SEQUENCE.sub("", line).rstrip("\r").rpartition("\r")[2])
