"""Targets of one transport: runs commands on them, keeps their output, and looks what is left."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path

from gplmt.commands import Command, Completed, Origin
from gplmt.diagnostics import Location
from gplmt.errors import LogError
from gplmt.inventory import LocalAddress, Node
from gplmt.protocols import Leftover, Transport, TransportSettings
from gplmt.transports.local import LocalTransport
from tests.support.processes import marked_by, until

ORIGIN = Origin(at="host.xml:1", target="n1", step="step-1", tasklist="tl", task="run-1")
AT = Location("host.xml", 1)


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


class Counter(Output):
    """A sink that keeps nothing but the number of bytes."""

    size = 0

    def write(self, data: bytes) -> bool:
        self.size += len(data)
        return True


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

    async def closed(self) -> None:
        """Wait until both sinks are closed, once each."""
        await until(lambda: (self.stdout.closed, self.stderr.closed) == (1, 1))


class Result:
    """How a command went."""

    def __init__(self, returncode: int, execution: Execution) -> None:
        self.returncode = returncode
        self.stdout = bytes(execution.stdout.data)
        self.stderr = bytes(execution.stderr.data)
        self.execution = execution


class Host:
    """A transport with commands that are easy to write down.

    Commands start in `directory`; `node` is a target of that name.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        token: str,
        directory: Path,
        node: Callable[[str], Node],
    ) -> None:
        self.transport = transport
        self.token = token
        self.directory = directory
        self.node = node
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
            self.transport.run(
                self.node(on), command, stdout=execution.stdout, stderr=execution.stderr
            )
        )
        return execution

    async def run(
        self,
        text: str,
        *,
        on: str = "n1",
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
        stdin: Path | None = None,
        leave_running: bool = False,
    ) -> Result:
        """Run a command to the end of its shell."""
        execution = self.begin(
            text,
            on=on,
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
        return marked_by(f"GPLMT_COMMAND_ID={self.token}")

    def make_fifo(self, name: str) -> Path:
        """A pipe with a name, where commands start; they may read and write it."""
        path = self.directory / name
        os.mkfifo(path)
        path.chmod(0o666)
        return path

    def make_file(self, name: str, text: str, *, mode: int = 0o644) -> Path:
        """A file, where commands start."""
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def make_directory(self, name: str) -> Path:
        """A directory, where commands start; they may write into it."""
        path = self.directory / name
        path.mkdir()
        path.chmod(0o777)
        return path


class Hosts:
    """This host as local targets, as often as a test wants."""

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
        token = make_token()
        settings = TransportSettings(
            directory=self._directory,
            grace_seconds=grace_seconds,
            run_token=token,
            descriptor_limit=descriptor_limit,
        )
        host = Host(
            LocalTransport(settings, guard_shell=guard_shell),
            token=token,
            directory=self._directory,
            node=node,
        )
        self.made.append(host)
        return host


def node(name: str = "n1") -> Node:
    """A local target."""
    return Node(at=AT, name=name, address=LocalAddress())


def make_token() -> str:
    """What marks the processes of one run, and of no other."""
    return f"t{secrets.token_hex(8)}"
