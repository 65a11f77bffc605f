"""Proxy commands: processes that pass the bytes of a connection to a host and back."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from gplmt.transports.ssh.wires import MakeConnection, Wire

_KILL_SECONDS = 1.0


class Proxy:
    """A proxy command in the place of an asyncssh tunnel; it ends with the connection.

    asyncssh's own would take what the command says on stderr for bytes of the host, and asyncio
    would wait twice for the end of the process.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    async def create_connection(
        self, make_connection: MakeConnection, host: str, port: int
    ) -> tuple[asyncio.BaseTransport, object]:
        """Start the command, and put a connection on it.

        Raises:
            OSError: it cannot be started.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._start(theirs)
        except BaseException:
            ours.close()
            raise
        ours.setblocking(False)
        try:
            wire = Wire(ours, on_lost=lambda: _end(process))
            return await wire.create_connection(make_connection, host, port)
        except BaseException:
            ours.close()
            _end(process)
            raise

    def _start(self, ends: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - it is the user's
            self._command,
            stdin=ends.fileno(),
            stdout=ends.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a command, and see it end, which it does at once."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_KILL_SECONDS)
