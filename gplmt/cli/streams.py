"""The standard streams: made safe to use at the start, and written so that a fault is told."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

from gplmt.errors import GplmtError

_STDOUT = 1


class OutputError(GplmtError):
    """What was asked for could not be printed."""


def prepare_streams() -> None:
    """See that all three standard streams are there, and take any character.

    Whoever started us may have closed one (`>&-`): the next file to be opened would get its
    number, and the output of commands.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        descriptor = os.dup(descriptor)
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    if isinstance(sys.stdout, TextIOWrapper):  # a test's may be something else
        sys.stdout.reconfigure(errors="backslashreplace")


def show(text: str) -> None:
    """Print lines on stdout, now; a reader who has seen enough is no fault.

    Raises:
        OutputError: they could not be written.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _give_up_stdout()
    except OSError as error:
        _give_up_stdout()
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"cannot write to stdout: {reason}") from error


def show_bytes(content: bytes) -> bool:
    """Write on stdout, as it is; False for a reader who has seen enough, which is no fault.

    Raises:
        OutputError: it could not be written.
    """
    left = memoryview(content)
    try:
        while left:
            left = left[os.write(_STDOUT, left) :]
    except BrokenPipeError:
        return False
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"cannot write to stdout: {reason}") from error
    return True


def tell(text: str) -> None:
    """Print lines on stderr; there is nobody to tell if that fails."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _give_up_stdout() -> None:
    """Drop what is still buffered; else the interpreter complains about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _nowhere() -> TextIOWrapper:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 (for as long as we live)
