"""Colours of words on a terminal, from those of its own theme, and how wide words are there."""

from __future__ import annotations

import unicodedata

_RED, _GREEN, _YELLOW, _CYAN = 31, 32, 33, 36
_COLOURS = {
    "ok": _GREEN,
    "failed": _RED,
    "timeout": _RED,
    "interrupted": _YELLOW,
    "cancelled": _YELLOW,
    "stopped": _YELLOW,
    "unfinished": _YELLOW,
    "running": _CYAN,
    "stderr": _YELLOW,
}


def painted(text: str, word: str) -> str:
    """A text in the colour of an outcome; as it is for a word that has none."""
    colour = _COLOURS.get(word)
    return text if colour is None else f"\x1b[{colour}m{text}\x1b[0m"


def width_of(text: str) -> int:
    """How many columns of a terminal a text without control characters takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, columns: int) -> str:
    """The text if it is not wider, else its beginning with `...`."""
    if width_of(text) <= columns:
        return text
    end, room = 0, max(columns - 3, 0)
    while end < len(text) and (room := room - _columns(text[end])) >= 0:
        end += 1
    return f"{text[:end]}..."[: max(columns, 0)]


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
