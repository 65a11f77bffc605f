"""What the values of options may be; each refuses others with argparse's own error."""

from __future__ import annotations

import argparse
import math
from contextlib import suppress

_LEAST_LEASE_SECONDS = 3
_MOST_OPENINGS = 10_000


def seconds(text: str) -> float:
    """A length of time, 0 or more."""
    with suppress(ValueError):
        given = float(text)
        if 0 <= given < math.inf:
            return given
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 up")


def lease(text: str) -> float:
    """A lease that a healthy connection can keep."""
    given = seconds(text)
    if given < _LEAST_LEASE_SECONDS:
        problem = f"{text!r} is too short; give at least {_LEAST_LEASE_SECONDS} seconds"
        raise argparse.ArgumentTypeError(problem)
    return given


def count(text: str) -> int:
    """How many connections may be opened at a time."""
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_OPENINGS:
        return int(text)
    problem = f"{text!r} is not a whole number from 1 to {_MOST_OPENINGS}"
    raise argparse.ArgumentTypeError(problem)


def path(text: str) -> str:
    """Refuse what a shell makes of a variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; give a path")
    return text


def url(text: str) -> str:
    """Where to post to; it may hold a secret, so a message does not repeat it."""
    scheme, separator, rest = text.partition("://")
    if scheme.lower() in ("http", "https") and separator and rest:
        return text
    raise argparse.ArgumentTypeError("it is not a URL; give one with http:// or https://")


def command(text: str) -> str:
    """Refuse what a shell makes of a variable that is not set."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; give a shell command")
    return text
