"""A file of the execution host as the stdin of a remote command (LANGUAGE.md 6.2)."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import asyncssh

from gplmt.errors import LaunchError
from gplmt.transports.launching import in_words

_CHUNK_BYTES = 131_072


class Feed:
    """Writes a file to a channel, no faster than the node takes it, and then its end.

    A FIFO or a terminal is read when there is something in it.
    """

    def __init__(self, path: Path, *, on_failure: Callable[[LaunchError], None]) -> None:
        """Open the file.

        Raises:
            LaunchError: it cannot be read.
        """
        self._loop = asyncio.get_running_loop()
        self._path = path
        self._on_failure = on_failure
        try:
            self._descriptor: int | None = _open_to_read(path)
        except OSError as error:
            raise LaunchError(self._complaint(error)) from error
        self._waits = not stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._is_paused = False
        self._is_watching = False

    def start(self, channel: asyncssh.SSHClientChannel[bytes]) -> None:
        """Begin; the command reads now."""
        self._channel = channel
        self._go_on()

    def pause(self) -> None:
        """The node takes no more for the moment."""
        self._is_paused = True
        self._unwatch()

    def resume(self) -> None:
        """The node takes more."""
        self._is_paused = False
        self._go_on()

    def close(self) -> None:
        """Let go of the file."""
        self._unwatch()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _go_on(self) -> None:
        if self._channel is None or self._descriptor is None or self._is_paused:
            return
        if not self._waits or not self._watch(self._descriptor):
            self._loop.call_soon(self._write)

    def _watch(self, descriptor: int) -> bool:
        """Have `_write` called when there is something to read; False if that is always so."""
        if not self._is_watching:
            try:
                self._loop.add_reader(descriptor, self._write)
            except PermissionError:  # /dev/zero, say
                self._waits = False
                return False
            self._is_watching = True
        return True

    def _unwatch(self) -> None:
        if self._is_watching and self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            self._is_watching = False

    def _write(self) -> None:
        """Write one chunk; others have their turn before the next."""
        if self._channel is None or self._descriptor is None or self._is_paused:
            return
        if self._channel.is_closing():
            self.close()
            return
        try:
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.close()
            self._on_failure(LaunchError(self._complaint(error)))
            return
        if not chunk:
            self.close()
            self._channel.write_eof()
            return
        with suppress(BrokenPipeError):  # it has ended without having read everything
            self._channel.write(chunk)
        self._go_on()

    def _complaint(self, error: OSError) -> str:
        return f"the command cannot be started: '{self._path}': {in_words(error)}"


def _open_to_read(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(21, os.strerror(21), str(path))
    return descriptor
