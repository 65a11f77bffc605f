"""Asks the user for a secret on the terminal, and leaves the terminal as it was."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _EndedError(Exception):
    """A signal came that ends the process."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def can_ask() -> bool:
    """Whether the standard input is a terminal, at which somebody may sit."""
    return os.isatty(0)


def ask_secret(prompt: str) -> str | None:
    """What the user types, unseen; None for nothing, or where the input has ended (Ctrl-D).

    To be called in the main thread.  A signal that would end the process does so once the terminal
    shows again what is typed.
    """
    import getpass  # brings termios along, which only a prompt needs

    try:
        with _ending_by_exception():
            return getpass.getpass(prompt) or None
    except EOFError:
        with suppress(OSError):
            Path("/dev/tty").write_text("\n")  # what is said next has a line of its own
    except _EndedError as ended:
        signal.raise_signal(ended.number)
    return None


@contextmanager
def _ending_by_exception() -> Iterator[None]:
    """Have signals raise an exception that would end the process without one."""

    def end(number: int, _: FrameType | None) -> None:
        raise _EndedError(number)

    before = {
        number: signal.signal(number, end)
        for number in _ENDING_SIGNALS
        if signal.getsignal(number) == signal.SIG_DFL
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
