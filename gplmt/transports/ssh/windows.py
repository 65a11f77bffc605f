"""How many connections are opened at a time: as many as the servers take."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress

_FIRST_LIMIT = 10.0  # OpenSSH turns away at random when more have not logged in (MaxStartups)
_LEAST_LIMIT = 4.0
_MAX_PER_SERVER = 8


class Window:
    """Lets a number of openings in that grows while they go well and shrinks when one is refused.

    Many addresses may belong to one server, which is not known before; so it works as TCP does.
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = min(_FIRST_LIMIT, self._most)
        self._threshold = self._most
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._inside < int(self._limit) and not self._waiting:
            self._inside += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            else:
                with suppress(ValueError):
                    self._waiting.remove(turn)
            raise

    async def __aexit__(self, *_exception: object) -> None:
        self._leave()

    def widen(self) -> None:
        """An opening has gone well."""
        step = 1.0 if self._limit < self._threshold else 1.0 / self._limit
        self._limit = min(self._limit + step, self._most)

    def narrow(self) -> None:
        """A server has turned an opening away, probably because there were too many."""
        self._threshold = max(self._inside / 2, min(_LEAST_LIMIT, self._most))
        self._limit = min(self._limit, self._threshold)

    def _leave(self) -> None:
        self._inside -= 1
        while self._waiting and self._inside < int(self._limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)


class Doors:
    """The bounds of all openings: in all, to each server, and how far apart they begin."""

    def __init__(self, *, parallelism: int, cooldown_seconds: float) -> None:
        self.window = Window(parallelism)
        self._servers: defaultdict[Hashable, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_MAX_PER_SERVER)
        )
        self._cooldown_seconds = cooldown_seconds
        self._next = 0.0

    @asynccontextmanager
    async def passing(self, server: Hashable) -> AsyncIterator[None]:
        """Wait for one's turn to open a connection to `server`, and have it for the block."""
        async with self._servers[server], self.window:
            await self._cool_down()
            yield

    async def _cool_down(self) -> None:
        if not self._cooldown_seconds:
            return
        now = asyncio.get_running_loop().time()
        moment = max(now, self._next)
        self._next = moment + self._cooldown_seconds
        await asyncio.sleep(moment - now)
