"""Waiting after a run: for a time, and no longer when a signal says that somebody has none."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from enum import Enum
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_SECONDS = 0.05
_Handler = Callable[[int, FrameType | None], object] | int | None


class Waited(Enum):
    """How waiting has ended."""

    IT_ENDED = "it ended"
    TOO_LONG = "too long"
    INTERRUPTED = "interrupted"


class Patience:
    """As a context, takes the signals that end gplmt: the first ends what is waited for.

    Another one raises a KeyboardInterrupt.  One that is ignored stays so.
    """

    def __init__(self) -> None:
        self._count = 0
        self._forgiven = 0
        self._before: dict[signal.Signals, _Handler] = {}

    def __enter__(self) -> Patience:
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def renew(self) -> None:
        """From now on signals are about what is begun now, and waited for next."""
        self._forgiven = self._count

    def wait(self, has_ended: Callable[[float], bool], *, seconds: float) -> Waited:
        """Wait for something; `has_ended` looks for so long whether it has.

        Nothing is raised at the first signal, so that what was begun can be ended.
        """
        deadline = time.monotonic() + seconds
        while not has_ended(_LOOK_SECONDS):
            if self._count > self._forgiven:
                return Waited.INTERRUPTED
            if time.monotonic() >= deadline:
                return Waited.TOO_LONG
        return Waited.IT_ENDED

    def _receive(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._count += 1
        if self._count > 1:
            raise KeyboardInterrupt
