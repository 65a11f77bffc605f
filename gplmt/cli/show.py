"""`gplmt show`."""

from __future__ import annotations

from gplmt.cli.arguments import Arguments


def show(arguments: Arguments) -> int:
    """Not there yet."""
    raise NotImplementedError(arguments)
