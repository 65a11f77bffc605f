"""A gplmt that is there to be killed: runs the commands that it is told, and waits.

usage: python -m tests.transports.controller SETTINGS   (JSON, see `Settings`)
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from gplmt.diagnostics import Location
from gplmt.inventory import LocalAddress, Node
from gplmt.protocols import Command, Origin, TransportSettings
from gplmt.transports.local import LocalTransport


class Told(msgspec.Struct):
    """A command."""

    text: str
    stop_signal: str = "TERM"
    leave_running: bool = False


class Settings(msgspec.Struct):
    """What to do; `pause` is there between the starts of commands."""

    directory: str
    token: str
    grace_seconds: float
    guard_shell: list[str]
    commands: list[Told]
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
    transport = LocalTransport(
        TransportSettings(
            directory=Path(settings.directory),
            grace_seconds=settings.grace_seconds,
            run_token=settings.token,
        ),
        guard_shell=settings.guard_shell,
    )
    node = Node(at=Location("x.xml", 1), name="n1", address=LocalAddress())
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


async def _run(transport: LocalTransport, node: Node, command: Command) -> None:
    await transport.run(node, command, stdout=_Forward(), stderr=_Forward())
    _Forward().write(b"ended\n")


if __name__ == "__main__":
    asyncio.run(_main(msgspec.json.decode(sys.argv[1], type=Settings)))
