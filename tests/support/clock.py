"""Virtual time: an event loop in which hours pass at once, and the clock that belongs to it."""

from __future__ import annotations

import asyncio
import selectors
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)
_MOST_TURNS_WITHOUT_TIME = 100_000


class _SkippingSelector(selectors.SelectSelector):
    """Does not wait: what it is asked to wait, it adds to the time."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            self._turns += 1
            if self._turns > _MOST_TURNS_WITHOUT_TIME:
                raise RuntimeError("it turns round and round while no time passes")
            return ready
        if timeout is None:
            raise RuntimeError("everything waits for something that will never happen")
        self.seconds += timeout
        self._turns = 0
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next thing that is due."""

    def __init__(self) -> None:
        self._virtual = _SkippingSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.seconds


class VirtualClock:
    """The clock of a `VirtualLoop`; see `gplmt.protocols.Clock`."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
