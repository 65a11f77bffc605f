"""The real time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The clock of this machine; see `gplmt.protocols.Clock`."""

    def now(self) -> datetime:
        """The wall-clock time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from some fixed moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        await asyncio.sleep(seconds)


def later(moment: datetime, length: timedelta | None) -> datetime | None:
    """When so much time will have passed; None for no length, or one beyond the calendar."""
    if length is None:
        return None
    try:
        return moment + length
    except OverflowError:
        return None
