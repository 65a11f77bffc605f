"""One output stream of a local command, from its pipe to its sink."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable

from gplmt.errors import LogError
from gplmt.protocols import OutputSink

_CHUNK_BYTES = 65_536


class OutputStream:
    """Reads a pipe when there is something in it, and passes the bytes on as they are.

    The pipe is read to its end whatever happens to the sink, so that no writer is blocked, or
    dies of SIGPIPE, because a disk is full.
    """

    def __init__(
        self,
        descriptor: int,
        sink: OutputSink,
        *,
        on_failure: Callable[[LogError], None],
    ) -> None:
        """Take over the non-blocking `descriptor`, and the sink."""
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = descriptor
        self._sink: OutputSink | None = sink
        self._is_paused = False
        self._on_failure = on_failure
        self._loop.add_reader(descriptor, self._read)

    @property
    def is_open(self) -> bool:
        """Whether there may be something to come."""
        return self._descriptor is not None

    def drain(self) -> None:
        """Deliver what is in the pipe now, even if the sink asked for a pause.

        An endless writer does not keep us: no more is read than a pipe can hold.
        """
        if self._descriptor is None:
            return
        remaining = _capacity(self._descriptor)
        while remaining > 0 and (size := self._read()):
            remaining -= size

    def close(self) -> None:
        """Let go of the pipe and the sink; who writes later gets SIGPIPE."""
        descriptor = self.release()
        if descriptor is not None:
            os.close(descriptor)

    def release(self) -> int | None:
        """Close the sink, and hand over the pipe if it is still open."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
            self._close_sink()
        return descriptor

    def _read(self) -> int:
        """Pass one chunk on, and return its size; 0 if there was none."""
        if self._descriptor is None:
            return 0
        try:
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return 0
        if chunk:
            self._write(chunk)
        else:
            self.close()
        return len(chunk)

    def _write(self, chunk: bytes) -> None:
        if self._sink is None:
            return
        try:
            wants_more = self._sink.write(chunk)
        except LogError as error:
            self._close_sink()
            self._on_failure(error)
            return
        if not wants_more:
            self._pause(self._sink)

    def _pause(self, sink: OutputSink) -> None:
        if self._descriptor is not None and not self._is_paused:
            self._is_paused = True
            self._loop.remove_reader(self._descriptor)
            sink.on_ready(self._resume)

    def _resume(self) -> None:
        self._is_paused = False
        if self._descriptor is not None:
            self._loop.add_reader(self._descriptor, self._read)

    def _close_sink(self) -> None:
        if self._sink is not None:
            sink, self._sink = self._sink, None
            sink.close()


def _capacity(pipe: int) -> int:
    """How much a pipe can hold."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
    except AttributeError:  # not Linux
        return _CHUNK_BYTES
