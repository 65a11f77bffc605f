"""One command for all benchmarks; scenarios by name."""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.local_scenarios import SCENARIOS as LOCAL_SCENARIOS
from benchmarks.page_scenarios import SCENARIOS as PAGE_SCENARIOS
from benchmarks.ssh_bench import SshBench
from benchmarks.ssh_lab import SshLab
from benchmarks.ssh_scenarios import SCENARIOS as SSH_SCENARIOS
from benchmarks.view_scenarios import SCENARIOS as VIEW_SCENARIOS
from benchmarks.workbench import Workbench

_WITHOUT_NETWORK = {**LOCAL_SCENARIOS, **VIEW_SCENARIOS, **PAGE_SCENARIOS}
_SCENARIOS = (*_WITHOUT_NETWORK, *SSH_SCENARIOS)


def run(names: list[str], bench: Workbench) -> None:
    """Run scenarios one after another; the servers are there for those over SSH."""
    with ExitStack() as ending:
        lab = None
        for name in names:
            if name in _WITHOUT_NETWORK:
                _WITHOUT_NETWORK[name](bench)
                continue
            lab = lab or ending.enter_context(SshLab(bench.directory / "lab"))
            SSH_SCENARIOS[name](SshBench(bench, lab, bench.directory / name))


def main() -> int:
    """Run the scenarios that are named, or all; 1 if a contender did not do its work."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(_SCENARIOS)}")
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds, instead of each one's own")
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        metavar="X",
        help="times as many hosts, commands, files and bytes (default: 1)",
    )
    parser.add_argument(
        "--peers",
        metavar="PYTHON",
        help="an interpreter that has parallel-ssh, fabric and pyinfra, to measure them as well",
    )
    arguments = parser.parse_args()
    names = arguments.scenario or list(_SCENARIOS)
    if unknown := [name for name in names if name not in _SCENARIOS]:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="gplmt-benchmark-") as directory:
        bench = Workbench(
            Path(directory),
            repeat=arguments.repeat,
            scale=arguments.scale,
            peers=arguments.peers,
        )
        try:
            run(names, bench)
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
    return 1 if bench.has_failures else 0


if __name__ == "__main__":
    sys.exit(main())
