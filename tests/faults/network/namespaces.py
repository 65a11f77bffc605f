"""Network namespaces without a name: they end with the last process and descriptor in them.

So nothing of them is left on the machine, whatever ends the tests.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

_CLONE_NEWNET = 0x4000_0000
_SYSTEM_DIRECTORIES = "/usr/local/sbin:/usr/sbin:/sbin"  # which users do not search
_OURS = "/proc/thread-self/ns/net"
_system = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network of its own, which one thread at a time may enter."""

    def __init__(self) -> None:
        """Make it, with a loopback interface that is up.

        Raises:
            OSError: namespaces cannot be made here.
        """
        home = os.open(_OURS, os.O_RDONLY)
        try:
            _checked(_system.unshare(_CLONE_NEWNET))
            self._descriptor = os.open(_OURS, os.O_RDONLY)
            _checked(_system.setns(home, _CLONE_NEWNET))
        finally:
            os.close(home)
        self.call("ip", "link", "set", "lo", "up")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @property
    def path(self) -> str:
        """The path by which other programs find it, as long as it is entered as a context."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Have this thread in it, and what the thread starts: processes and other threads."""
        outside = os.open(_OURS, os.O_RDONLY)
        try:
            _checked(_system.setns(self._descriptor, _CLONE_NEWNET))
            try:
                yield
            finally:
                _checked(_system.setns(outside, _CLONE_NEWNET))
        finally:
            os.close(outside)

    def call(self, *words: str) -> str:
        """What a program writes that runs there.

        Raises:
            OSError: there is no such program, or it fails.
        """
        paths = {"PATH": f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_DIRECTORIES}"}
        with self.entered():
            answer = subprocess.run(  # noqa: S603
                words, capture_output=True, text=True, env={**os.environ, **paths}
            )
        if answer.returncode:
            raise OSError(f"{' '.join(words)}: {answer.stderr.strip()}")
        return answer.stdout


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
