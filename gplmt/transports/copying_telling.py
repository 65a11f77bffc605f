"""What a copy tells its journal before it writes (see `gplmt.journals.CopyJournal`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePath
from threading import Event
from typing import TypeVar

from gplmt.journals import CopyJournal
from gplmt.transports.copying_bytes import check_stop
from gplmt.transports.copying_names import is_temporary, temporary_beside

_P = TypeVar("_P", bound=PurePath)

# The journal may have to wait for the disk each time.
_MOST_PATHS = 1000


class Telling:
    """Tells a journal everything once, paths in the order in which they come."""

    def __init__(self, journal: CopyJournal) -> None:
        self._journal = journal
        self._roots: set[PurePath] = set()
        self._told: set[str] = set()

    def temporary_beside(self, target: _P) -> _P:
        """A new hidden name in the directory of `target`, for what shall become `target`."""
        return temporary_beside(target, self._journal.stem)

    def writing(self, roots: Iterable[PurePath]) -> None:
        """Something may soon be unfinished beside or below `roots`."""
        new = [root for root in dict.fromkeys(roots) if root not in self._roots]
        if new:
            self._roots.update(new)
            self._journal.writing([str(root) for root in new])

    def knows(self, path: PurePath) -> bool:
        """Whether it was told that the path is about to be made."""
        return str(path) in self._told

    def creating(self, paths: Iterable[str]) -> None:
        """Tell paths that do not exist; may keep the thread waiting for the disk."""
        new = (path for path in paths if path not in self._told)
        while batch := list(dict.fromkeys(islice(new, _MOST_PATHS))):
            self._journal.creating(batch)
            self._told.update(batch)


def missing_parents(directory: Path) -> list[Path]:
    """A directory and those above it, as far as they are no directories, outer ones first.

    Raises:
        OSError: that cannot be told.
    """
    missing = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    return missing[::-1]


def is_missing(path: str | Path) -> bool:
    """Whether it is certain that nothing stands there, and nothing will when its parents are made.

    As soon as `new` is made, `new/..` is there, and so may `new/../x`.
    """
    try:
        os.lstat(path)
    except FileNotFoundError:
        parent, name = os.path.split(path)
        return "/.." not in str(path) or (name != ".." and os.path.isdir(parent))  # noqa: PTH112
    except OSError:
        pass
    return False


def creatable(missing: Sequence[Path]) -> list[str]:
    """Those of `missing_parents` that can be told before any is made."""
    if missing and is_missing(missing[0]):
        return [str(path) for path in missing if is_missing(path)]
    return []  # a file is in the way, or a link to nothing


def forecast(source: Path, destination: Path, *, stop: Event) -> Iterator[str]:
    """The paths that a copy of `source` is going to make, parents first, as far as that shows.

    Nothing is wrong yet: what cannot be read is left to the copy.  What `destination` is a link to
    is left to it, too.

    Raises:
        StoppedError: `stop` was set.
    """
    try:
        missing = missing_parents(destination.parent)
    except OSError:
        return
    parents = creatable(missing)
    yield from parents
    if missing and not parents:
        return
    is_new = is_missing(destination)
    if is_new:
        yield str(destination)
    pending = [(str(source), str(destination), is_new)]
    while pending:
        check_stop(stop)
        here, there, is_new = pending.pop()
        if not is_new and not os.path.isdir(there):  # noqa: PTH112
            continue  # if anything is made there, something else has to go first
        for entry in _entries(here):
            path = f"{there}/{entry.name}"
            is_new_entry = is_new or is_missing(path)
            if is_new_entry:
                yield path
            if entry.is_dir(follow_symlinks=False):
                pending.append((entry.path, path, is_new_entry))


def _entries(directory: str) -> list[os.DirEntry[str]]:
    """What a copy takes from a directory; nothing if that is none."""
    try:
        with os.scandir(directory) as entries:
            return [entry for entry in entries if not is_temporary(entry.name)]
    except OSError:
        return []
