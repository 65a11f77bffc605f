"""What the user reads when `gplmt cleanup` has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from gplmt.events import (
    CopiesRemoved,
    Event,
    Outcome,
    RecoveryFinished,
    RecoveryStarted,
    SurvivorsStopped,
    TasklistFinished,
    TeardownFinished,
    UnfinishedRemoved,
)
from gplmt.recording.failures import Failure, failure_of
from gplmt.recording.summary import show_failures

_RUN = (Outcome.OK, Outcome.FAILED, Outcome.TIMEOUT)


class Recovered:
    """Collects what was done; a `Sink`."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.failures: list[Failure] = []
        self.ending: RecoveryFinished | None = None
        self._span = 0

    def receive(self, event: Event) -> None:
        """Take what matters of an event."""
        match event:
            case RecoveryStarted():
                self._span = event.span
            case SurvivorsStopped():
                self.done["process"] += len(event.processes)
            case TeardownFinished() if event.outcome in _RUN:
                self.done["teardown"] += 1
            case TasklistFinished() if event.parent == self._span and event.outcome in _RUN:
                self.done["cleanup"] += 1
            case CopiesRemoved() | UnfinishedRemoved():
                self.done["file"] += event.removed
            case RecoveryFinished():
                self.ending = event
        failure = failure_of(event)
        if failure is not None:
            self.failures.append(failure)

    def close(self) -> None:
        """Nothing to give back."""


def render_recovered(
    recovered: Recovered, *, run_directory: str, read_tail: Callable[[str], bytes]
) -> str:
    """The text for the end of a cleanup, without a last newline; arguments as for a summary."""
    done = recovered.done
    lines = [
        *show_failures(recovered.failures, read_tail),
        f"stopped {_counted(done, 'process', 'processes')}, ran {_counted(done, 'cleanup')} and "
        f"{_counted(done, 'teardown')}, removed {_counted(done, 'file')}",
        f"result: {_result(recovered.ending, run_directory)}",
    ]
    return "\n".join(lines)


def _counted(done: Counter[str], one: str, several: str | None = None) -> str:
    word = one if done[one] == 1 else several or f"{one}s"
    return f"{done[one]} {word}"


def _result(ending: RecoveryFinished | None, run_directory: str) -> str:
    if ending is None:
        return "the record ends before the cleanup does"
    code = f"(exit code {ending.exit_code})"
    again = f"'gplmt cleanup {run_directory}'"
    if ending.outcome is Outcome.CANCELLED:
        return f"interrupted; {again} goes on {code}"
    if ending.remaining:
        return f"something is left to be done, {ending.reason}; try {again} again {code}"
    word = "ok" if ending.outcome is Outcome.OK else "all was run, and something failed"
    return f"{word}, nothing is left to be done {code}"
