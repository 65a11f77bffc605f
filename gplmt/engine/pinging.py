"""All nodes asked at once whether they are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from gplmt.inventory import Node
from gplmt.protocols import Pinged, Transport

_TELL_AFTER_SECONDS = 10.0


class Pings:
    """Pings nodes until each has answered or failed, or a signal comes.

    `signal` is the first one's number; None if there was none.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        transports: Mapping[str, Transport],
        tell_waiting: Callable[[Sequence[Node]], None],
        *,
        tell_after_seconds: float = _TELL_AFTER_SECONDS,
    ) -> None:
        self.signal: int | None = None
        self._nodes = nodes
        self._transports = transports
        self._tell_waiting = tell_waiting
        self._tell_after_seconds = tell_after_seconds
        self._tasks: list[asyncio.Task[Pinged]] = []

    async def run(self) -> tuple[Pinged, ...]:
        """What came of each, in their order; the transports are closed then."""
        timer = asyncio.get_running_loop().call_later(self._tell_after_seconds, self._tell)
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = [
                    group.create_task(self._transports[node.address.kind].ping(node))
                    for node in self._nodes
                ]
        finally:
            timer.cancel()
            for transport in self._transports.values():
                await transport.close()
        return tuple(map(_result, self._nodes, self._tasks))

    def interrupt(self, number: int) -> None:
        """Wait for no more answers, because of a signal."""
        if self.signal is None:
            self.signal = number
        for task in self._tasks:
            task.cancel()

    def _tell(self) -> None:
        waiting = [
            node for node, task in zip(self._nodes, self._tasks, strict=True) if not task.done()
        ]
        self._tell_waiting(waiting)


def _result(node: Node, task: asyncio.Task[Pinged]) -> Pinged:
    return Pinged(node=node) if task.cancelled() else task.result()
