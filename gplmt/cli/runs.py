"""`gplmt runs`."""

from __future__ import annotations

from gplmt.cli.arguments import Arguments


def runs(arguments: Arguments) -> int:
    """Not there yet."""
    raise NotImplementedError(arguments)
