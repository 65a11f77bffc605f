"""`gplmt show`: how a run went, and what its commands have printed, on stdout."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from gplmt.cli import streams
from gplmt.cli.arguments import Arguments
from gplmt.cli.terminals import has_colour, is_terminal
from gplmt.clock import SystemClock
from gplmt.errors import GplmtError, UsageError
from gplmt.recording.kept_journal import is_outstanding
from gplmt.recording.rundir import RunDirectory
from gplmt.reporting.runs import is_running
from gplmt.reporting.text import Overview


def show(arguments: Arguments) -> int:
    """Show a run as a whole, or the output of tasks that have been named.

    Raises:
        UsageError: there is no such run, its record is none, or nothing of it is called so.
        OutputError: it could not be printed.
    """
    if arguments.names:
        _show_tasks(arguments)
    else:
        _show_run(Path(arguments.file))
    return 0


def _show_tasks(arguments: Arguments) -> None:
    from gplmt.reporting.recorded import RecordedRun
    from gplmt.reporting.text_output import Shower
    from gplmt.reporting.text_selection import select_tasks

    run = RecordedRun(Path(arguments.file))
    tasks = select_tasks(run, arguments.names)
    if not tasks:
        streams.tell(f"gplmt: nothing of {' '.join(arguments.names)} has run in {run.shown}")
    running = run.manifest.outcome is None and is_running(run.path)
    shower = Shower(
        run.path,
        now=_until(run.history.last_time, is_running=running),
        is_running=running,
        is_terminal=is_terminal(),
        has_colour=has_colour(os.environ),
    )
    for task in tasks:
        for piece in shower.pieces(task):
            if not streams.show_bytes(piece):
                return


def _show_run(path: Path) -> None:
    directory = RunDirectory.open(path)
    try:
        overview = Overview(directory.path)
    except GplmtError as error:
        raise UsageError(str(error)) from error
    lines = [
        *overview.lines(shown=directory.shown),
        *_progress(directory, overview),
        *overview.lines_of_recoveries(shown=directory.shown),
    ]
    streams.show("\n".join(lines))


def _progress(directory: RunDirectory, overview: Overview) -> Iterator[str]:
    """How far a run came that did not come to its end, and what can be done about it."""
    from gplmt.reporting.text_progress import show_progress

    where = shlex.quote(directory.shown)
    glimpse = overview.glimpse()
    if directory.manifest.outcome is not None or glimpse is None:
        if is_outstanding(directory.path):
            yield f"something is left to be done: 'gplmt cleanup {where}' does it"
        return
    running = is_running(directory.path)
    yield ""
    if running:
        yield "It is still running:"
    elif is_outstanding(directory.path):
        yield f"It was cut off; 'gplmt cleanup {where}' does what it owes. It came so far:"
    else:
        yield "It was cut off. It came so far:"
    last = None if overview.last_event is None else overview.last_event.time
    yield from show_progress(glimpse, now=_until(last, is_running=running))


def _until(last: datetime | None, *, is_running: bool) -> datetime:
    """Until when what has not ended has taken."""
    return SystemClock().now() if is_running or last is None else last
