"""A file here that is copied to a node, read block by block."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from gplmt.transports.copying_bytes import check_stop, data_extents
from gplmt.transports.copying_files import check_length, opened_source
from gplmt.transports.copying_names import failing_as


class Source:
    """An open regular file; `length` tells its bytes when they have all been read.

    A file that grows meanwhile, a log say, is copied as long as it was at the beginning.
    """

    def __init__(self, path: Path, reading: int, status: os.stat_result, stop: Event) -> None:
        self.path = path
        self.length = status.st_size
        self._reading = reading
        self._status = status
        self._stop = stop

    @property
    def permissions(self) -> int:
        """The permission bits."""
        return self._status.st_mode & 0o777

    @property
    def tells_length(self) -> bool:
        """Whether `blocks` are all of it; else it is empty, or a file of /proc."""
        return self._status.st_size > 0

    def blocks(self, size: int) -> Iterator[tuple[int, int]]:
        """Offsets and sizes of the blocks to be read; what lies between them is a hole."""
        for start, end in data_extents(self._reading, self._status):
            for offset in range(start, end, size):
                yield offset, min(size, end - offset)

    async def read(self, offset: int, size: int) -> bytes:
        """Read a block; it is shorter only at the end of the file.

        Raises:
            CopyError: it cannot be read, or has been cut.
            StoppedError: the copy was asked to stop.
        """
        check_stop(self._stop)
        with failing_as("read", self.path):
            data = _read_cached(self._reading, size, offset)
            if data is None:
                data = await asyncio.to_thread(os.pread, self._reading, size, offset)
        if self.tells_length and len(data) < size:
            self.length = min(self.length, offset + len(data))
            check_length(self.path, self._status, self.length)
        return data

    async def read_on(self, offset: int, size: int) -> bytes:
        """Read the next block; empty at the end of the file, whether that tells its length or not.

        Raises:
            CopyError, StoppedError: as `read`.
        """
        if self.tells_length:
            return await self.read(offset, min(size, self.length - offset))
        data = await self.read(offset, size)
        self.length = offset + len(data)
        return data


@contextmanager
def opened(path: Path, stop: Event) -> Iterator[Source]:
    """Open a regular file.

    Raises:
        CopyError: it cannot be read, or is none.
    """
    with opened_source(path) as (reading, status):
        yield Source(path, reading, status, stop)


def _read_cached(reading: int, size: int, offset: int) -> bytes | None:
    """Read what is in memory; None if the disk must be waited for, which is left to a thread."""
    buffer = bytearray(size)
    try:
        count = os.preadv(reading, [buffer], offset, os.RWF_NOWAIT)
    except BlockingIOError:
        return None
    except (OSError, AttributeError):  # file systems, and systems, that cannot tell
        return os.pread(reading, size, offset)
    if count < size and offset + count < os.fstat(reading).st_size:
        return None
    return bytes(memoryview(buffer)[:count])
