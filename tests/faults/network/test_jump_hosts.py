"""Jump hosts that are gone, or go: they are named, and what is not behind them goes on (7.7)."""

from __future__ import annotations

import pytest

from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import (
    ALONE_SECONDS,
    CLEAN_SECONDS,
    LEASE_SECONDS,
    LOST,
    begin,
    check_end,
    each,
    errors_of,
    failures_of,
    happen,
    let_go,
    start,
    until_clean,
    until_failed,
)
from tests.faults.support import Case, check_nothing_left, check_whole_record

pytestmark = pytest.mark.openssh

BEHIND = "<proxy-jump>gate</proxy-jump>"


@pytest.fixture
def gate(case: Case, make_proxied: MakeNode) -> Node:
    """A jump host, by which nodes with BEHIND are reached."""
    gate = make_proxied()
    configuration = case.program.scratch / ".ssh" / "config"
    configuration.parent.mkdir()
    configuration.write_text(gate.proxy.server.ssh_config("gate"))
    return gate


def test_a_jump_host_that_dies_takes_what_is_behind_it_and_is_used_again(
    case: Case, gate: Node, make_node: MakeNode, good: Node
) -> None:
    bad = make_node(options=BEHIND)
    run = begin(case, bad, good)
    bad.until_there("started", run)
    loss = happen(bad, gate.proxy.reset)
    let_go(run, good)
    until_clean(loss, seconds=CLEAN_SECONDS)
    check_end(case, run, bad, loss, reason=LOST, seconds=0)


@pytest.mark.long
def test_a_jump_host_that_vanishes_is_noticed_and_used_again(
    case: Case, gate: Node, make_node: MakeNode, good: Node
) -> None:
    bad = make_node(options=BEHIND)
    run = begin(case, bad, good)
    bad.until_there("started", run)
    loss = happen(bad, gate.proxy.hole)
    let_go(run, good)
    until_clean(loss, seconds=ALONE_SECONDS)
    until_failed(run)
    gate.proxy.heal()
    check_end(case, run, bad, loss, reason=LOST, seconds=LEASE_SECONDS)


@pytest.mark.long
def test_a_jump_host_that_is_gone_is_named(
    case: Case, gate: Node, make_node: MakeNode, good: Node
) -> None:
    gate.proxy.refuse()
    bad = make_node(options=BEHIND)
    sites = {"bad": bad, "worse": bad, "good": good}
    tasks = dict.fromkeys(sites, "<run name='hit'>echo here</run>")
    run = start(case, sites, each(sites, tasks)).wait(10)
    assert (run.exit_code, run.lines) == (1, ["good | here"])
    failures = failures_of(check_whole_record(run, exit_code=1))
    server = gate.proxy.server
    for failure in failures:
        assert failure.reason == (
            f"the jump host {server.host}: {server.host} port {server.port} cannot be reached: "
            "connection refused"
        )
    assert sorted(failure.target for failure in failures) == ["bad", "worse"]
    assert len(errors_of(run)) == 2
    check_nothing_left(case)


@pytest.mark.long
def test_a_jump_host_from_which_a_node_cannot_be_reached_is_named(
    case: Case, gate: Node, make_node: MakeNode, good: Node
) -> None:
    bad = make_node(options=BEHIND)
    bad.shut_down()
    sites = {"bad": bad, "good": good}
    tasks = dict.fromkeys(sites, "<run name='hit'>echo here</run>")
    run = start(case, sites, each(sites, tasks)).wait(10)
    assert (run.exit_code, run.lines) == (1, ["good | here"])
    (failure,) = failures_of(check_whole_record(run, exit_code=1))
    jump, node = gate.proxy.server, bad.server
    assert (failure.reason or "").lower() == (
        f"{jump.host} cannot connect to {node.host} port {node.port}: connection refused"
    )
    check_nothing_left(case)
