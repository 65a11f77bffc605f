"""`gplmt report`: what there is to see of a run, written into a file."""

from __future__ import annotations

from pathlib import Path

from gplmt.cli.arguments import Arguments, ReportFormat
from gplmt.cli.streams import show, show_bytes
from gplmt.reporting.page import write_report, write_whole
from gplmt.reporting.recorded import RecordedRun

_NAMES = {
    ReportFormat.HTML: "report.html",
    ReportFormat.JUNIT: "junit.xml",
    ReportFormat.TRACE: "trace.json",
}


def report(arguments: Arguments) -> int:
    """Write a view of a recorded run.

    Raises:
        UsageError: there is no such run, or its record is none.
        GplmtError: it could not be written.
    """
    run = RecordedRun(Path(arguments.file))
    if arguments.output == "-":
        show_bytes(_rendered(run, arguments.format))
        return 0
    path = Path(arguments.output or Path(run.shown, _NAMES[arguments.format]))
    if arguments.format is ReportFormat.HTML:
        write_report(run, path)
    else:
        write_whole(_rendered(run, arguments.format), path)
    show(f"wrote {path}")
    return 0


def _rendered(run: RecordedRun, form: ReportFormat) -> bytes:
    match form:  # each imports what it needs
        case ReportFormat.HTML:
            from gplmt.reporting.page import render_report

            return render_report(run)
        case ReportFormat.JUNIT:
            from gplmt.reporting.junit import render_junit

            return render_junit(run).encode()
        case ReportFormat.TRACE:
            from gplmt.reporting.trace import render_trace

            return render_trace(run)
