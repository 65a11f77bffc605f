"""A server that is a process of its own: started, asked for its sessions, stopped with them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.support.ssh.sessions import (
    descendants,
    kill,
    kill_until_none,
    program,
    started_through,
)

_LONGEST_SECONDS = 20.0


class Daemon:
    """A server that stays in the foreground; what it writes goes to a file."""

    def __init__(self, words: Sequence[str], *, host: str, port: int, log: Path) -> None:
        """Start it, and wait until it answers.

        Raises:
            RuntimeError: It ended at once, or does not answer.
        """
        self.port = port
        self._words = words
        self._host = host
        self._log = log
        self.start()

    def start(self) -> None:
        """Start it, which has been stopped, and wait until it answers.

        Raises:
            RuntimeError: It ended at once, or does not answer.
        """
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603
                self._words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/"
            )
        self.pid = self._process.pid
        try:
            self._wait_for_greeting(self._host)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill_sessions(self) -> None:
        """Kill the server's own processes, but for the one that listens."""
        own = program(self.pid)
        kill(pid for pid in descendants(self.pid) if program(pid) == own)

    def kill_listener(self) -> None:
        """Kill the process that listens, and no other; connections that there are go on."""
        self._process.kill()
        self._process.wait()

    def end_commands(self) -> None:
        """Kill the server's other processes, and all that its sessions have started.

        The server's first, so that they tell nobody how commands have ended.
        """
        self.kill_sessions()
        kill_until_none(lambda: {*descendants(self.pid), *started_through(self.port)})

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        """Kill it, its sessions and what they have started."""
        if self.is_alive():
            os.kill(self.pid, signal.SIGSTOP)  # accepts nothing, and keeps its children
            self.end_commands()
            self._process.kill()
        self._process.wait()
        kill_until_none(lambda: started_through(self.port))

    def _wait_for_greeting(self, host: str) -> None:
        deadline = time.monotonic() + _LONGEST_SECONDS
        while not _greets(host, self.port):
            if not self.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"the server does not answer; it wrote:\n{self.log()}")
            time.sleep(0.01)
        if not self.is_alive():
            raise RuntimeError(f"another server answers on port {self.port}")


def _greets(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_LONGEST_SECONDS) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
