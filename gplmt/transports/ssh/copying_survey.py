"""What there is to be put: a tree of the execution host, looked at before it is copied."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterator
from pathlib import Path, PurePosixPath
from threading import Event

from msgspec import Struct

from gplmt.transports.copying_bytes import check_stop
from gplmt.transports.copying_names import failing_as, is_temporary, refuse_special


class LocalFile(Struct, kw_only=True):
    """A regular file of a tree; `is_staged` if it waits on the node, `size` is then its there."""

    name: str
    size: int
    has_holes: bool
    is_staged: bool = False


class LocalDirectory(Struct, kw_only=True):
    """A directory of a tree and all that is in it; `links` are told with what they say."""

    path: Path
    name: str
    permissions: int
    directories: list[LocalDirectory]
    files: list[LocalFile]
    links: list[tuple[str, str]]

    def places_but(self, names: Container[str]) -> Iterator[PurePosixPath]:
        """The places of all that is in it, save what has or is below one of these names."""
        own = (*(name for name, _ in self.links), *(file.name for file in self.files))
        yield from (PurePosixPath(name) for name in own if name not in names)
        for child in self.directories:
            if child.name not in names:
                yield from (child.name / place for place in child.places())

    def count_entries(self) -> int:
        """How many files and links there are."""
        return sum(len(each.files) + len(each.links) for _, each in self.walk())

    def count_bytes(self) -> int:
        """How many bytes the files have."""
        return sum(file.size for _, each in self.walk() for file in each.files)

    def places(self) -> Iterator[PurePosixPath]:
        """The places in the tree of all that is in it, parents first."""
        for place, directory in self.walk():
            yield place
            for name, _ in directory.links:
                yield place / name
            for file in directory.files:
                yield place / file.name

    def walk(self) -> Iterator[tuple[PurePosixPath, LocalDirectory]]:
        """This directory and all below it, parents first, with their places in the tree."""
        # Not recursive: a tree may be deeper than Python's stack.
        pending = [(PurePosixPath(), self)]
        while pending:
            place, directory = pending.pop()
            yield place, directory
            pending.extend((place / child.name, child) for child in reversed(directory.directories))


def survey(source: Path, stop: Event) -> LocalDirectory:
    """Look at a directory, followed if it is a link, and all that is in it.

    Files that copies are still writing are left out.

    Raises:
        CopyError: something cannot be read, or not be copied.
        StoppedError: `stop` was set.
    """
    with failing_as("read", source):
        top = _directory(source, source.stat())
    pending = [top]
    while pending:
        check_stop(stop)
        directory = pending.pop()
        _fill(directory)
        pending.extend(directory.directories)
    return top


def _directory(path: Path, status: os.stat_result) -> LocalDirectory:
    return LocalDirectory(
        path=path,
        name=path.name,
        permissions=status.st_mode & 0o777,
        directories=[],
        files=[],
        links=[],
    )


def _fill(directory: LocalDirectory) -> None:
    with failing_as("read", directory.path), os.scandir(directory.path) as found:
        entries = [entry for entry in found if not is_temporary(entry.name)]
    for entry in sorted(entries, key=lambda entry: entry.name):
        _add(directory, entry)


def _add(directory: LocalDirectory, entry: os.DirEntry[str]) -> None:
    with failing_as("read", directory.path / entry.name):
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            directory.directories.append(_directory(directory.path / entry.name, status))
        elif stat.S_ISLNK(status.st_mode):
            # Not Path.readlink, which would shorten `./a` to `a`.
            directory.links.append((entry.name, os.readlink(entry.path)))  # noqa: PTH115
        else:
            refuse_special(directory.path / entry.name, status.st_mode)
            has_holes = status.st_blocks * 512 < status.st_size
            file = LocalFile(name=entry.name, size=status.st_size, has_holes=has_holes)
            directory.files.append(file)
