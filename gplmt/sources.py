"""Files on the execution host that a put or a run's stdin names (LANGUAGE.md 6.2, 6.3)."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

_MAX_PARTS = 200  # of a pattern; each is another level of recursion


def find_source(text: str, *, beside: Path, working_directory: Path) -> list[Path]:
    """The absolute paths that a source means, its variables expanded; empty where there is none.

    It is looked up in the directory `beside`, that of the document that contains the element,
    then in the working directory. What exists literally is not a pattern; the matches of a
    pattern are sorted, and leave hidden files out as a shell does. One of hundreds of parts has
    none.
    """
    for directory in (beside, working_directory):
        found = sorted(_matches(text, directory))
        if found:
            return found
    return []


def _matches(text: str, directory: Path) -> Iterator[Path]:
    path = directory.absolute() / text
    if _exists(path):
        yield path
    elif glob.has_magic(text) and text.count("/") < _MAX_PARTS:
        pattern = Path(glob.escape(str(directory.absolute())), text)
        # Path.glob knows no absolute patterns, and finds hidden files
        yield from map(Path, glob.iglob(str(pattern)))  # noqa: PTH207


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or impossible
        return False
