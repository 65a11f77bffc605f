"""What follows a run: its report, and word to those who wait for it."""

from __future__ import annotations

from collections.abc import Callable

from gplmt.api import RunResult
from gplmt.cli.arguments import Arguments
from gplmt.recording.rundir import RunDirectory


def follow_up(
    arguments: Arguments,
    directory: RunDirectory,
    result: RunResult,
    *,
    tell: Callable[[str], None],
) -> None:
    """Write and send what was asked for; what cannot be is told, and changes nothing."""
