"""Times as they are read at a glance."""

from __future__ import annotations

from datetime import datetime, timedelta


def clock_time(length: timedelta) -> str:
    """Hours, minutes and seconds: `0:01:23`, `2 d 03:00:00`; nothing below zero."""
    seconds = max(0, round(length.total_seconds()))
    days, seconds = divmod(seconds, 86_400)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    if days:
        return f"{days} d {hours:02}:{minutes:02}:{seconds:02}"
    return f"{hours}:{minutes:02}:{seconds:02}"


def estimated_end(
    *, began: datetime, now: datetime, done: int, count: int | None
) -> datetime | None:
    """When a loop will end if what is left takes as long as what is done; None if unknowable."""
    if not done or count is None or now <= began:
        return None
    try:
        return began + (now - began) / done * count
    except OverflowError:
        return None
