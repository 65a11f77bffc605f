"""`gplmt report`."""

from __future__ import annotations

from gplmt.cli.arguments import Arguments


def report(arguments: Arguments) -> int:
    """Not there yet."""
    raise NotImplementedError(arguments)
