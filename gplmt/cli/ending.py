"""What follows a run: its report and JUnit file, and word to those who wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gplmt.api import RunResult
from gplmt.cli.arguments import Arguments
from gplmt.errors import GplmtError, SetupError
from gplmt.recording.faults import in_words
from gplmt.recording.rundir import RunDirectory


@contextmanager
def junit_kept_true(arguments: Arguments) -> Iterator[None]:
    """Around all of a run: the file of --junit is never that of an earlier one.

    From the start it says that the run has not ended, which stands there if gplmt is killed; where
    nothing could be run it says why.

    Raises:
        SetupError: it cannot be written; nothing has run.
    """
    junit = arguments.junit
    if junit is None:
        yield
        return
    try:
        _write_without_record(arguments, junit, kind="unfinished", message="the run has not ended")
    except OSError as error:
        raise SetupError(f"cannot write {junit}: {in_words(error)}") from error
    try:
        yield
    except GplmtError as error:
        with suppress(OSError):
            _write_without_record(arguments, junit, kind="refused", message=str(error))
        raise


def follow_up(
    arguments: Arguments,
    directory: RunDirectory,
    result: RunResult,
    *,
    tell: Callable[[str], None],
) -> RunResult:
    """Write and send what was asked for; what cannot be is told.

    The outcome stays as it is; the exit code is 1 instead of 0 if --junit could not be written.
    A signal meanwhile ends the waiting for one of those who are told.
    """
    notification = arguments.notification
    asked = (arguments.junit, notification.command, notification.url)
    if not arguments.makes_report and asked == (None, None, None):
        return result
    from gplmt.cli.following import FollowUp  # until a run has ended nobody needs what it imports

    return FollowUp(arguments, directory, tell).all(result)


def _write_without_record(arguments: Arguments, junit: Path, *, kind: str, message: str) -> None:
    """Write what there is to tell without a run; into no device, which would keep it."""
    import os

    from gplmt.clock import SystemClock
    from gplmt.reporting.junit import render_nothing_run, write_junit

    if junit.exists() and not junit.is_file() and not junit.is_dir():
        return
    first, *others = message.splitlines()
    more = f" (and {len(others)} more)" if others else ""
    text = render_nothing_run(
        Path(arguments.file).stem,
        kind=kind,
        message=f"{first}{more}",
        text=message,
        host=os.uname().nodename,
        now=SystemClock().now(),
    )
    write_junit(text, junit)
