"""gplmt is killed while the network is cut, so that nobody can tell the node (7.5).

The lease cleans the node; what the run owed is done by a later `gplmt cleanup`.
"""

from __future__ import annotations

import signal

import pytest

from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import (
    ALONE_SECONDS,
    CLEAN_SECONDS,
    PUT,
    begin,
    begin_to_copy,
    check_copy,
    happen,
    settle,
    until_clean,
)
from tests.faults.support import Case, check_torn_record, lines_of
from tests.support.program import Running

pytestmark = pytest.mark.openssh


def check_owed(case: Case, run: Running, bad: Node, good: Node) -> None:
    """All that was owed is done once."""
    assert run.wait().exit_code == 128 + signal.SIGKILL
    check_torn_record(run)
    assert run.lines == []
    settle(case, run)
    assert lines_of(bad.home / "done") == ["tidied", "restored"]
    assert lines_of(good.home / "done") == ["restored"]


def test_a_node_that_is_cut_off_from_a_gplmt_that_dies_is_clean_after_the_lease(
    case: Case, make_wired: MakeNode, good: Node
) -> None:
    bad = make_wired()
    run = begin(case, bad, good)
    bad.until_there("started", run)
    loss = happen(bad, bad.cable.cut)
    spared = happen(good, lambda: run.send(signal.SIGKILL))
    until_clean(spared, seconds=CLEAN_SECONDS)
    until_clean(loss, seconds=ALONE_SECONDS)
    bad.cable.heal()
    check_owed(case, run, bad, good)


@pytest.mark.long
def test_a_copy_to_a_node_that_is_cut_off_from_a_gplmt_that_dies_leaves_no_part(
    case: Case, make_wired: MakeNode, good: Node
) -> None:
    bad = make_wired()
    run = begin_to_copy(case, bad, good, PUT)
    loss = happen(bad, bad.cable.cut)
    run.send(signal.SIGKILL)
    until_clean(loss, seconds=ALONE_SECONDS)
    bad.cable.heal()
    check_owed(case, run, bad, good)
    check_copy(run, bad, PUT)


@pytest.mark.long
def test_a_gplmt_that_is_killed_after_it_was_cut_off_owes_all_that_it_has_not_done(
    case: Case, make_wired: MakeNode, good: Node
) -> None:
    """The node was clean before, and the cleanup was trying to reach it."""
    bad = make_wired()
    run = begin(case, bad, good)
    bad.until_there("started", run)
    loss = happen(bad, bad.cable.cut)
    until_clean(loss, seconds=ALONE_SECONDS)
    run.send(signal.SIGKILL)
    bad.cable.heal()
    check_owed(case, run, bad, good)
