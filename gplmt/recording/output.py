"""Where the output of commands goes: into its log always, and to the terminal if it is shown."""

from __future__ import annotations

from collections.abc import Callable

from gplmt.commands import LogPaths
from gplmt.protocols import OutputSink
from gplmt.recording.latest_output import LatestOutput
from gplmt.recording.logs import Log, LogFiles
from gplmt.recording.terminal import LineStream, Terminal


class CommandOutput:
    """The output of all commands of a run; an `OutputLogs`.

    Without a terminal (`--quiet`) the log files alone take the bytes.  `latest` is told of
    everything that comes.
    """

    def __init__(
        self,
        files: LogFiles,
        terminal: Terminal | None = None,
        latest: LatestOutput | None = None,
    ) -> None:
        self._files = files
        self._terminal = terminal
        self._latest = latest

    def assign(self, *, target: str, tasklist: str, task: str) -> LogPaths:
        """Choose the files of a task that is about to start; touches no disk."""
        return self._files.assign(target=target, tasklist=tasklist, task=task)

    def open(self, paths: LogPaths, *, target: str) -> tuple[OutputSink, OutputSink]:
        """Sinks for stdout and stderr, which append to the files.

        Raises:
            LogError: a file cannot be opened.
        """
        stdout, stderr = self._files.open(paths)
        if self._terminal is None:
            return self._watched(stdout, target), self._watched(stderr, target)
        return (
            self._watched(_tee(stdout, self._terminal.stdout_of(target)), target),
            self._watched(_tee(stderr, self._terminal.stderr_of(target)), target),
        )

    def _watched(self, sink: OutputSink, target: str) -> OutputSink:
        return sink if self._latest is None else self._latest.watch(sink, target)


class Tee:
    """A log and the display of one stream; an `OutputSink`."""

    def __init__(self, log: Log, display: LineStream) -> None:
        self._log = log
        self._display = display

    def write(self, data: bytes) -> bool:
        """Log, then show; False while the terminal is behind.

        Raises:
            LogError: the log could not be written; the bytes are not shown then.
        """
        self._log.write(data)
        return self._display.write(data)

    def on_ready(self, callback: Callable[[], None]) -> None:
        """Call back on the event loop once the terminal has caught up."""
        self._display.on_ready(callback)

    def close(self) -> None:
        """End both."""
        self._log.close()
        self._display.close()


def _tee(log: Log, display: LineStream | None) -> OutputSink:
    return log if display is None else Tee(log, display)
