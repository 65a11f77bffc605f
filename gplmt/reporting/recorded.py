"""A run directory, as views read it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from gplmt.errors import GplmtError, UsageError
from gplmt.events import Outcome
from gplmt.recording.jsonl import read_events
from gplmt.recording.manifest import Manifest
from gplmt.recording.rundir import RunDirectory
from gplmt.reporting.history import History


class RunOutcome(Enum):
    """How a run went, in one word."""

    OK = "ok"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # by a signal
    UNFINISHED = "unfinished"  # still running, or killed


class RecordedRun:
    """A run directory and what its record tells; nothing in it is changed.

    `shown` is the directory as the user called it.
    """

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            UsageError: there is no run directory, or its record is none.
        """
        directory = RunDirectory.open(path)
        self.path = directory.path
        self.shown = directory.shown
        self.manifest = directory.manifest
        self.history = _read_history(directory.events)

    @property
    def outcome(self) -> RunOutcome:
        """How the run went."""
        return outcome_of(self.manifest)


def outcome_of(manifest: Manifest) -> RunOutcome:
    """How a run went, as its manifest tells."""
    match manifest.outcome:
        case None:
            return RunOutcome.UNFINISHED
        case Outcome.OK:
            return RunOutcome.OK if not manifest.exit_code else RunOutcome.FAILED
        case Outcome.CANCELLED:
            return RunOutcome.INTERRUPTED
    return RunOutcome.FAILED


def _read_history(events: Path) -> History:
    try:
        return History(read_events(events))
    except GplmtError as error:
        raise UsageError(str(error)) from error
