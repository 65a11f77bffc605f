"""One file to a place where it appears whole or not at all (LANGUAGE.md 6.3)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from threading import Event

from msgspec import Struct

from gplmt.errors import CopyError
from gplmt.transports.copying_bytes import Transfer, open_through
from gplmt.transports.copying_names import (
    directory_in_the_way,
    failing_as,
    shown,
)
from gplmt.transports.copying_telling import Telling


class FileCopied(Struct, frozen=True, kw_only=True):
    """How much was copied, and the path if it did not exist before."""

    bytes: int
    created: Path | None


def copy_file(source: Path, destination: Path, *, stop: Event, telling: Telling) -> FileCopied:
    """Copy a regular file with its permission bits; the destination's parent exists.

    A new or regular destination, at the end of the links if it is one, is replaced when the
    bytes are complete.  Anything else but a directory is written through.

    Raises:
        CopyError: the reason, naming the path; a destination that is not written through is as
            it was.
        StoppedError: `stop` was set; likewise.
    """
    with (
        opened_source(source) as (reading, before),
        _opened_target(source, before, destination, stop, telling) as (writing, target, is_new),
    ):
        transfer = Transfer(
            reading=reading,
            writing=writing,
            source=source,
            destination=target or destination,
            stop=stop,
        )
        count = transfer.copy() if target else transfer.stream()
        check_length(source, before, count)
    return FileCopied(bytes=count, created=target if is_new else None)


def refuse_directory(source: PurePath, destination: Path) -> None:
    """Let nothing that is no directory take the place of one.

    Raises:
        CopyError: `destination`, its links followed, is a directory.
    """
    if destination.is_dir():
        raise directory_in_the_way(destination, source)


@contextmanager
def opened_source(source: Path) -> Iterator[tuple[int, os.stat_result]]:
    """A regular file, open for reading, and its status.

    Raises:
        CopyError: it cannot be read, or is none.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with failing_as("read", source):
        reading = os.open(source, flags)
    with closing(reading):
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise CopyError(f"cannot read {shown(source)}: it is no longer a regular file")
        yield reading, status


def replaceable(destination: Path) -> Path | None:
    """The path that a new file shall take; None if the destination must be written through.

    Raises:
        OSError: links lead in a circle, say.
    """
    status = _status(destination)
    # Only now, as links in a circle have been refused.
    target = destination.resolve() if destination.is_symlink() else destination
    if status is None:
        return target
    # A link in /proc may lead to an open file that has no name any more.
    has_name = target.exists() and os.path.samestat(target.stat(), status)
    return target if stat.S_ISREG(status.st_mode) and has_name else None


def tell_file(telling: Telling, destination: Path, *, end: Path) -> bool:
    """Tell that a file is about to take the place `end` of `destination`; whether it is new."""
    if end != destination:
        telling.writing((end,))
    is_new = not end.exists()
    if is_new:
        telling.creating((str(end),))
    return is_new


@contextmanager
def replacement(target: Path, *, mode: int, telling: Telling) -> Iterator[int]:
    """A new file that becomes `target` at the end of the block, or disappears with an error."""
    temporary = telling.temporary_beside(target)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with failing_as("write", target):
        writing = os.open(temporary, flags, mode=0o600)
        try:
            with closing(writing):
                yield writing
                _set_mode(writing, mode)
            temporary.replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise


def check_length(source: PurePath, before: os.stat_result, count: int) -> None:
    """Let no file count as copied that has become shorter meanwhile.

    Raises:
        CopyError: it has.
    """
    # Files of /proc and /sys, which occupy no blocks, do not tell their true size.
    if count < before.st_size and before.st_blocks:
        raise CopyError(f"cannot copy {shown(source)}: it was cut while it was copied")


@contextmanager
def _opened_target(
    source: Path, before: os.stat_result, destination: Path, stop: Event, telling: Telling
) -> Iterator[tuple[int, Path | None, bool]]:
    """What to write to, the path that it shall replace, and whether that is new.

    The path is None if the destination is written through.
    """
    with failing_as("write", destination):
        refuse_directory(source, destination)
        target = replaceable(destination)
        _refuse_itself(source, before, destination)
    if target is None:
        with failing_as("write", destination), closing(open_through(destination, stop)) as file:
            yield file, None, False
    else:
        is_new = tell_file(telling, destination, end=target)
        with replacement(target, mode=before.st_mode & 0o777, telling=telling) as file:
            yield file, target, is_new


def _refuse_itself(source: Path, before: os.stat_result, destination: Path) -> None:
    status = _status(destination)
    if status is not None and os.path.samestat(before, status):
        raise CopyError(
            f"cannot copy {shown(source)} to {shown(destination)}: they are the same file"
        )


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close at the end; over NFS that may be where a full disk shows."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _set_mode(descriptor: int, mode: int) -> None:
    # The file is ours, so a refusal means a file system without permission bits.
    with suppress(PermissionError):
        os.fchmod(descriptor, mode)
