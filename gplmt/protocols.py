"""The doors: what the engine asks of transports, sinks and clocks, and the values passed through.

Whoever adds a way to reach nodes implements `Transport`; the engine does not change.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from gplmt.diagnostics import Location
from gplmt.events import Event
from gplmt.inventory import Node
from gplmt.language.values import HostKeyChecking
from gplmt.obligations import Obligation


class Clock(Protocol):
    """Time, so that tests can let hours pass at once."""

    def now(self) -> datetime:
        """The wall-clock time, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from some fixed moment; never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass; cancelling leaves nothing to clean up."""
        ...


class Recorder(Protocol):
    """Where the engine puts the facts of a run."""

    def emit(self, event: Event) -> None:
        """Record one fact."""
        ...


class Sink(Protocol):
    """Takes the facts of a run, in order, as they happen."""

    def receive(self, event: Event) -> None:
        """Take one event; must not block for long."""
        ...

    def close(self) -> None:
        """No event will follow."""
        ...


class OutputSink(Protocol):
    """Takes the bytes of one output stream of one command."""

    def write(self, data: bytes) -> bool:
        """Take all of `data`; False asks the caller to pause reading until `on_ready` fires.

        Raises:
            LogError: the bytes could not be stored.
        """
        ...

    def on_ready(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, on the event loop, when more may be written after a False."""
        ...

    def close(self) -> None:
        """The stream has ended; may come long after its run, which left processes behind."""
        ...


class LogPaths(Struct, frozen=True, kw_only=True):
    """The log files of one task, relative to the run directory."""

    stdout: str
    stderr: str


class OutputLogs(Protocol):
    """Where the output of commands goes."""

    def assign(self, *, target: str, tasklist: str, task: str) -> LogPaths:
        """Choose the files of a task that is about to start; touches no disk."""
        ...

    def open(self, paths: LogPaths, *, target: str) -> tuple[OutputSink, OutputSink]:
        """Sinks for stdout and stderr, which append to the files.

        Raises:
            LogError: a file cannot be opened.
        """
        ...


class Origin(Struct, frozen=True, kw_only=True):
    """The task that a command comes from, for what is told of it later."""

    at: str
    target: str
    step: str
    tasklist: str
    task: str


class Command(Struct, frozen=True, kw_only=True):
    """A text for `/bin/sh -c` and what surrounds it.

    `environment` is added to the inherited one. `directory` is as the user wrote it, `stdin` an
    absolute path on the execution host; None for nothing to read. `identity` names the command
    uniquely within the run, by the span of its task and the attempt (`17.1`); it ends up in the
    marker `GPLMT_COMMAND_ID` of its processes.
    """

    identity: str
    origin: Origin
    text: str
    environment: Mapping[str, str]
    directory: str | None = None
    stdin: Path | None = None
    stop_signal: str = "TERM"
    leave_running: bool = False


class Completed(Struct, frozen=True, kw_only=True):
    """How a command's shell ended; `returncode` -N is death by signal N, as in subprocess."""

    returncode: int

    @property
    def status(self) -> int | None:
        """The exit status, None after death by a signal."""
        return self.returncode if self.returncode >= 0 else None

    @property
    def signal(self) -> int | None:
        """The number of the signal that ended it, None after an exit."""
        return -self.returncode if self.returncode < 0 else None

    @property
    def shell_status(self) -> int:
        """The status as a shell tells it: death by signal N is 128+N."""
        return self.returncode if self.returncode >= 0 else 128 - self.returncode


class Copied(Struct, frozen=True, kw_only=True):
    """What a copy did.

    `created` are the absolute paths that did not exist before, parents first.
    """

    files: int
    bytes: int
    created: tuple[str, ...] = ()


class Leftover(Struct, frozen=True, kw_only=True):
    """Processes that an ended command, known by its identity, had left running; now stopped."""

    node: Node
    identity: str
    origin: Origin
    processes: tuple[str, ...]  # "PID NAME"


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where a node is logged in to, and as whom."""

    host: str
    port: int
    user: str


class ClockReading(Struct, frozen=True, kw_only=True):
    """How far a clock is ahead of the execution host's, give or take the uncertainty."""

    offset_seconds: float
    uncertainty_seconds: float


class Answer(Struct, frozen=True, kw_only=True):
    """What a node told of itself; None is what could not be found out.

    `connect_seconds` have passed until it was ready for commands, its wait for its turn included.
    `round_trip_seconds` is the shortest of several. `host_key` is the fingerprint of the key that
    its server has shown.
    """

    connect_seconds: float
    round_trip_seconds: float
    system: str | None = None
    clock: ClockReading | None = None
    host_key: str | None = None


class Pinged(Struct, frozen=True, kw_only=True):
    """What came of a ping: an answer, or a reason why there is none; neither if it was cut short.

    `endpoint` is None where none is needed or known.
    """

    node: Node
    endpoint: Endpoint | None = None
    answer: Answer | None = None
    reason: str | None = None


class SshSettings(Struct, frozen=True, kw_only=True):
    """What the command line says of all ssh targets; None is what it does not say.

    `parallelism` connections are opened at a time, `cooldown_seconds` apart. `lease_seconds` is
    how long the two ends of a connection do without each other: then the connection counts as
    lost, and the node stops its commands (LANGUAGE.md 7.5). `is_batch` forbids to ask anything.
    """

    config_file: Path | None = None
    host_key_checking: HostKeyChecking | None = None
    parallelism: int = 64
    cooldown_seconds: float = 0.0
    lease_seconds: float = 45.0
    is_batch: bool = False


Warn = Callable[[str, Location | None], None]


def warn_nobody(message: str, at: Location | None) -> None:
    """Drop a warning."""


class CommandJournal(Protocol):
    """Where a transport says what is about to live on nodes, before it does."""

    def command_starts(self, node: Node, command: Command, marker: str) -> None:
        """The command is started next; what bears `marker` in its environment is of it."""
        ...

    def command_lives(self, command: Command, group: int) -> None:
        """The command has been started, and leads this process group."""
        ...

    def command_ended(self, command: Command) -> None:
        """Its shell has ended or was never started; what it left is known by the marker."""
        ...


class Journal(Protocol):
    """Where the engine says what it owes, before it does (see `gplmt.obligations`).

    Nothing raises: a journal that cannot be written tells the user itself.
    """

    def owe(self, obligation: Obligation) -> None:
        """From now on; on return it stands there, should gplmt crash."""
        ...

    def use(self, node: Node) -> None:
        """Something of the run may be on the node from now on, or is owed there."""
        ...

    def settle(self, key: str) -> None:
        """Nothing is owed under this key any more; one that is not known changes nothing."""
        ...

    async def secured(self) -> None:
        """Return when all that is owed so far stands there, should the machine crash.

        Cancelled, it will in a moment.
        """
        ...

    def sync(self) -> None:
        """The same for threads: it blocks."""
        ...


class NoJournal:
    """Takes what is owed, and forgets it; a `Journal` and a `CommandJournal`."""

    def owe(self, obligation: Obligation) -> None:
        """Forget it."""

    def use(self, node: Node) -> None:
        """Forget it."""

    def settle(self, key: str) -> None:
        """It is forgotten already."""

    async def secured(self) -> None:
        """There is nothing to be waited for."""

    def sync(self) -> None:
        """There is nothing to be waited for."""

    def command_starts(self, node: Node, command: Command, marker: str) -> None:
        """Forget it."""

    def command_lives(self, command: Command, group: int) -> None:
        """Forget it."""

    def command_ended(self, command: Command) -> None:
        """It is forgotten already."""


class TransportSettings(Struct, frozen=True, kw_only=True):
    """What every transport is told when it is made.

    `directory` is where local commands start, `run_token` a random word that marks the
    processes of this run, `descriptor_limit` the number of files that commands may open. `warn`
    takes what the user should know and no task tells; it may be called at any time.  `journal`
    is told of every command.
    """

    directory: Path
    grace_seconds: float
    run_token: str
    descriptor_limit: int | None = None
    ssh: SshSettings = SshSettings()
    warn: Warn = warn_nobody
    journal: CommandJournal = NoJournal()


class CopyJournal(Protocol):
    """What a copy tells before it writes, so that what a killed gplmt has left can be removed.

    `stem` is 8 hexadecimal digits, those of the run.  What is unfinished, a file, a link or a
    whole directory, has a name `.gplmt-STEM????????.tmp`, 8 more such digits in the middle, and
    lies beside or below the places that `writing` was told, on their side of any link.  Whatever
    else a copy makes was told to `creating`.  Paths are absolute, and of the host that is written
    to: of the node for a put, of the execution host for a get; bytes that are no UTF-8 are
    surrogates, as in `os.fsdecode`.  Nothing raises.
    """

    @property
    def stem(self) -> str:
        """What the names of unfinished files begin with."""
        ...

    def writing(self, roots: Sequence[str]) -> None:
        """Something may soon be unfinished beside or below `roots`, the places of the copies.

        Called on the event loop or in a thread, so it must not block for long.  It is called
        before anything is written, and again with the end of each link that is written through.
        """
        ...

    def creating(self, paths: Sequence[str]) -> None:
        """The copy is about to make `paths`, which do not exist, parents first.

        Returns when that is sure to outlast a crash.  Called in threads, by one at a time for each
        copy, with up to a thousand paths.  That a path was told does not mean that it was made:
        the copy may fail before, or somebody else may make it first.
        """
        ...


class UnwrittenJournal:
    """A journal for copies after which nobody will clean up."""

    def __init__(self) -> None:
        self.stem = os.urandom(4).hex()

    def writing(self, roots: Sequence[str]) -> None:
        """Note nothing."""

    def creating(self, paths: Sequence[str]) -> None:
        """Note nothing."""


class Transport(Protocol):
    """A way to reach nodes: one object for all nodes of one kind of address in a run.

    All methods may be called concurrently. When a call is cancelled, the transport first stops
    what the call started (LANGUAGE.md 7.5), which takes at most the grace period and a little,
    and then lets the cancellation through.
    """

    async def run(
        self, node: Node, command: Command, *, stdout: OutputSink, stderr: OutputSink
    ) -> Completed:
        """Run a command; return when its shell has ended, whoever still holds its output.

        The transport owns both sinks from here on, and closes each at the end of its stream,
        also when it raises.

        Raises:
            LaunchError: the command could not be started.
            LogError: a sink refused bytes; the command has been stopped.
            ConnectionLostError: what became of the command is not known.
        """
        ...

    async def put(
        self, node: Node, sources: Sequence[Path], destination: str, *, journal: CopyJournal
    ) -> Copied:
        """Copy from the execution host to the node (LANGUAGE.md 6.3).

        `sources` exist and are absolute; `destination` is the user's text, variables expanded.
        `journal` is of this copy alone.

        Raises:
            CopyError: the reason, naming the file; nothing incomplete has a final name.
        """
        ...

    async def get(
        self, node: Node, source: str, destination: Path, *, into: bool, journal: CopyJournal
    ) -> Copied:
        """Copy from the node; `source` may be a pattern, `destination` is absolute.

        `into` says that the user's destination ended in a slash; `journal` is as for put.

        Raises:
            CopyError: as for put, and where nothing matches the source.
        """
        ...

    async def remove(self, node: Node, paths: Sequence[str]) -> tuple[str, ...]:
        """Remove files, and directories once empty; return those that could not be removed."""
        ...

    async def can_connect(self, node: Node, host: str, port: int) -> bool:
        """Whether the node can open a TCP connection, told within a few seconds."""
        ...

    async def ping(self, node: Node) -> Pinged:
        """Connect to the node, and see how far it is, what it runs and what its clock says.

        Nothing is left there.  That it does not answer is a result, not an error.
        """
        ...

    async def stop_leftovers(self) -> tuple[Leftover, ...]:
        """Stop what ended commands left running, `leave_running` ones aside."""
        ...

    def kill(self) -> None:
        """Kill all commands at once and make every stop immediate; `run` calls then return."""
        ...

    async def close(self) -> None:
        """Give back all connections, processes, descriptors; idempotent."""
        ...
