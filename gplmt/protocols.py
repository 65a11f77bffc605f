"""The doors: what the engine asks of transports, sinks and clocks, and the values passed through.

Whoever adds a way to reach nodes implements `Transport`; the engine does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from gplmt.arrivals import Arrivals
from gplmt.commands import Command, Completed, LogPaths, Origin
from gplmt.diagnostics import Location
from gplmt.events import Event
from gplmt.inventory import Node
from gplmt.journals import CommandJournal, CopyJournal, NoJournal
from gplmt.language.values import HostKeyChecking


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


class TransportSettings(Struct, frozen=True, kw_only=True):
    """What every transport is told when it is made.

    `directory` is where local commands start, `run_token` a random word that marks the
    processes of this run, `descriptor_limit` the number of files that commands may open. `warn`
    takes what the user should know and no task tells; it may be called at any time.  `journal`
    is told of every command.  `arrivals` are the trees that gets bring.
    """

    directory: Path
    grace_seconds: float
    run_token: str
    descriptor_limit: int | None = None
    ssh: SshSettings = SshSettings()
    warn: Warn = warn_nobody
    journal: CommandJournal = NoJournal()
    arrivals: Arrivals = field(default_factory=Arrivals)


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
