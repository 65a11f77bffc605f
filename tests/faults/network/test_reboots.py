"""Nodes of which everything dies at once: servers, guards, commands; and which are back, or not."""

from __future__ import annotations

import pytest

from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import (
    GET,
    LEASE_SECONDS,
    LOST,
    PUT,
    begin,
    begin_to_copy,
    check_copy,
    check_end,
    errors_of,
    failures_of,
    happen,
    let_go,
    settle,
)
from tests.faults.support import Case, check_whole_record, lines_of

pytestmark = pytest.mark.openssh


def test_a_node_that_is_rebooted_in_the_middle_serves_again(
    case: Case, make_wired: MakeNode, good: Node
) -> None:
    bad = make_wired()
    run = begin(case, bad, good)
    bad.until_there("started", run)
    loss = happen(bad, bad.shut_down)
    let_go(run, good)
    bad.boot()
    check_end(case, run, bad, loss, reason=LOST, seconds=LEASE_SECONDS)


@pytest.mark.long
@pytest.mark.parametrize("task", [PUT, GET], ids=["put", "get"])
def test_a_node_that_is_rebooted_while_it_copies_serves_again(
    case: Case, make_wired: MakeNode, good: Node, task: str
) -> None:
    bad = make_wired()
    run = begin_to_copy(case, bad, good, task)
    loss = happen(bad, bad.shut_down)
    let_go(run, good)
    bad.boot()
    check_end(case, run, bad, loss, reason=LOST, seconds=LEASE_SECONDS)
    check_copy(run, bad, task)


def test_what_a_node_that_does_not_come_back_owes_is_done_by_a_later_cleanup(
    case: Case, make_node: MakeNode, good: Node
) -> None:
    bad = make_node()
    run = begin(case, bad, good)
    bad.until_there("started", run)
    bad.shut_down()
    let_go(run, good)
    run.wait()
    assert run.exit_code == 1
    assert sorted(run.lines) == ["good | restored", "good | went on"]
    failures = failures_of(check_whole_record(run, exit_code=1))
    refused = f"{bad.server.host} port {bad.server.port} cannot be reached: connection refused"
    assert failures[0].reason is not None
    assert failures[0].reason.startswith(LOST)
    assert failures[1].reason == refused
    for failure in failures[2:]:  # after two in a row, with the reason of the second
        assert failure.reason is not None
        assert failure.reason.startswith("the target is out since 20")
        assert failure.reason.endswith(f" UTC: {refused}")
    assert [failure.task for failure in failures] == ["hit", "tidy", "next", "restore"]
    assert len(errors_of(run)) == 4
    bad.boot()
    settle(case, run)
    assert lines_of(bad.home / "done") == ["tidied", "restored"]
