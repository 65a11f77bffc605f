"""A file here that takes the bytes of a file on a node."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Protocol

from gplmt.transports.copying_bytes import POLL_SECONDS, check_stop, open_if_read
from gplmt.transports.copying_names import failing_as
from gplmt.transports.copying_walks import Spot


class Sink(Protocol):
    """Takes blocks at their offsets; none overlap."""

    async def write(self, offset: int, data: bytes) -> None:
        """Take a block.

        Raises:
            CopyError: it cannot be written.
            StoppedError: the copy was asked to stop.
        """
        ...


class FileSink:
    """A new regular file, in which blocks of zeros become holes."""

    def __init__(self, path: Path, writing: int, stop: Event) -> None:
        self._path = path
        self._writing = writing
        self._stop = stop

    async def write(self, offset: int, data: bytes) -> None:
        """As `Sink.write`."""
        check_stop(self._stop)
        with failing_as("write", self._path):
            write_block(self._writing, data, offset)

    def finish(self, length: int) -> None:
        """Give the file its length.

        Raises:
            CopyError: that is not possible.
        """
        with failing_as("write", self._path):
            os.ftruncate(self._writing, length)


class StreamSink:
    """What is no regular file; it is given blocks in order, and takes each when it can."""

    def __init__(self, path: Path, writing: int, stop: Event) -> None:
        self._path = path
        self._writing = writing
        self._stop = stop

    async def write(self, offset: int, data: bytes) -> None:  # noqa: ARG002
        """As `Sink.write`."""
        rest = memoryview(data)
        while rest:
            check_stop(self._stop)
            if count := self._write_some(rest):
                rest = rest[count:]
            else:
                await asyncio.sleep(POLL_SECONDS)

    def _write_some(self, data: memoryview) -> int:
        with failing_as("write", self._path), suppress(BlockingIOError):
            return os.write(self._writing, data)
        return 0


async def open_through(spot: Spot, stop: Event) -> int:
    """Open what is no regular file for writing; a FIFO is waited for until somebody reads it.

    Raises:
        CopyError: the reason.
        StoppedError: nobody did before `stop` was set.
    """
    while (writing := open_if_read(spot)) is None:
        check_stop(stop)
        await asyncio.sleep(POLL_SECONDS)
    return writing


def write_block(writing: int, block: bytes | memoryview, offset: int) -> None:
    """Write at an offset of a new file, or leave a hole there if the block is of zeros.

    Raises:
        OSError: the reason.
    """
    if _is_zero(block):
        return
    rest = memoryview(block)
    while rest:
        count = os.pwrite(writing, rest, offset)
        offset += count
        rest = rest[count:]


def _is_zero(block: bytes | memoryview) -> bool:
    # The first byte tells of most blocks that there is something in them.
    return not block or (block[0] == 0 and block == bytes(len(block)))
