"""Places in files, and what is said about them: `FILE:LINE: error: what; hint`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from msgspec import Struct


class Location(Struct, frozen=True, order=True, gc=False):
    """A line of a file; `file` as the user typed it, an include's as resolved from there."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Severity(Enum):
    """Whether a diagnostic refuses the document."""

    ERROR = "error"
    WARNING = "warning"


class Diagnostic(Struct, frozen=True, kw_only=True):
    """One fault of a document, in the user's words.

    `line` 0 of the location stands for the file as a whole.
    """

    at: Location
    severity: Severity
    problem: str
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.at}: {self.severity.value}: {self.problem}"
        return text if self.hint is None else f"{text}; {self.hint}"


def suggestion(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` was probably meant to be, or None."""
    from difflib import get_close_matches  # only a faulty document pays for this import

    matches = get_close_matches(word, list(candidates), n=1, cutoff=0.6)
    return matches[0] if matches else None
