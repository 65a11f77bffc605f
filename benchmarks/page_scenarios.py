"""What it costs to make the page about a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.made_records import make_run
from benchmarks.measuring import Comparison, Contender, Goal
from benchmarks.workbench import Workbench

_READ = "import sys; from pathlib import Path; from gplmt.reporting.recorded import RecordedRun; "
_TASKS = 10
_MOST_BYTES = 10_000_000


def report(bench: Workbench) -> None:
    """The page about 1,000 targets with 10 tasks each, against reading the record alone."""
    count = bench.scaled(1000)
    directory = make_run(bench.directory / "report", targets=count, tasks=_TASKS)
    page = directory / "report.html"

    def check() -> None:
        size = page.stat().st_size
        assert size < _MOST_BYTES, f"the page has {size} bytes"

    bench.compare(
        Comparison(
            title=f"report of {count} targets with {_TASKS} tasks each",
            contenders=(
                Contender(
                    name="reading the record",
                    command=[
                        sys.executable,
                        "-c",
                        f"{_READ}RecordedRun(Path(sys.argv[1]))",
                        str(directory),
                    ],
                ),
                Contender(
                    name="gplmt report",
                    command=[sys.executable, "-m", "gplmt", "report", str(directory)],
                    check=check,
                    clean=lambda: page.unlink(missing_ok=True),
                ),
            ),
            goals=(Goal(of="gplmt report", against="reading the record", wall=3, cpu=3),),
        ),
        rounds=9,
    )
    print(f"  the page: {_size_of_page(directory) / 1e6:.2f} MB, at most {_MOST_BYTES / 1e6:g} MB")


def _size_of_page(directory: Path) -> int:
    from gplmt.reporting.page import render_report
    from gplmt.reporting.recorded import RecordedRun

    return len(render_report(RecordedRun(directory)))


SCENARIOS: Mapping[str, Callable[[Workbench], None]] = {"report": report}
