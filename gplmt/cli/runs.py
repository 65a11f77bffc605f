"""`gplmt runs`: which runs there are, on stdout."""

from __future__ import annotations

import os

from gplmt.cli.arguments import Arguments
from gplmt.cli.streams import show, tell
from gplmt.cli.terminals import has_colour, terminal_width
from gplmt.clock import SystemClock
from gplmt.reporting.runs import find_runs
from gplmt.reporting.runs_table import render_json, render_table

_MOST_NAMED = 5


def runs(arguments: Arguments) -> int:
    """List the runs of a directory.

    Raises:
        UsageError: there is no such directory.
    """
    found = find_runs(arguments.log_root)
    for skipped in found.skipped[:_MOST_NAMED]:
        tell(f"gplmt: note: skipped {skipped}")
    if (more := len(found.skipped) - _MOST_NAMED) > 0:
        tell(f"gplmt: note: skipped {more} more that are no run directories")
    if arguments.is_json:
        show(render_json(found.runs))
    elif not found.runs:
        tell(f"gplmt: there are no runs in {arguments.log_root}")
    else:
        now = SystemClock().now()
        show(
            render_table(
                found.runs, now=now, width=terminal_width(), has_colour=has_colour(os.environ)
            )
        )
    return 0
