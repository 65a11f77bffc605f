"""A gplmt that is there to be killed: runs the commands that it is told, and waits.

usage: python -m tests.transports.controller SETTINGS   (JSON, see `Settings`)
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from gplmt.commands import Command, Origin
from gplmt.diagnostics import Location
from gplmt.errors import TaskError
from gplmt.inventory import LocalAddress, Node, SshAddress
from gplmt.language.targets import SshOptions
from gplmt.protocols import SshSettings, Transport, TransportSettings
from gplmt.transports.local import LocalTransport


class Told(msgspec.Struct):
    """A command."""

    text: str
    stop_signal: str = "TERM"
    leave_running: bool = False


class Remote(msgspec.Struct):
    """The node of all commands."""

    host: str
    options: SshOptions
    configuration: str
    lease_seconds: float


class Settings(msgspec.Struct):
    """What to do, on this host or on a node; `pause` is there between the starts of commands."""

    directory: str
    token: str
    grace_seconds: float
    commands: list[Told]
    guard_shell: tuple[str, ...] = ("/bin/sh",)
    remote: Remote | None = None
    pause: float = 0.0


class _Forward:
    def write(self, data: bytes) -> bool:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return True

    def on_ready(self, callback: Callable[[], None]) -> None:
        callback()

    def close(self) -> None:
        pass


async def _main(settings: Settings) -> None:
    transport, node = _transport(settings)
    origin = Origin(at="x.xml:1", target="n1", step="step-1", tasklist="tl", task="run-1")
    async with asyncio.TaskGroup() as group:
        for number, told in enumerate(settings.commands):
            command = Command(
                identity=f"{number}.1",
                origin=origin,
                text=told.text,
                environment={},
                stop_signal=told.stop_signal,
                leave_running=told.leave_running,
            )
            group.create_task(_run(transport, node, command))
            await asyncio.sleep(settings.pause)
        _Forward().write(b"begun\n")
        await asyncio.Event().wait()


def _transport(settings: Settings) -> tuple[Transport, Node]:
    at, remote = Location("x.xml", 1), settings.remote
    common = TransportSettings(
        directory=Path(settings.directory),
        grace_seconds=settings.grace_seconds,
        run_token=settings.token,
    )
    if remote is None:
        node = Node(at=at, name="n1", address=LocalAddress())
        return LocalTransport(common, guard_shell=settings.guard_shell), node
    from gplmt.transports.ssh.transport import SshTransport  # slow to import

    node = Node(at=at, name="n1", address=SshAddress(host=remote.host, options=remote.options))
    ssh = SshSettings(
        config_file=Path(remote.configuration), lease_seconds=remote.lease_seconds, is_batch=True
    )
    return SshTransport(msgspec.structs.replace(common, ssh=ssh), [node]), node


async def _run(transport: Transport, node: Node, command: Command) -> None:
    try:
        completed = await transport.run(node, command, stdout=_Forward(), stderr=_Forward())
    except TaskError as error:
        _Forward().write(f"failed: {error}\n".encode())
    else:
        _Forward().write(f"ended with {completed.returncode}\n".encode())


if __name__ == "__main__":
    asyncio.run(_main(msgspec.json.decode(sys.argv[1], type=Settings)))
