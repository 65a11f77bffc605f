"""Where the output of a task's commands goes, also when a log cannot be written."""

from __future__ import annotations

from collections.abc import Callable

from gplmt.commands import LogPaths
from gplmt.engine.signals import TaskFailed
from gplmt.errors import LogError
from gplmt.events import Outcome
from gplmt.protocols import OutputLogs, OutputSink


class Outputs:
    """Opens the logs of one task, again for each attempt.

    A command that must run, as those of cleanups and teardowns must, runs without logs where there
    can be none: a full disk shall leave nothing undone.  `check` tells of it afterwards.
    """

    def __init__(self, logs: OutputLogs, *, must_run: bool) -> None:
        self._logs = logs
        self._must_run = must_run
        self._fault: LogError | None = None

    def open(self, paths: LogPaths, *, target: str) -> tuple[OutputSink, OutputSink]:
        """As `OutputLogs.open`; it raises nothing if the command must run."""
        if not self._must_run:
            return self._logs.open(paths, target=target)
        try:
            stdout, stderr = self._logs.open(paths, target=target)
        except LogError as error:
            self._note(error)
            return _Nowhere(), _Nowhere()
        return _Forgiving(stdout, self._note), _Forgiving(stderr, self._note)

    def check(self) -> None:
        """Fail the task if it has run without its logs.

        Raises:
            TaskFailed: it has; nothing need be stopped for that.
        """
        if self._fault is not None:
            raise TaskFailed(Outcome.FAILED, str(self._fault), is_unlogged=True)

    def _note(self, error: LogError) -> None:
        self._fault = self._fault or error


class _Nowhere:
    """Drops what it takes; an `OutputSink`."""

    def write(self, data: bytes) -> bool:  # noqa: ARG002
        return True

    def on_ready(self, callback: Callable[[], None]) -> None:
        callback()

    def close(self) -> None:
        """Nothing is open."""


class _Forgiving:
    """Passes bytes on to a sink as long as that takes them; an `OutputSink`."""

    def __init__(self, sink: OutputSink, note: Callable[[LogError], None]) -> None:
        self._sink: OutputSink = sink
        self._note = note

    def write(self, data: bytes) -> bool:
        try:
            return self._sink.write(data)
        except LogError as error:
            self._note(error)
            self._sink.close()
            self._sink = _Nowhere()
            return True

    def on_ready(self, callback: Callable[[], None]) -> None:
        self._sink.on_ready(callback)

    def close(self) -> None:
        self._sink.close()
