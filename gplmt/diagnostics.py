"""Places in files, and what is said about them: `FILE:LINE: error: what; hint`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import Enum
from itertools import islice

from msgspec import Struct

_MAX_COMPARISONS = 10_000  # of words, each about 20 microseconds
_MAX_SHORTLIST = 200
_MAX_CHARACTERS = 2000  # of a problem or hint, as it quotes the document
_MAX_WORD = 200  # characters; a longer one is nothing that was meant to be a name


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

    @property
    def message(self) -> str:
        """What is wrong and what to do, without the place."""
        return self.problem if self.hint is None else f"{self.problem}; {self.hint}"

    @property
    def shown_at(self) -> str:
        """The place; of a file whose name does things to a terminal, how the name is written."""
        return printable(str(self.at))

    def __str__(self) -> str:
        return f"{self.shown_at}: {self.severity.value}: {self.message}"


def printable(text: str) -> str:
    """A text that stays on its line, not endless, and does nothing to a terminal."""
    if len(text) > _MAX_CHARACTERS:
        text = f"{text[:_MAX_CHARACTERS]}..."
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def suggestion(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` was probably meant to be, or None."""
    from difflib import get_close_matches  # only a faulty document pays for this import

    matches = get_close_matches(word, list(candidates), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _likely(word: str, candidates: Iterable[str]) -> Iterator[str]:
    """Those of many candidates that are worth comparing."""
    for candidate in candidates:
        if abs(len(candidate) - len(word)) <= 2 and candidate[:1] == word[:1]:
            yield candidate


class Faults:
    """Collects what is wrong with documents while they are read, so that all is told at once."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []
        self._error_count = 0
        self._suggestions: dict[tuple[str, int], str | None] = {}
        self._comparisons_left = _MAX_COMPARISONS

    def error(self, at: Location, problem: str, hint: str | None = None) -> None:
        """Take a fault that refuses the document."""
        self._error_count += 1
        self._take(at, Severity.ERROR, problem, hint)

    def warning(self, at: Location, problem: str, hint: str | None = None) -> None:
        """Take a fault with which the document can still be run."""
        self._take(at, Severity.WARNING, problem, hint)

    def _take(self, at: Location, severity: Severity, problem: str, hint: str | None) -> None:
        shown = None if hint is None else printable(hint)
        self._found.append(
            Diagnostic(at=at, severity=severity, problem=printable(problem), hint=shown)
        )

    @property
    def error_count(self) -> int:
        """How many errors were taken."""
        return self._error_count

    def similar(self, word: str, candidates: Collection[str]) -> str | None:
        """As `suggestion`, but of bounded cost over all faults of a load.

        `candidates` must live as long as these faults: answers are kept by its identity.
        """
        if len(word) > _MAX_WORD:
            return None
        key = (word, id(candidates))
        if key not in self._suggestions:
            self._suggestions[key] = self._suggestion(word, candidates)
        return self._suggestions[key]

    def _suggestion(self, word: str, candidates: Collection[str]) -> str | None:
        self._comparisons_left -= min(len(candidates), _MAX_SHORTLIST)
        if self._comparisons_left < 0:
            return None
        if len(candidates) > _MAX_SHORTLIST:
            return suggestion(word, islice(_likely(word, candidates), _MAX_SHORTLIST))
        return suggestion(word, candidates)

    def in_order(self, files: Iterable[str]) -> tuple[Diagnostic, ...]:
        """Each diagnostic once, by file in the order given, then by line."""
        rank = {file: position for position, file in enumerate(files)}
        return tuple(
            sorted(
                dict.fromkeys(self._found),
                key=lambda found: (rank.get(found.at.file, len(rank)), found.at.line),
            )
        )
