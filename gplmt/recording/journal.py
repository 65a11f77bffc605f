"""The journal of a run, `journal.jsonl`: what it still owes, for whoever comes after a crash.

It is there as long as something may be owed, and removed then, as it holds values that are nobody
else's business.  A line is written before what it tells of happens; a crash of gplmt loses none.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock

import msgspec

from gplmt.commands import Command
from gplmt.errors import SetupError
from gplmt.inventory import Node
from gplmt.obligations import (
    CommandAlive,
    Done,
    JournalOpened,
    NodeInUse,
    Obligation,
    Statement,
    is_pressing,
    node_key,
)
from gplmt.recording.faults import in_words
from gplmt.recording.kept_journal import NAME, KeptJournal

_CREATING = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
_MODE = 0o600
_MOST_STALE_LINES = 10_000


class JournalFile:
    """Writes what is owed; a `Journal` and a `CommandJournal`, of use once it is open.

    May be told from any thread.  The file is rewritten now and then, so that it stays as small as
    what is owed; a lock on it says that its run is running.  `report` takes one message for the
    user, when the file cannot be written.
    """

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._lock = Lock()
        self._sync_lock = Lock()
        self._owed: dict[str, bytes] = {}
        self._pressing: set[str] = set()
        self._head = b""
        self._path = Path(NAME)
        self._descriptor = -1
        self._report: Callable[[str], None] | None = None
        self._lines = 0
        self._written = 0
        self._secured = 0
        self._is_torn = False

    def create(
        self, directory: Path, opened: JournalOpened, *, report: Callable[[str], None]
    ) -> None:
        """Begin the journal of a new run.

        Raises:
            SetupError: it cannot be written.
        """
        self._path, self._report = directory / NAME, report
        self._head = self._line(opened)
        try:
            self._rewrite()
        except OSError as error:
            raise SetupError(f"cannot create {self._path}: {in_words(error)}") from error

    def resume(
        self, kept: KeptJournal, opened: JournalOpened, *, report: Callable[[str], None]
    ) -> None:
        """Take over the journal of a run that has ended, and its lock.

        Raises:
            SetupError: it cannot be written; it is as it was.
        """
        self._owed = {key: self._line(each) for key, each in kept.owed.items()}
        self._pressing = {key for key, each in kept.owed.items() if is_pressing(each)}
        self.create(kept.path.parent, opened, report=report)
        kept.close()

    def owe(self, obligation: Obligation) -> None:
        """As `Journal.owe`."""
        line = self._line(obligation)
        with self._lock:
            self._owed[obligation.key] = line
            if is_pressing(obligation):
                self._pressing.add(obligation.key)
            self._append(line)

    def use(self, node: Node) -> None:
        """As `Journal.use`."""
        key = node_key(node.name)
        if key not in self._owed:
            self.owe(NodeInUse(key=key, node=node))

    def settle(self, key: str) -> None:
        """As `Journal.settle`."""
        with self._lock:
            if self._owed.pop(key, None) is not None:
                self._pressing.discard(key)
                self._append(self._line(Done(key=key)))

    def command_starts(self, node: Node, command: Command, marker: str) -> None:
        """As `CommandJournal.command_starts`."""
        self.use(node)
        self.owe(_alive(command, node.name, marker))

    def command_lives(self, command: Command, group: int) -> None:
        """As `CommandJournal.command_lives`."""
        key = command_key(command)
        line = self._owed.get(key)
        if line is not None:
            starting = msgspec.json.decode(line, type=CommandAlive)
            self.owe(msgspec.structs.replace(starting, group=group))

    def command_ended(self, command: Command) -> None:
        """As `CommandJournal.command_ended`."""
        self.settle(command_key(command))

    async def secured(self) -> None:
        """As `Journal.secured`."""
        from asyncio import to_thread  # nothing waits for the disk in most runs

        try:
            await to_thread(self.sync)
        except RuntimeError:  # there can be no thread: too many processes
            self.sync()

    def sync(self) -> None:
        """Return when all that is owed so far stands on the disk; not on the event loop's time.

        Those who come while one is at it share the next turn.
        """
        with self._lock:
            wanted = self._written
        with self._sync_lock:
            if self._secured >= wanted or self._descriptor < 0:
                return
            try:
                self._secured = self._bring_to_disk()
            except OSError as error:
                self._tell(error)

    def close(self, *, all_stopped: bool) -> bool:
        """Remove the journal if nothing is owed; False if something is, and it stays.

        `all_stopped` says that on all nodes nothing lives any more, whatever stands here.
        """
        owes = bool(self._pressing if all_stopped else self._owed)
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return not owes
        try:
            if not owes:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            self._tell(error)
        finally:
            os.close(descriptor)
        return not owes

    def _line(self, statement: Statement) -> bytes:
        return self._encoder.encode(statement) + b"\n"

    def _bring_to_disk(self) -> int:
        """See that what is written by now is on the disk; how much that is."""
        with self._lock:  # a copy, as the file may be rewritten meanwhile
            wanted, descriptor = self._written, os.dup(self._descriptor)
        try:
            os.fsync(descriptor)
            if not self._secured:
                _sync_names(self._path.parent)
        finally:
            os.close(descriptor)
        return wanted

    def _append(self, line: bytes) -> None:
        """Write a line; with the lock held."""
        if self._descriptor < 0:
            return
        try:
            self._lines += 1
            if self._is_torn or self._lines > _MOST_STALE_LINES + 2 * len(self._owed):
                self._rewrite()
            elif os.write(self._descriptor, line) < len(line):
                self._is_torn = True
                self._rewrite()
            self._written += 1
        except OSError as error:
            self._is_torn = True
            self._tell(error)

    def _rewrite(self) -> None:
        """Let a file with what is owed now take the place of the one there is."""
        temporary = self._path.with_name(f".{NAME}.new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, _CREATING, _MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _write_all(descriptor, b"".join((self._head, *self._owed.values())))
            if self._secured:
                os.fsync(descriptor)
            temporary.replace(self._path)
        except BaseException:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
            raise
        replaced, self._descriptor = self._descriptor, descriptor
        self._lines, self._is_torn = len(self._owed), False
        if replaced >= 0:
            os.close(replaced)

    def _tell(self, error: OSError) -> None:
        report, self._report = self._report, None
        if report is not None:
            report(
                f"warning: {self._path.name} cannot be written: {in_words(error)}; should gplmt "
                "crash, 'gplmt cleanup' will not know of all that is left"
            )


def command_key(command: Command) -> str:
    """The key of a command."""
    return f"command {command.identity}"


def _alive(command: Command, target: str, marker: str) -> CommandAlive:
    return CommandAlive(
        key=command_key(command),
        target=target,
        marker=marker,
        leave_running=command.leave_running,
    )


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_names(directory: Path) -> None:
    """See that the name of a new file in a new directory outlives a crash of the machine."""
    for each in (directory, directory.parent):
        descriptor = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
