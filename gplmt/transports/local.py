"""Local targets: commands on the execution host (LANGUAGE.md 6.2, 7.5, 11.1)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from gplmt.commands import Command, Completed
from gplmt.errors import LaunchError, LogError
from gplmt.inventory import Node
from gplmt.journals import CopyJournal
from gplmt.protocols import (
    Answer,
    ClockReading,
    Copied,
    Leftover,
    OutputSink,
    Pinged,
    TransportSettings,
)
from gplmt.transports.guard import Guard
from gplmt.transports.launching import Launched, launch, let_children_be_waited_for, outlast_writers
from gplmt.transports.leftovers import EndedCommands, Execution, find_remains, mark_of
from gplmt.transports.processes import MARKER_VARIABLE, signal_number
from gplmt.transports.shells import Shell
from gplmt.transports.stopping import Stopper, wait_despite_cancellation

_CONNECT_SECONDS = 3.0


class LocalTransport:
    """Runs commands on the execution host, and leaves nothing of them behind.

    Each command has a session of its own, and a marker in its environment that all its
    descendants inherit.  A guard process stops them should gplmt die.
    """

    def __init__(
        self,
        settings: TransportSettings,
        nodes: Sequence[Node] = (),  # noqa: ARG002 (all are this host)
        *,
        guard_shell: Sequence[str] = ("/bin/sh",),
    ) -> None:
        token, grace_seconds = settings.run_token, settings.grace_seconds
        self._directory = settings.directory.absolute()
        self._start_directory = str(self._directory)
        self._descriptor_limit = settings.descriptor_limit
        self._token = token
        self._journal = settings.journal
        self._arrivals = settings.arrivals
        self._environment = dict(os.environb)
        self._guard = Guard(token=token, grace_seconds=grace_seconds, shell=guard_shell)
        self._stopper = Stopper(token=token, grace_seconds=grace_seconds)
        self._running: dict[str, Execution] = {}
        self._ended = EndedCommands(token=token, guard=self._guard)
        self._is_ending = False
        let_children_be_waited_for()

    async def run(
        self, node: Node, command: Command, *, stdout: OutputSink, stderr: OutputSink
    ) -> Completed:
        """As `Transport.run`; SIGKILL to gplmt stops the command too."""
        try:
            execution = self._start(node, command, stdout, stderr)
        except LaunchError:
            stdout.close()
            stderr.close()
            raise
        try:
            returncode = await execution.shell.ended
        except (asyncio.CancelledError, LogError):
            await self._stop(execution)
            raise
        del self._running[execution.mark]
        self._ended.add(execution)
        self._journal.command_ended(command)
        return Completed(returncode=returncode)

    async def put(
        self,
        node: Node,  # noqa: ARG002
        sources: Sequence[Path],
        destination: str,
        *,
        journal: CopyJournal,
    ) -> Copied:
        """As `Transport.put`, within this host."""
        from gplmt.transports import copying  # most runs copy nothing

        return await copying.put(
            sources,
            destination,
            directory=self._directory,
            journal=journal,
            arrivals=self._arrivals,
        )

    async def get(
        self,
        node: Node,  # noqa: ARG002
        source: str,
        destination: Path,
        *,
        into: bool,
        journal: CopyJournal,
    ) -> Copied:
        """As `Transport.get`, within this host."""
        from gplmt.transports import copying

        return await copying.get(
            source,
            destination,
            into=into,
            directory=self._directory,
            journal=journal,
            arrivals=self._arrivals,
        )

    async def remove(self, node: Node, paths: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """As `Transport.remove`."""
        from gplmt.transports import copying

        return await copying.remove(paths, arrivals=self._arrivals)

    async def can_connect(self, node: Node, host: str, port: int) -> bool:  # noqa: ARG002
        """As `Transport.can_connect`."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError, UnicodeError):
            return False
        writer.transport.abort()
        await asyncio.sleep(0)
        return True

    async def ping(self, node: Node) -> Pinged:
        """As `Transport.ping`; this host answers at once, and its clock is the one that counts."""
        from gplmt.transports.systems import describe_this_system  # no run asks for it

        return Pinged(
            node=node,
            answer=Answer(
                connect_seconds=0.0,
                round_trip_seconds=0.0,
                system=describe_this_system(),
                clock=ClockReading(offset_seconds=0.0, uncertainty_seconds=0.0),
            ),
        )

    async def stop_leftovers(self) -> tuple[Leftover, ...]:
        """As `Transport.stop_leftovers`; once it has begun to stop them, it finishes."""
        executions = self._ended.to_be_stopped()
        remains = await find_remains(executions, token=self._token)
        try:
            await wait_despite_cancellation(
                *(self._begin_to_stop(found.execution, group=found.group) for found in remains)
            )
        finally:
            for execution in executions:
                execution.shell.close()
                self._ended.forget(execution)
        return tuple(found.as_leftover() for found in remains)

    def kill(self) -> None:
        """As `Transport.kill`; no further command is started."""
        self._is_ending = True
        for execution in self._running.values():
            self._begin_to_stop(execution, group=execution.shell.group)
        self._stopper.kill()

    async def close(self) -> None:
        """As `Transport.close`; what still runs is killed, commands to be left running aside."""
        self.kill()
        await self.stop_leftovers()
        await self._stopper.finish()
        for execution in self._running.values():
            execution.shell.close()
        for execution in self._ended.to_be_kept():
            self._ended.forget(execution)
            outlast_writers(execution.shell.release())
        await self._guard.close()

    def _start(
        self, node: Node, command: Command, stdout: OutputSink, stderr: OutputSink
    ) -> Execution:
        if self._is_ending:
            raise LaunchError("the command is not started: gplmt is ending")
        self._guard.start()
        mark = mark_of(command)
        if command.leave_running:
            self._guard.add(mark)
        marker = f"{self._token}-{mark}{node.name}"
        self._journal.command_starts(node, command, marker)
        try:
            launched = self._launch(command, marker)
        except LaunchError:
            self._guard.remove(mark)
            self._journal.command_ended(command)
            raise
        shell = Shell(launched, stdout=stdout, stderr=stderr)
        execution = self._running[mark] = Execution(node, command, shell)
        self._guard.add(execution.word)
        self._journal.command_lives(command, shell.group)
        return execution

    def _launch(self, command: Command, marker: str) -> Launched:
        return launch(
            command.text,
            directory=self._place(command),
            environment=self._environment_of(command, marker),
            stdin=command.stdin,
            descriptor_limit=self._descriptor_limit,
        )

    def _place(self, command: Command) -> str:
        if command.directory is None:
            return self._start_directory
        return str(self._directory / command.directory)

    def _environment_of(self, command: Command, marker: str) -> dict[bytes, bytes]:
        added = {**command.environment, MARKER_VARIABLE: marker}
        return self._environment | {
            name.encode(): value.encode(errors="surrogateescape") for name, value in added.items()
        }

    async def _stop(self, execution: Execution) -> None:
        """Stop all of a command; its shell may have ended."""
        try:
            await wait_despite_cancellation(
                self._begin_to_stop(execution, group=execution.shell.group)
            )
        finally:
            execution.shell.close()
            del self._running[execution.mark]
            self._guard.remove(execution.word)
            self._guard.remove(execution.mark)
            self._journal.command_ended(execution.command)

    def _begin_to_stop(self, execution: Execution, *, group: int | None) -> asyncio.Future[None]:
        number = signal_number(execution.command.stop_signal)
        return self._stopper.stop(execution.mark, group=group, number=number)
