"""The bytes of one file, in pieces between which a copy can be stopped."""

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
from gplmt.transports.copying_names import failing_as, shown
from gplmt.transports.copying_walks import Spot

# What is copied between two looks at whether to stop: 40 ms on a disk of 100 MB/s.
_CHUNK_BYTES = 4 << 20
_BLOCK_BYTES = 1 << 20
# Between two looks at what does not tell when it is ready.
POLL_SECONDS = 0.02


class StoppedError(Exception):
    """The copy was asked to stop, and has removed its temporary file."""


def check_stop(stop: Event) -> None:
    """Leave the copy if it was asked to stop.

    Raises:
        StoppedError: it was.
    """
    if stop.is_set():
        raise StoppedError


class Transfer(Struct, frozen=True, kw_only=True):
    """Two open files, and their names for messages."""

    reading: int
    writing: int
    source: Path
    destination: Path
    stop: Event

    def copy(self) -> int:
        """Copy a regular file to an empty one, holes left out; return the length.

        A file that grows meanwhile, a log say, is copied as long as it was at the beginning.
        """
        status = os.fstat(self.reading)
        offset = 0
        for start, end in data_extents(self.reading, status):
            offset = self._copy_extent(start, end)
            if offset < end:
                break
        else:
            # A hole may end the file; and /proc tells no size.
            offset = status.st_size or self._copy_extent(0, None)
        with failing_as("write", self.destination):
            os.ftruncate(self.writing, offset)
        return offset

    def stream(self) -> int:
        """Write all of a regular file to a non-blocking descriptor; return its length."""
        poller = select.poll()
        poller.register(self.writing, select.POLLOUT)
        offset = 0
        while block := self._read(offset, _BLOCK_BYTES):
            offset += len(block)
            rest = memoryview(block)
            while rest:
                check_stop(self.stop)
                rest = rest[self._write_some(rest) :]
                if rest:
                    poller.poll(POLL_SECONDS * 1000)
        return offset

    def _copy_extent(self, start: int, end: int | None) -> int:
        """Copy from `start` to `end`, None for the end of the file; return where it ended."""
        offset = start
        while end is None or offset < end:
            check_stop(self.stop)
            size = _CHUNK_BYTES if end is None else min(_CHUNK_BYTES, end - offset)
            count = self._copy_in_kernel(offset, size) or self._copy_in_memory(offset, size)
            if not count:
                break
            offset += count
        return offset

    def _copy_in_kernel(self, offset: int, size: int) -> int:
        try:
            return os.copy_file_range(self.reading, self.writing, size, offset, offset)
        except OSError:
            # Two file systems, say; a real fault shows again, then told apart as read or write.
            return 0

    def _copy_in_memory(self, offset: int, size: int) -> int:
        block = self._read(offset, min(size, _BLOCK_BYTES))
        with failing_as("write", self.destination):
            return os.pwrite(self.writing, block, offset)

    def _read(self, offset: int, size: int) -> bytes:
        with failing_as("read", self.source):
            return os.pread(self.reading, size, offset)

    def _write_some(self, block: memoryview) -> int:
        with failing_as("write", self.destination), suppress(BlockingIOError):
            return os.write(self.writing, block)
        return 0


def data_extents(descriptor: int, status: os.stat_result) -> Iterator[tuple[int, int]]:
    """The parts of the file that are stored, as far as the file system tells."""
    if status.st_blocks * 512 >= status.st_size:
        yield 0, status.st_size
        return
    end = 0
    while end < status.st_size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
        except OSError as exc:
            if exc.errno != errno.ENXIO:  # which says that nothing but a hole follows
                yield end, status.st_size
            return
        yield start, end


def open_through(spot: Spot, stop: Event) -> int:
    """Open what is no regular file for writing; a FIFO is waited for until somebody reads it.

    Raises:
        CopyError: the reason.
        StoppedError: nobody did before `stop` was set.
    """
    while (writing := open_if_read(spot)) is None:
        check_stop(stop)
        stop.wait(POLL_SECONDS)
    return writing


def open_if_read(spot: Spot) -> int | None:
    """Open what is no regular file for writing without blocking; None for an unread FIFO.

    Raises:
        CopyError: the reason.
    """
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    if not spot.is_nameless:
        flags |= os.O_NOFOLLOW
    with failing_as("write", spot.path):
        try:
            writing = os.open(spot.name, flags, dir_fd=spot.directory)
        except OSError as exc:
            if exc.errno != errno.ENXIO or not spot.is_fifo:
                raise
            return None
        try:
            _empty(writing, spot)
        except BaseException:
            os.close(writing)
            raise
    return writing


def _empty(writing: int, spot: Spot) -> None:
    """Empty an open file, if it is one, and the one that was looked at before."""
    status = os.fstat(writing)
    if spot.status is None or not os.path.samestat(status, spot.status):
        raise CopyError(f"cannot write {shown(spot.path)}: something else has taken its place")
    if stat.S_ISREG(status.st_mode):
        os.ftruncate(writing, 0)


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close at the end; over NFS that may be where a full disk shows."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)
