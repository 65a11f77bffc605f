"""A scripted double of a transport, for tests of experiments and of the engine.

Nothing is run: commands end as the script says, after as much time as it says, on the clock
that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from gplmt.errors import CopyError
from gplmt.inventory import Node
from gplmt.protocols import Clock, Command, Completed, Copied, Leftover, OutputSink


class Script(Struct, frozen=True, kw_only=True):
    """How a command goes: `returncode` as in `Completed`, after `seconds`."""

    returncode: int = 0
    seconds: float = 0.0
    stdout: bytes = b""
    stderr: bytes = b""
    leaves: tuple[str, ...] = ()  # processes it leaves running, "PID NAME"


Scripted = Callable[[Node, Command], Script]


class FakeTransport:
    """A `Transport` whose commands do what `script` says.

    What was asked of it is kept, in order: `commands`, `copies`, and as `alive` the commands
    that have neither ended nor been stopped.
    """

    def __init__(self, clock: Clock, script: Scripted, *, stop_seconds: float = 0.0) -> None:
        self._clock = clock
        self._script = script
        self._stop_seconds = stop_seconds
        self._leftovers: list[Leftover] = []
        self.commands: list[tuple[str, Command]] = []
        self.copies: list[tuple[str, str, str]] = []
        self.removed: list[tuple[str, tuple[str, ...]]] = []
        self.alive: set[str] = set()
        self.missing_sources: set[str] = set()
        self.is_killed = False
        self.is_closed = False

    async def run(
        self, node: Node, command: Command, *, stdout: OutputSink, stderr: OutputSink
    ) -> Completed:
        """Let the scripted time pass, then write the scripted output and end."""
        self.commands.append((node.name, command))
        self.alive.add(command.identity)
        script = self._script(node, command)
        try:
            await self._clock.sleep(script.seconds)
            stdout.write(script.stdout)
            stderr.write(script.stderr)
        except BaseException:
            if not self.is_killed:
                await self._clock.sleep(self._stop_seconds)
            raise
        finally:
            self.alive.discard(command.identity)
            stdout.close()
            stderr.close()
        if script.leaves and not command.leave_running:
            self._leftovers.append(
                Leftover(node=node, command=command, processes=script.leaves)
            )
        return Completed(returncode=script.returncode)

    async def put(self, node: Node, sources: Sequence[Path], destination: str) -> Copied:
        """Remember the copy."""
        await self._clock.sleep(0)
        self.copies.append((node.name, " ".join(str(source) for source in sources), destination))
        return Copied(files=len(sources), bytes=0, created=(destination,))

    async def get(self, node: Node, source: str, destination: Path, *, into: bool) -> Copied:
        """Remember the copy, or fail if the source is among `missing_sources`."""
        await self._clock.sleep(0)
        if source in self.missing_sources:
            raise CopyError(f"{source} does not exist")
        self.copies.append((node.name, source, f"{destination}/" if into else str(destination)))
        return Copied(files=1, bytes=0)

    async def remove(self, node: Node, paths: Sequence[str]) -> tuple[str, ...]:
        """Remember the removal."""
        await self._clock.sleep(0)
        self.removed.append((node.name, tuple(paths)))
        return ()

    async def can_connect(self, node: Node, host: str, port: int) -> bool:
        """Answer as a command named `connect HOST PORT` is scripted to end."""
        raise NotImplementedError(f"no script for a connection of {node.name} to {host}:{port}")

    async def stop_leftovers(self) -> tuple[Leftover, ...]:
        """Give what commands left running, once."""
        await self._clock.sleep(0)
        leftovers, self._leftovers = tuple(self._leftovers), []
        return leftovers

    def kill(self) -> None:
        """Make every stop immediate."""
        self.is_killed = True

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True
