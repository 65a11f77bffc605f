"""gplmt as somebody at a terminal sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.support.program import LIGHT, ROOT, until


class Terminal:
    """A terminal at which gplmt is started in a directory, as a context."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ours, self._theirs = pty.openpty()
        os.set_blocking(self._ours, False)
        self._seen = b""
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def start(self, *words: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start gplmt; the terminal is its own, so that Ctrl-C reaches it."""
        process = subprocess.Popen(  # noqa: S603
            [*LIGHT, *words],
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            cwd=self._directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._processes.append(process)
        return process

    def until_shown(self, text: str) -> None:
        """Wait until this can be read."""
        until(lambda: text in self.text)

    @property
    def text(self) -> str:
        """All that can be read so far."""
        try:
            while part := os.read(self._ours, 65536):
                self._seen += part
        except BlockingIOError:
            pass
        return self._seen.decode().replace("\r\n", "\n")

    @property
    def shows_what_is_typed(self) -> bool:
        """Whether it echoes."""
        return bool(termios.tcgetattr(self._theirs)[3] & termios.ECHO)

    def type(self, keys: str) -> None:
        """Type as a person does."""
        os.write(self._ours, keys.encode())
