"""Networks that lose everything, or all in one direction, without a word (7.5, 7.7).

gplmt notices within the lease, and the node is clean within a third more and the grace period.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import (
    ALONE_SECONDS,
    GET,
    LEASE_SECONDS,
    LOST,
    PUT,
    begin,
    begin_to_copy,
    check_copy,
    check_end,
    happen,
    let_go,
    until_clean,
    until_failed,
)
from tests.faults.support import Case, check_nothing_left, check_whole_record

pytestmark = pytest.mark.openssh

PATIENT = "<connect-timeout>PT20S</connect-timeout>"
Cut = Callable[[Node], None]
CUTS: dict[str, Cut] = {
    "cut": lambda node: node.cable.cut(),
    "deaf-node": lambda node: node.cable.deafen(),
    "mute-node": lambda node: node.cable.mute(),
    "unplugged": lambda node: node.cable.unplug(),
}
SOON = ("mute-node",)
cuts = pytest.mark.parametrize(
    "cut",
    [
        pytest.param(cut, id=name, marks=() if name in SOON else pytest.mark.long)
        for name, cut in CUTS.items()
    ],
)


@pytest.mark.long
def test_a_hole_in_the_way_is_noticed_at_both_ends(
    case: Case, make_proxied: MakeNode, good: Node
) -> None:
    bad = make_proxied()
    run = begin(case, bad, good)
    bad.until_there("started", run)
    loss = happen(bad, bad.proxy.hole)
    let_go(run, good)
    until_clean(loss, seconds=ALONE_SECONDS)
    until_failed(run)
    bad.proxy.heal()
    check_end(case, run, bad, loss, reason=LOST, seconds=LEASE_SECONDS)


@cuts
def test_a_network_that_is_cut_fails_the_command_and_all_else_goes_on(
    case: Case, make_wired: MakeNode, good: Node, cut: Cut
) -> None:
    bad = make_wired(options=PATIENT)
    run = begin(case, bad, good)
    bad.until_there("started", run)
    loss = happen(bad, lambda: cut(bad))
    let_go(run, good)
    until_clean(loss, seconds=ALONE_SECONDS)
    until_failed(run)
    bad.cable.heal()
    check_end(case, run, bad, loss, reason=LOST, seconds=LEASE_SECONDS)


@pytest.mark.long
@cuts
@pytest.mark.parametrize("task", [PUT, GET], ids=["put", "get"])
def test_a_network_that_is_cut_fails_a_copy_of_which_no_part_stays(
    case: Case, make_wired: MakeNode, good: Node, cut: Cut, task: str
) -> None:
    bad = make_wired(options=PATIENT)
    run = begin_to_copy(case, bad, good, task)
    loss = happen(bad, lambda: cut(bad))
    let_go(run, good)
    until_clean(loss, seconds=ALONE_SECONDS)
    until_failed(run)
    bad.cable.heal()
    check_end(case, run, bad, loss, reason=LOST, seconds=LEASE_SECONDS)
    check_copy(run, bad, task)


def test_a_cut_that_is_shorter_than_the_lease_harms_nothing(
    case: Case, make_proxied: MakeNode, good: Node
) -> None:
    bad = make_proxied()
    task = '<run name="hit">touch started; until [ -e end ]; do sleep 0.1; done</run>'
    run = begin(case, bad, good, task, "--lease", "10")
    bad.until_there("started", run)
    bad.proxy.hole()
    let_go(run, good)
    (bad.home / "end").touch()
    assert "bad | tidied" not in run.lines
    bad.proxy.heal()
    assert run.wait().exit_code == 0, run.stderr
    check_whole_record(run, exit_code=0)
    check_nothing_left(case)
