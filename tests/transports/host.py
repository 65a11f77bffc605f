"""This host as local targets: runs commands, keeps their output, and looks what is left."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path

from gplmt.diagnostics import Location
from gplmt.errors import LogError
from gplmt.inventory import LocalAddress, Node
from gplmt.protocols import Command, Completed, Leftover, Origin, TransportSettings
from gplmt.transports.local import LocalTransport
from tests.support.processes import marked_by, until

ORIGIN = Origin(at="host.xml:1", target="n1", step="step-1", tasklist="tl", task="run-1")


def node(name: str = "n1") -> Node:
    """A local target."""
    return Node(at=Location("host.xml", 1), name=name, address=LocalAddress())


class Output:
    """A sink that keeps the bytes; it can be made to ask for pauses, or to fail."""

    def __init__(self, *, pause_after: int | None = None, fail_after: int | None = None) -> None:
        self.data = bytearray()
        self.closed = 0
        self.resume: Callable[[], None] | None = None
        self._pause_after = pause_after
        self._fail_after = fail_after

    def write(self, data: bytes) -> bool:
        assert not self.closed
        self.data += data
        if self._fail_after is not None and len(self.data) >= self._fail_after:
            raise LogError("no space left")
        return self._pause_after is None or len(self.data) < self._pause_after

    def on_ready(self, callback: Callable[[], None]) -> None:
        assert self.resume is None
        self.resume = callback

    def go_on(self) -> None:
        """Ask for no more pauses."""
        self._pause_after = None
        assert self.resume is not None
        self.resume()

    def close(self) -> None:
        self.closed += 1

    async def shows(self, text: str) -> None:
        """Wait for output."""
        await until(lambda: text.encode() in self.data)


class Execution:
    """A command that was begun."""

    def __init__(self, command: Command, stdout: Output, stderr: Output) -> None:
        self.command = command
        self.stdout = stdout
        self.stderr = stderr
        self.task: asyncio.Task[Completed]

    async def returncode(self) -> int:
        """Wait for the end of the shell."""
        async with asyncio.timeout(30):
            return (await self.task).returncode

    async def cancel(self) -> None:
        """Cancel, and wait until that has gone through."""
        self.task.cancel()
        await asyncio.wait([self.task], timeout=30)
        assert self.task.cancelled()


class Result:
    """How a command went."""

    def __init__(self, returncode: int, execution: Execution) -> None:
        self.returncode = returncode
        self.stdout = bytes(execution.stdout.data)
        self.stderr = bytes(execution.stderr.data)
        self.execution = execution


class Host:
    """A `LocalTransport` with commands that are easy to write down."""

    def __init__(
        self,
        directory: Path,
        *,
        grace_seconds: float = 5.0,
        guard_shell: Sequence[str] = ("/bin/sh",),
        descriptor_limit: int | None = None,
    ) -> None:
        self.token = f"t{secrets.token_hex(8)}"
        self.directory = directory
        self.transport = LocalTransport(
            TransportSettings(
                directory=directory,
                grace_seconds=grace_seconds,
                run_token=self.token,
                descriptor_limit=descriptor_limit,
            ),
            guard_shell=guard_shell,
        )
        self._spans = count(1)

    def begin(
        self,
        text: str,
        *,
        on: str = "n1",
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
        stdin: Path | None = None,
        stop_signal: str = "TERM",
        leave_running: bool = False,
        stdout: Output | None = None,
        stderr: Output | None = None,
    ) -> Execution:
        """Start a command in a task of its own."""
        command = Command(
            identity=f"{next(self._spans)}.1",
            origin=ORIGIN,
            text=text,
            environment=environment or {},
            directory=directory,
            stdin=stdin,
            stop_signal=stop_signal,
            leave_running=leave_running,
        )
        execution = Execution(command, stdout or Output(), stderr or Output())
        execution.task = asyncio.create_task(
            self.transport.run(node(on), command, stdout=execution.stdout, stderr=execution.stderr)
        )
        return execution

    async def run(
        self,
        text: str,
        *,
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
        stdin: Path | None = None,
        leave_running: bool = False,
    ) -> Result:
        """Run a command to the end of its shell."""
        execution = self.begin(
            text,
            environment=environment,
            directory=directory,
            stdin=stdin,
            leave_running=leave_running,
        )
        return Result(await execution.returncode(), execution)

    async def stop_leftovers(self) -> tuple[Leftover, ...]:
        """End what ended commands left, within bounded time."""
        async with asyncio.timeout(30):
            return await self.transport.stop_leftovers()

    async def close(self) -> None:
        """Close the transport, within bounded time."""
        async with asyncio.timeout(30):
            await self.transport.close()

    def marked(self) -> dict[int, str]:
        """The processes of this host's commands."""
        return marked_by(f"GPLMT_COMMAND_ID={self.token}-")


class Hosts:
    """The hosts of one test."""

    def __init__(self, directory: Path) -> None:
        self.made: list[Host] = []
        self._directory = directory

    def make(
        self,
        *,
        grace_seconds: float = 5.0,
        guard_shell: Sequence[str] = ("/bin/sh",),
        descriptor_limit: int | None = None,
    ) -> Host:
        """One more transport; the fixture closes it."""
        host = Host(
            self._directory,
            grace_seconds=grace_seconds,
            guard_shell=guard_shell,
            descriptor_limit=descriptor_limit,
        )
        self.made.append(host)
        return host
