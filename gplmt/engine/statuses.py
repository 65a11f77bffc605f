"""What the status of an ended command says, and whether it was expected."""

from __future__ import annotations

import signal

from gplmt.commands import Completed
from gplmt.errors import TaskError


def compare(completed: Completed, expected: tuple[int, ...] | None) -> None:
    """Accept a status that is among the expected ones, or any (LANGUAGE.md 6.2).

    Raises:
        TaskError: it is not.
    """
    if expected is None or completed.shell_status in expected:
        return
    raise TaskError(
        f"{describe(completed)}, expected {' or '.join(str(status) for status in expected)}"
    )


def describe(completed: Completed) -> str:
    """How a command ended."""
    if completed.signal is None:
        return f"exited with status {completed.status}"
    return f"was killed by {_signal_name(completed.signal)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return f"signal {number}"
