"""What is done after a run: views of it are written, and those who wait for it are told."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from msgspec.structs import replace

from gplmt.api import RunResult
from gplmt.cli.arguments import Arguments
from gplmt.cli.patience import Patience
from gplmt.clock import SystemClock
from gplmt.errors import GplmtError, LogError
from gplmt.recording.faults import in_words
from gplmt.recording.rundir import RunDirectory
from gplmt.reporting.history import History
from gplmt.reporting.recorded import RecordedRun

_LARGEST_RECORD_BYTES = 64 << 20  # 100,000 commands; it takes 3 s and 250 MB then


class FollowUp:
    """What a run is followed by; its record is read once, if at all."""

    def __init__(
        self, arguments: Arguments, directory: RunDirectory, tell: Callable[[str], None]
    ) -> None:
        self._arguments = arguments
        self._directory = directory
        self._tell = tell

    def all(self, result: RunResult) -> RunResult:
        """Do it, in this order: who is told of the run finds all that it leaves."""
        with Patience() as patience:
            junit = self._arguments.junit
            if junit is not None and not self._attempt(str(junit), self._write_junit, junit):
                result = self._failed(result)
            if self._arguments.makes_report:
                path = self._directory.path / "report.html"
                shown = f"{self._directory.shown}/{path.name}"
                self._attempt(shown, self._write_report, path)
            self._notify(result, patience)
        return result

    def _attempt(self, shown: str, write: Callable[[Path], None], path: Path) -> bool:
        try:
            write(path)
        except OSError as error:
            problem = f"cannot write {shown}: {in_words(error)}"
        except LogError as error:
            problem = str(error)
        except GplmtError as error:
            problem = f"cannot write {shown}: {error}"
        except Exception as error:  # noqa: BLE001 (a fault in a view must not spoil the run)
            problem = f"cannot write {shown}: {type(error).__name__}: {error}"
        else:
            return True
        self._tell(f"gplmt: error: {problem}")
        return False

    def _write_junit(self, path: Path) -> None:
        from gplmt.reporting.junit import render_junit, write_junit

        write_junit(render_junit(self._run), path)

    def _write_report(self, path: Path) -> None:
        """Write it; one that would take long, or much memory, only who asks for it gets."""
        size = self._directory.events.stat().st_size
        if size > _LARGEST_RECORD_BYTES:
            command = f"gplmt report {shlex.quote(self._directory.shown)}"
            self._tell(f"no report yet, as the record has {size >> 20} MB; '{command}' writes it")
            return
        from gplmt.reporting.page import write_report

        write_report(self._run, path)

    def _failed(self, result: RunResult) -> RunResult:
        """CI relies on the file, so without it the run has not gone well; the manifest agrees."""
        if result.exit_code:
            return result
        result = replace(result, exit_code=1)
        manifest = self._directory.manifest
        try:
            self._directory.finish(
                result.outcome, exit_code=1, now=manifest.ended or SystemClock().now()
            )
        except GplmtError as error:
            self._tell(f"gplmt: error: {error}")
        return result

    def _notify(self, result: RunResult, patience: Patience) -> None:
        notification = self._arguments.notification
        if notification.command is None and notification.url is None:
            return
        from gplmt.cli.notifying import news_of, notify

        news = news_of(self._directory, self._history(), result, now=SystemClock().now())
        notify(notification, news, warn=self._tell, patience=patience)

    def _history(self) -> History | None:
        with suppress(GplmtError):
            return self._run.history
        return None

    @cached_property
    def _run(self) -> RecordedRun:
        return RecordedRun(self._directory.path)
