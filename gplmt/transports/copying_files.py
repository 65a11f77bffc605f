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
from gplmt.transports.copying_bytes import Transfer, closing, open_through
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_names import (
    directory_in_the_way,
    failing_as,
    shown,
)
from gplmt.transports.copying_telling import Telling
from gplmt.transports.copying_walks import Spot


class FileCopied(Struct, frozen=True, kw_only=True):
    """How much was copied, and the path if it did not exist before."""

    bytes: int
    created: Path | None


def copy_file(
    source: Path, destination: Path, *, stop: Event, telling: Telling, ground: Ground
) -> FileCopied:
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
        ground.spot(destination) as spot,
    ):
        refuse_directory(source, destination, spot)
        _refuse_itself(source, before, destination, spot)
        with _opened_target(before, spot, stop, telling) as (writing, is_new):
            transfer = Transfer(
                reading=reading, writing=writing, source=source, destination=spot.path, stop=stop
            )
            count = transfer.copy() if spot.is_replaceable else transfer.stream()
            check_length(source, before, count)
    return FileCopied(bytes=count, created=spot.path if is_new else None)


def refuse_directory(source: PurePath, destination: Path, spot: Spot) -> None:
    """Let nothing that is no directory take the place of one.

    Raises:
        CopyError: a directory stands at the spot of `destination`.
    """
    if spot.is_directory:
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


def tell_file(telling: Telling, spot: Spot) -> bool:
    """Tell that a file is about to be at a spot; whether it is new there."""
    if spot.is_end:
        telling.writing((spot.path,))
    if spot.status is None:
        telling.creating((str(spot.path),))
    return spot.status is None


@contextmanager
def replacement(spot: Spot, *, mode: int, telling: Telling) -> Iterator[int]:
    """A new file that is at the spot at the end of the block, or disappears with an error."""
    place = spot.directory
    temporary = telling.temporary_beside(spot.path).name
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with failing_as("write", spot.path):
        writing = os.open(temporary, flags, mode=0o600, dir_fd=place)
        try:
            with closing(writing):
                yield writing
                _set_mode(writing, mode)
            os.replace(temporary, spot.name, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=place)
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
    before: os.stat_result, spot: Spot, stop: Event, telling: Telling
) -> Iterator[tuple[int, bool]]:
    """What to write to, and whether that is new."""
    if spot.is_replaceable:
        is_new = tell_file(telling, spot)
        with replacement(spot, mode=before.st_mode & 0o777, telling=telling) as file:
            yield file, is_new
    else:
        with failing_as("write", spot.path), closing(open_through(spot, stop)) as file:
            yield file, False


def _refuse_itself(source: Path, before: os.stat_result, destination: Path, spot: Spot) -> None:
    if spot.status is not None and os.path.samestat(before, spot.status):
        raise CopyError(
            f"cannot copy {shown(source)} to {shown(destination)}: they are the same file"
        )


def _set_mode(descriptor: int, mode: int) -> None:
    # The file is ours, so a refusal means a file system without permission bits.
    with suppress(PermissionError):
        os.fchmod(descriptor, mode)
