"""A scripted double of a transport, for tests of experiments and of the engine.

Nothing is run: commands, copies and connections end as the script says, after as much time as
it says, on the clock that is handed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from gplmt.commands import Command, Completed
from gplmt.errors import CopyError, LaunchError, TaskError
from gplmt.inventory import Node
from gplmt.journals import CopyJournal
from gplmt.protocols import Answer, Clock, Copied, Leftover, OutputSink, Pinged

_KILLED = -9


class Script(Struct, frozen=True, kw_only=True):
    """How a command goes: `returncode` as in `Completed`, after `seconds`.

    With an `error`, that is raised in the place of an end; with `error_when_stopped`, in the
    place of the cancellation.
    """

    returncode: int = 0
    seconds: float = 0.0
    stdout: bytes = b""
    stderr: bytes = b""
    leaves: tuple[str, ...] = ()  # processes it leaves running, "PID NAME"
    error: TaskError | None = None
    error_when_stopped: TaskError | None = None


Scripted = Callable[[Node, str], Script]


class FakeTransport:
    """Does what a script says; see `gplmt.protocols.Transport`.

    The script is asked by node and text: that of a command, `put SOURCE... DESTINATION`,
    `get SOURCE DESTINATION`, `connect HOST PORT`, `ping`.  What was asked of it is kept, in order:
    `commands`, `copies`, `removed`, and as `alive` the commands that have neither ended nor been
    stopped. A command that is cancelled takes `stop_seconds` to be gone, however often it is
    cancelled, unless everything is killed; stopping what was left behind, removing copies and
    closing take `ending_seconds` each.
    """

    def __init__(
        self,
        clock: Clock,
        script: Scripted,
        *,
        stop_seconds: float = 0.0,
        ending_seconds: float = 0.0,
    ) -> None:
        self._clock = clock
        self._script = script
        self._stop_seconds = stop_seconds
        self._ending_seconds = ending_seconds
        self._leftovers: list[Leftover] = []
        self._pauses: set[asyncio.Future[None]] = set()
        self.commands: list[tuple[str, Command]] = []
        self.copies: list[tuple[str, str, str]] = []
        self.removed: list[tuple[str, tuple[str, ...]]] = []
        self.alive: set[str] = set()
        self.is_killed = False
        self.is_closed = False

    async def run(
        self, node: Node, command: Command, *, stdout: OutputSink, stderr: OutputSink
    ) -> Completed:
        """Let the scripted time pass, then write the scripted output and end."""
        script = self._script(node, command.text)
        try:
            self._refuse_when_killed()
            self.commands.append((node.name, command))
            self.alive.add(command.identity)
            await self._go(script)
            stdout.write(script.stdout)
            stderr.write(script.stderr)
        finally:
            self.alive.discard(command.identity)
            stdout.close()
            stderr.close()
        if script.leaves and not command.leave_running:
            self._leftovers.append(
                Leftover(
                    node=node,
                    identity=command.identity,
                    origin=command.origin,
                    processes=script.leaves,
                )
            )
        return Completed(returncode=_KILLED if self.is_killed else script.returncode)

    async def put(
        self, node: Node, sources: Sequence[Path], destination: str, *, journal: CopyJournal
    ) -> Copied:
        """Remember the copy; the journal is told that it makes `destination`."""
        text = " ".join(str(source) for source in sources)
        journal.writing((destination,))
        journal.creating((destination,))
        await self._copy(node, "put", text, destination)
        return Copied(files=len(sources), bytes=0, created=(destination,))

    async def get(
        self, node: Node, source: str, destination: Path, *, into: bool, journal: CopyJournal
    ) -> Copied:
        """Remember the copy."""
        journal.writing((str(destination),))
        await self._copy(node, "get", source, f"{destination}/" if into else str(destination))
        return Copied(files=1, bytes=0)

    async def remove(self, node: Node, paths: Sequence[str]) -> tuple[str, ...]:
        """Remember the removal."""
        await self._pause(self._ending_seconds)
        self.removed.append((node.name, tuple(paths)))
        return ()

    async def can_connect(self, node: Node, host: str, port: int) -> bool:
        """Whether what is scripted as `connect HOST PORT` ends with 0."""
        script = self._script(node, f"connect {host} {port}")
        await self._go(script)
        return script.returncode == 0 and not self.is_killed

    async def ping(self, node: Node) -> Pinged:
        """An answer after the scripted time, or the scripted error as the reason for none."""
        script = self._script(node, "ping")
        try:
            await self._go(script)
        except TaskError as error:
            return Pinged(node=node, reason=str(error))
        answer = Answer(connect_seconds=script.seconds, round_trip_seconds=0.0)
        return Pinged(node=node, answer=answer)

    async def stop_leftovers(self) -> tuple[Leftover, ...]:
        """Give what commands left running, once."""
        await self._pause(self._ending_seconds)
        leftovers, self._leftovers = tuple(self._leftovers), []
        return leftovers

    def kill(self) -> None:
        """End all that runs or is being stopped; nothing starts any more."""
        self.is_killed = True
        for pause in self._pauses:
            pause.cancel()

    async def close(self) -> None:
        """Note it."""
        await self._pause(self._ending_seconds)
        self.is_closed = True

    async def _copy(self, node: Node, verb: str, source: str, destination: str) -> None:
        script = self._script(node, f"{verb} {source} {destination}")
        self._refuse_when_killed()
        await self._go(script)
        if script.returncode:
            raise CopyError(f"{source} does not exist")
        self.copies.append((node.name, source, destination))

    async def _go(self, script: Script) -> None:
        try:
            await self._pause(script.seconds)
        except asyncio.CancelledError:
            await self._stop()
            if script.error_when_stopped is not None:
                raise script.error_when_stopped from None
            raise
        if script.error is not None:
            raise script.error

    async def _stop(self) -> None:
        """Let the time pass that stopping takes; a further cancellation changes nothing."""
        deadline = self._clock.monotonic() + self._stop_seconds
        while (left := deadline - self._clock.monotonic()) > 0 and not self.is_killed:
            try:
                await self._pause(left)
            except asyncio.CancelledError:
                continue

    async def _pause(self, seconds: float) -> None:
        """Let time pass, or return early when everything is killed."""
        if self.is_killed:
            return
        pause = asyncio.ensure_future(self._clock.sleep(seconds))
        self._pauses.add(pause)
        try:
            await asyncio.wait({pause})
        finally:
            pause.cancel()
            self._pauses.discard(pause)

    def _refuse_when_killed(self) -> None:
        if self.is_killed:
            raise LaunchError("the command is not started: gplmt is ending")
