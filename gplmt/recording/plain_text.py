"""Text of others, made harmless for a terminal and for lines of ours."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_BREAKS = re.compile(r"[\t\n\r\v\f\x85\u2028\u2029]+")
_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")


def printable(line: str) -> str:
    """A line with its tabs as spaces, and `?` for what would control the terminal."""
    return _UNPRINTABLE.sub("?", line).expandtabs()


def in_one_line(text: str) -> str:
    """A text of perhaps several lines as one; control characters as for `printable`."""
    return _UNPRINTABLE.sub("?", _BREAKS.sub(" ", text))


def last_line(output: bytes) -> str:
    """The last line of some output that says anything, without colours and what was overwritten."""
    text = _SEQUENCES.sub("", output.decode("utf-8", "replace"))
    for line in reversed(text.splitlines()):
        if line.strip():
            return printable(line)
    return ""
