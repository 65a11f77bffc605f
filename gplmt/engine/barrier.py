"""What a body has reached, and waiting for its end or for some targets' part of it (9.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable


class Reached:
    """A step or loop that a body has come to; the body's barriers wait for it."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self._pending = set(nodes)
        self._changed = asyncio.Event()
        self.has_ended = False

    def part_ended(self, node: str) -> None:
        """One target's part of a step is over; a loop has no parts."""
        self._pending.discard(node)
        self._changed.set()

    def ended(self) -> None:
        """All of it is over."""
        self.has_ended = True
        self._changed.set()

    async def wait(self, nodes: Collection[str] | None) -> None:
        """Wait for the end, or only until none of `nodes` has a part in it any more."""
        while not self.has_ended and (nodes is None or not self._pending.isdisjoint(nodes)):
            self._changed.clear()
            await self._changed.wait()
