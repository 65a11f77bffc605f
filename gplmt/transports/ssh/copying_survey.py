"""What there is to be put: a tree of the execution host, looked at before it is copied."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from msgspec import Struct

from gplmt.transports.copying_bytes import check_stop
from gplmt.transports.copying_names import failing_as, is_temporary, refuse_special


class LocalFile(Struct, kw_only=True):
    """A regular file of a tree; holes are what makes `is_sparse`."""

    name: str
    size: int
    is_sparse: bool


class LocalDirectory(Struct, kw_only=True):
    """A directory of a tree and all that is in it; `links` are told with what they say."""

    path: Path
    name: str
    permissions: int
    directories: list[LocalDirectory]
    files: list[LocalFile]
    links: list[tuple[str, str]]

    def walk(self) -> Iterator[LocalDirectory]:
        """This directory and all below it, parents first."""
        # Not recursive: a tree may be deeper than Python's stack.
        pending = [self]
        while pending:
            directory = pending.pop()
            yield directory
            pending.extend(reversed(directory.directories))


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
            is_sparse = status.st_blocks * 512 < status.st_size
            file = LocalFile(name=entry.name, size=status.st_size, is_sparse=is_sparse)
            directory.files.append(file)
