"""What it costs to see something of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.local_scenarios import LIGHT
from benchmarks.measuring import Comparison, Contender, Goal
from benchmarks.workbench import Workbench

_ON_TERMINAL = str(Path(__file__).resolve().parent / "on_terminal.py")


def live_view(bench: Workbench) -> None:
    """The live view of 200 targets that print 100 lines each, half of them after a while.

    They wait so that there is something to draw; a run of less than a second shows nothing.
    """
    document = bench.directory / "printing.xml"
    document.write_text(_printing_document(bench.scaled(200)))

    def contender(name: str, *options: str) -> Contender:
        command = [sys.executable, _ON_TERMINAL, sys.executable, LIGHT, str(document), *options]
        return Contender(name=name, command=command)

    bench.compare(
        Comparison(
            title=f"live view of {bench.scaled(200)} targets, 100 lines each",
            contenders=(
                contender("--quiet", "--quiet"),
                contender("--quiet --progress live", "--quiet", "--progress", "live"),
                contender("output", "--progress", "off"),
                contender("output and live view"),
            ),
            goals=(
                Goal(of="--quiet --progress live", against="--quiet", cpu=1.05),
                Goal(of="output and live view", against="--quiet", cpu=1.05),
            ),
        ),
        rounds=9,
    )


def _printing_document(count: int) -> str:
    targets = "".join(f'<target name="n{number}" type="local"/>' for number in range(count))
    lines = 'i=0; while [ $i -lt 50 ]; do echo "line $i of what a target prints"; i=$((i+1)); done'
    return (
        f'<experiment><targets><target name="all" type="group">{targets}</target></targets>'
        f'<tasklists><tasklist name="print"><run>{lines}; sleep 3; {lines}</run></tasklist>'
        '</tasklists><steps><step tasklist="print" targets="all"/></steps></experiment>'
    )


SCENARIOS: Mapping[str, Callable[[Workbench], None]] = {"live-view": live_view}
