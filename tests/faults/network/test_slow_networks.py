"""Networks that are slow, or lose a part: nothing is lost for that, and nobody else waits."""

from __future__ import annotations

import pytest

from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import (
    begin,
    errors_of,
    failures_of,
    let_go,
    settle,
)
from tests.faults.support import Case, check_nothing_left, check_whole_record, lines_of
from tests.support.program import Running

pytestmark = pytest.mark.openssh

BYTES = 400_000
KILOBITS = 1000
COPIES = f"""<put source="big" destination="copy"/>
<run expected-status="0">[ "$(wc -c &lt;copy)" = {BYTES} ]; touch started;
until [ -e end ]; do sleep 0.1; done; head -c {BYTES} /dev/zero | tr '\\0' x</run>
<get source="copy" destination="back"/>"""


def check_well(case: Case, run: Running, bad: Node) -> None:
    """All has come through, whole."""
    assert (run.wait(60).exit_code, errors_of(run)) == (0, []), run.stderr
    assert lines_of(bad.home / "done") == ["tidied", "next", "restored"]
    check_whole_record(run, exit_code=0)
    assert (run.work / "back").read_bytes() == b"y" * BYTES
    (log,) = run.run_directory.glob("logs/bad/*-work.run-2.out")
    assert log.read_bytes() == b"x" * BYTES
    check_nothing_left(case)


@pytest.mark.parametrize(
    "share", [pytest.param(0.02, id="2%"), pytest.param(0.15, id="15%", marks=pytest.mark.long)]
)
def test_a_network_that_loses_packets_loses_nothing_of_a_run(
    case: Case, make_wired: MakeNode, good: Node, share: float
) -> None:
    bad = make_wired()
    (case.program.work / "big").write_bytes(b"y" * BYTES)
    bad.cable.lose(share)
    run = begin(case, bad, good, COPIES, "--lease", "45", "--quiet")
    bad.until_there("started", run)
    let_go(run, good)
    (bad.home / "end").touch()
    check_well(case, run, bad)


@pytest.mark.long
def test_a_slow_network_is_no_lost_one(case: Case, make_wired: MakeNode, good: Node) -> None:
    bad = make_wired()
    (case.program.work / "big").write_bytes(b"y" * BYTES)
    bad.cable.limit(KILOBITS)
    run = begin(case, bad, good, COPIES, "--lease", "5", "--quiet")
    bad.until_there("started", run)
    let_go(run, good)
    (bad.home / "end").touch()
    check_well(case, run, bad)


@pytest.mark.long
@pytest.mark.parametrize("kilobits", [8000, 1000, 256])
def test_a_flood_over_a_slow_network_is_no_silence_and_holds_up_nobody_else(
    case: Case, make_wired: MakeNode, good: Node, kilobits: int
) -> None:
    """7.5: on the slower ones answers wait behind it for longer than the lease."""
    bad = make_wired()
    bad.cable.limit(kilobits)
    flood = '<run name="hit" timeout="PT3S">touch started; exec yes</run>'
    run = begin(case, bad, good, flood, "--quiet")
    bad.until_there("started", run)
    let_go(run, good)
    run.wait(60)
    (failure,) = failures_of(check_whole_record(run, exit_code=1))
    assert (failure.task, failure.reason) == ("hit", "timed out after 3 s")
    assert lines_of(bad.home / "done") == ["tidied", "next", "restored"]
    settle(case, run)
