"""Times as the page counts them."""

from __future__ import annotations

from datetime import datetime


class Scale:
    """Milliseconds since `origin`, to a tenth."""

    def __init__(self, origin: datetime) -> None:
        self.origin = origin

    def at(self, time: datetime) -> float:
        """A moment."""
        passed = time - self.origin
        tenths = (passed.days * 86_400 + passed.seconds) * 10_000 + passed.microseconds // 100
        return tenths / 10

    def maybe(self, time: datetime | None) -> float | None:
        """A moment, if there is one."""
        return None if time is None else self.at(time)
