"""What stdout is, where it is a terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping

_STDOUT = 1


def terminal_width() -> int | None:
    """Its columns; None if it is none, or does not tell."""
    try:
        return os.get_terminal_size(_STDOUT).columns or None
    except OSError:
        return None


def is_terminal() -> bool:
    """Whether it is one."""
    return os.isatty(_STDOUT)


def has_colour(environment: Mapping[str, str]) -> bool:
    """Whether it shows colours, and the user wants some (no-color.org)."""
    can_show = environment.get("TERM") not in (None, "", "dumb")
    return is_terminal() and can_show and not environment.get("NO_COLOR")
