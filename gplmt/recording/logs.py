"""The log files of commands: the bytes as they come, unchanged and at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from gplmt.commands import LogPaths
from gplmt.errors import LogError
from gplmt.recording.faults import in_words
from gplmt.recording.names import safe_name

_APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_MODE = 0o666  # the umask decides: results are there to be shared
_LONGEST_NAME = 240  # file systems take 255 bytes; `.out`, and something to spare
_MOST_DESCRIPTORS = 65_536


class LogFiles:
    """The `logs` of a run directory: `logs/TARGET/NNNN-tasklist.task.out` and `.err`."""

    def __init__(self, run_directory: Path) -> None:
        self._root = f"{run_directory}/"
        self._directories: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._made: set[str] = set()

    @classmethod
    def after_a_run(cls, run_directory: Path) -> LogFiles:
        """The same directory again: its files are there, and numbers go on."""
        logs = cls(run_directory)
        for file in run_directory.glob("logs/*/*"):
            number, _, _ = file.name.partition("-")
            if number.isdecimal():
                directory = f"logs/{file.parent.name}"
                logs._counts[directory] = max(logs._counts.get(directory, 0), int(number))
        return logs

    def assign(self, *, target: str, tasklist: str, task: str) -> LogPaths:
        """Choose the files of a task; they are numbered per target from 0001 in this order."""
        directory = self._directories.get(target)
        if directory is None:
            name = safe_name(target, max_bytes=_LONGEST_NAME)
            directory = self._directories[target] = f"logs/{name}"
        count = self._counts[directory] = self._counts.get(directory, 0) + 1
        number = f"{count:04d}-"
        name = safe_name(f"{tasklist}.{task}", max_bytes=_LONGEST_NAME - len(number))
        stem = f"{directory}/{number}{name}"
        return LogPaths(stdout=f"{stem}.out", stderr=f"{stem}.err")

    def open(self, paths: LogPaths) -> tuple[Log, Log]:
        """Open both files of a task, again for each further attempt, which appends.

        Raises:
            LogError: a directory or file could not be created; neither is open then.
        """
        self._make_directory(paths.stdout.rpartition("/")[0])
        stdout = Log(self._root, paths.stdout)
        try:
            return stdout, Log(self._root, paths.stderr)
        except LogError:
            stdout.close()
            raise

    def _make_directory(self, directory: str) -> None:
        if directory in self._made:
            return
        try:
            os.makedirs(self._root + directory, exist_ok=True)  # noqa: PTH103 (twice as fast)
        except OSError as error:
            raise LogError(f"cannot create {directory}: {in_words(error)}") from error
        self._made.add(directory)


class Log:
    """One log file, open to take the bytes of one stream; an `OutputSink`.

    `path` is relative to the run directory, `size` counts the bytes taken.
    """

    def __init__(self, root: str, path: str) -> None:
        self.path = path
        self.size = 0
        self._file = root + path
        self._failure: LogError | None = None
        try:
            self._descriptor = os.open(self._file, _APPENDING, _MODE)
        except OSError as error:
            raise LogError(f"cannot open {path}: {in_words(error)}") from error

    def write(self, data: bytes) -> bool:
        """Append all of `data`.

        Raises:
            LogError: the file takes no more; what it took stays, and nothing is added later,
                so that a log never has a hole.
        """
        if self._failure is not None:
            raise self._failure
        try:
            written = os.write(self._descriptor, data)
            self.size += written
            while written < len(data):
                count = os.write(self._descriptor, memoryview(data)[written:])
                self.size += count
                written += count
        except OSError as error:
            self._failure = LogError(f"cannot write {self.path}: {in_words(error)}")
            raise self._failure from error
        return True

    def on_ready(self, callback: Callable[[], None]) -> None:
        """Call back at once: a file is always ready."""
        callback()

    def tail(self, *, max_lines: int, max_bytes: int) -> bytes:
        """The last lines of the file, of earlier attempts too; works after `close`."""
        return tail(Path(self._file), max_lines=max_lines, max_bytes=max_bytes)

    def close(self) -> None:
        """Give the descriptor back; an empty file stays."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def tail(path: Path, *, max_lines: int, max_bytes: int) -> bytes:
    """The last whole lines of a file, read from its end; empty where it cannot be read.

    Where the last line alone has more than `max_bytes`, its end.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - max_bytes)
            file.seek(start)
            text = file.read(max_bytes)
    except OSError:
        return b""
    lines = text.splitlines(keepends=True)
    if start and len(lines) > 1:  # the first one is most likely cut
        del lines[0]
    return b"".join(lines[-max_lines:])


def raise_descriptor_limit() -> int:
    """Let this process open as many files as it may; return the soft limit it had before.

    Each running command holds two log files and two pipes open.  Children inherit the limit,
    and some programs walk through all descriptors or use select(2): whoever starts commands
    should give them the former limit.
    """
    import resource  # only the command that runs an experiment needs it

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return soft
