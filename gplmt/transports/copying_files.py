"""One file: its bytes to a place where they appear whole or not at all (LANGUAGE.md 6.3)."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from msgspec import Struct

from gplmt.errors import CopyError

# What is copied between two looks at whether to stop: 40 ms on a disk of 100 MB/s.
_CHUNK_BYTES = 4 << 20
_POLL_SECONDS = 0.02
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_PERMISSIONS = stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO


class StoppedError(Exception):
    """The copy was asked to stop; a temporary file has been removed."""


class FileCopied(Struct, frozen=True, kw_only=True):
    """How much was copied, and the path that did not exist before."""

    bytes: int
    created: Path | None


def shown(path: Path) -> str:
    """The path as it may stand in a message of one line: odd characters are escaped."""
    text = str(path)
    return text if text.isprintable() else repr(text)


@contextmanager
def failing_as(action: str, path: Path) -> Iterator[None]:
    """Turn an OSError into `cannot ACTION PATH: reason`."""
    try:
        yield
    except OSError as exc:
        raise CopyError(f"cannot {action} {shown(path)}: {exc.strerror or exc}") from exc


def check_stop(stop: Event) -> None:
    """Leave the copy if it was asked to stop.

    Raises:
        StoppedError: it was.
    """
    if stop.is_set():
        raise StoppedError


def copy_file(source: Path, destination: Path, *, stop: Event) -> FileCopied:
    """Copy a regular file with its permission bits; the destination's parent exists.

    A new or regular destination is replaced at once when the bytes are complete, at the end of
    the link if it is one; anything else but a directory is written through.

    Raises:
        CopyError: the reason, naming the path; the destination is as it was, unless it had to be
            written through.
        StoppedError: `stop` was set; likewise.
    """
    with _opened_source(source) as (reading, before):
        target = _find_target(source, before, destination)
        if target is None:
            count, created = _write_through(reading, source, destination, stop), None
        else:
            created = None if target.exists() else target
            with _replaced(target, mode=before.st_mode & _PERMISSIONS) as writing:
                count = _copy_bytes(reading, writing, source, destination, stop)
                _check_unchanged(reading, source, before, count)
        _check_unchanged(reading, source, before, count)
    return FileCopied(bytes=count, created=created)


@contextmanager
def _opened_source(source: Path) -> Iterator[tuple[int, os.stat_result]]:
    with failing_as("read", source):
        reading = os.open(source, _READ)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise CopyError(f"cannot read {shown(source)}: it is no longer a regular file")
        yield reading, status
    finally:
        os.close(reading)


def _find_target(source: Path, source_status: os.stat_result, destination: Path) -> Path | None:
    """Where the whole file shall appear; None when the destination is to be written through."""
    with failing_as("write", destination):
        real = destination.resolve() if destination.is_symlink() else destination
        try:
            status = destination.stat()
        except FileNotFoundError:
            return real
    if stat.S_ISDIR(status.st_mode):
        raise CopyError(
            f"cannot write {shown(destination)}: it is a directory, and {shown(source)} is not"
        )
    if os.path.samestat(source_status, status):
        raise CopyError(
            f"cannot copy {shown(source)} to {shown(destination)}: they are the same file"
        )
    # A link of /proc may lead to an open file that has no name any more.
    is_named = real.exists() and os.path.samestat(real.stat(), status)
    return real if stat.S_ISREG(status.st_mode) and is_named else None


@contextmanager
def _replaced(target: Path, *, mode: int) -> Iterator[int]:
    """A new file that becomes `target` at the end of the block, or disappears with an error."""
    temporary = target.parent / f".gplmt-{os.urandom(8).hex()}.tmp"
    with failing_as("write", target):
        writing = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode=0o600
        )
        try:
            with _closing(writing):
                yield writing
                _set_mode(writing, mode)
            temporary.replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise


@contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    """Close at the end; over NFS that is where a full disk may show."""
    try:
        yield
    finally:
        os.close(descriptor)


def _set_mode(descriptor: int, mode: int) -> None:
    # The file is ours, so a refusal means a file system without permission bits.
    with suppress(PermissionError):
        os.fchmod(descriptor, mode)


def _copy_bytes(reading: int, writing: int, source: Path, destination: Path, stop: Event) -> int:
    """Copy up to the end of the source, holes left out; return its length."""
    status = os.fstat(reading)
    end = 0
    for start, stop_offset in _data_extents(reading, status):
        end = _copy_extent(reading, writing, start, stop_offset, source, destination, stop)
        if end < stop_offset:
            break
    else:
        # Where /proc tells no size, or the file grew, there is more.
        end = _copy_extent(reading, writing, status.st_size, None, source, destination, stop)
    with failing_as("write", destination):
        os.ftruncate(writing, end)
    return end


def _data_extents(reading: int, status: os.stat_result) -> Iterator[tuple[int, int]]:
    """The parts of the file that are stored, as far as the file system tells."""
    if status.st_blocks * 512 >= status.st_size:
        yield 0, status.st_size
        return
    end = 0
    while end < status.st_size:
        try:
            start = os.lseek(reading, end, os.SEEK_DATA)
            end = os.lseek(reading, start, os.SEEK_HOLE)
        except OSError as exc:
            if exc.errno != errno.ENXIO:  # that is: nothing but a hole up to the end
                yield end, status.st_size
            return
        yield start, end


def _copy_extent(
    reading: int,
    writing: int,
    start: int,
    end: int | None,
    source: Path,
    destination: Path,
    stop: Event,
) -> int:
    """Copy from `start` to `end`, None for the end of the file; return where it ended."""
    offset = start
    while end is None or offset < end:
        check_stop(stop)
        size = _CHUNK_BYTES if end is None else min(_CHUNK_BYTES, end - offset)
        count = _copy_in_kernel(reading, writing, offset, size)
        if not count:
            count = _copy_in_memory(reading, writing, offset, size, source, destination)
        if not count:
            break
        offset += count
    return offset


def _copy_in_kernel(reading: int, writing: int, offset: int, size: int) -> int:
    try:
        return os.copy_file_range(reading, writing, size, offset, offset)
    except OSError:
        # Two file systems, say; a real fault will show again, told apart by read and write.
        return 0


def _copy_in_memory(
    reading: int, writing: int, offset: int, size: int, source: Path, destination: Path
) -> int:
    with failing_as("read", source):
        block = os.pread(reading, min(size, 1 << 20), offset)
    with failing_as("write", destination):
        return os.pwrite(writing, block, offset) if block else 0


def _check_unchanged(reading: int, source: Path, before: os.stat_result, count: int) -> None:
    after = os.fstat(reading)
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    # Files of /proc and /sys, which occupy no blocks, do not tell their true size.
    if not same or (count != after.st_size and after.st_blocks):
        raise CopyError(f"cannot copy {shown(source)}: it changed while it was copied")


def _write_through(reading: int, source: Path, destination: Path, stop: Event) -> int:
    writing = _open_through(destination, stop)
    count = 0
    with _closing(writing):
        while True:
            with failing_as("read", source):
                block = os.pread(reading, 1 << 20, count)
            if not block:
                return count
            _write_all(writing, memoryview(block), destination, stop)
            count += len(block)


def _open_through(destination: Path, stop: Event) -> int:
    """Open for writing without hanging; a FIFO is waited for until somebody reads it."""
    while True:
        check_stop(stop)
        try:
            return os.open(destination, _WRITE | os.O_TRUNC)
        except OSError as exc:
            if exc.errno != errno.ENXIO or not destination.is_fifo():
                raise CopyError(
                    f"cannot write {shown(destination)}: {exc.strerror or exc}"
                ) from exc
        stop.wait(_POLL_SECONDS)


def _write_all(writing: int, block: memoryview, destination: Path, stop: Event) -> None:
    poller = select.poll()
    poller.register(writing, select.POLLOUT)
    while block:
        check_stop(stop)
        with failing_as("write", destination), suppress(BlockingIOError):
            block = block[os.write(writing, block) :]
            continue
        poller.poll(_POLL_SECONDS * 1000)
