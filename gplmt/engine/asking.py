"""Commands of gplmt's own on nodes: a script, and what it answers."""

from __future__ import annotations

from collections.abc import Callable

from gplmt.commands import Command, Completed, Origin
from gplmt.engine.losses import needing_threads
from gplmt.engine.session import Session
from gplmt.inventory import Node


class Gathered:
    """Keeps what a script writes; an `OutputSink`."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> bool:
        """Keep it."""
        self.content += data
        return True

    def on_ready(self, callback: Callable[[], None]) -> None:
        """Never asked for, as `write` asks for no pause."""
        callback()

    def close(self) -> None:
        """Nothing to give back."""


async def ask(session: Session, node: Node, script: str) -> tuple[Completed, str]:
    """Run a script for `/bin/sh` on a node; how it ended, and its stdout.

    Bytes that are no UTF-8 become surrogates, as in `os.fsdecode`.

    Raises:
        TaskError: it could not be run there, or what became of it is not known.
    """
    stdout = Gathered()
    place = str(node.at)
    command = Command(
        identity=f"{session.span()}.1",
        origin=Origin(at=place, target=node.name, step="", tasklist="", task=""),
        text=script,
        environment={},
    )
    transport = session.transport(node)
    with needing_threads():
        completed = await transport.run(node, command, stdout=stdout, stderr=Gathered())
    return completed, stdout.content.decode(errors="surrogateescape")
