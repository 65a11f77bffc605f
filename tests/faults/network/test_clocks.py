"""Clocks of nodes that jump: nothing of a run is measured by them (7.5).

The clock of a machine is one for all who share its kernel, so the node gets one that lies:
libfaketime, before the server's sessions.  The monotonic clock does not jump, as on real machines.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import (
    ALONE_SECONDS,
    LEASE_SECONDS,
    LOST,
    begin,
    check_end,
    each,
    happen,
    let_go,
    settle,
    start,
    until_clean,
    until_failed,
)
from tests.faults.support import Case, Site, check_whole_record
from tests.support.ssh.places import need_program

pytestmark = [pytest.mark.openssh, pytest.mark.long]

HOURS = {"forwards": "+26h", "backwards": "-26h"}
jumps = pytest.mark.parametrize("jump", HOURS.values(), ids=HOURS)


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file that says how wrong the clock of a node is."""
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    return clock


def lying(clock: Path) -> dict[str, str]:
    """Settings of a server whose sessions believe this clock."""
    untested = "CLOCKS THAT JUMP"
    program = Path(need_program("faketime", package="faketime", untested=untested))
    libraries = sorted(program.parent.parent.glob("lib/*/faketime/libfaketime.so.1"))
    if not libraries:
        pytest.skip(f"{untested} NOT TESTED: there is no libfaketime here (Debian: faketime)")
    variables = {
        "LD_PRELOAD": libraries[0],
        "FAKETIME_TIMESTAMP_FILE": clock,
        "FAKETIME_NO_CACHE": 1,
        "FAKETIME_DONT_FAKE_MONOTONIC": 1,
    }
    return {"SetEnv": " ".join(f"{name}={value}" for name, value in variables.items())}


@jumps
def test_a_clock_that_jumps_changes_nothing(
    case: Case, make_node: MakeNode, clock: Path, jump: str
) -> None:
    bad = make_node(settings=lying(clock))
    sites: dict[str, Site] = {"bad": bad}
    tasks = """<run>date +%s; touch before; sleep 5; # longer than the lease
 date +%s</run>
<put source="file" destination="copy"/><get source="copy" destination="back"/>
<run>sleep 1000 &amp;</run>"""
    (case.program.work / "file").write_text("content")
    run = start(case, sites, each(sites, {"bad": tasks}))
    bad.until_there("before", run)
    clock.write_text(f"{jump}\n")
    assert run.wait().exit_code == 0, run.stderr
    before, after = (int(line.removeprefix("bad | ")) for line in run.lines)
    assert abs(after - before) > 25 * 3600
    assert (run.work / "back").read_text() == "content"
    check_whole_record(run, exit_code=0)
    settle(case, run)


@jumps
def test_a_clock_that_jumps_while_the_network_is_cut_changes_no_lease(
    case: Case, make_proxied: MakeNode, good: Node, clock: Path, jump: str
) -> None:
    bad = make_proxied(settings=lying(clock))
    run = begin(case, bad, good)
    bad.until_there("started", run)
    loss = happen(bad, bad.proxy.hole)
    clock.write_text(f"{jump}\n")
    let_go(run, good)
    until_clean(loss, seconds=ALONE_SECONDS)
    until_failed(run)
    bad.proxy.heal()
    check_end(case, run, bad, loss, reason=LOST, seconds=LEASE_SECONDS)
