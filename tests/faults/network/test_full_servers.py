"""Servers that take few connections, or few sessions on one: nobody is turned away for good."""

from __future__ import annotations

import pytest

from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import each, start
from tests.faults.support import Case, check_nothing_left, check_whole_record

pytestmark = pytest.mark.openssh

# They wait for each other, so that none may wait for another's end.
TOGETHER = """<run expected-status="0">touch "$NAME.up"; until [ "$(ls | grep -c up)" = 20 ];
do sleep 0.1; done; echo through</run>"""


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.long)])
def test_many_targets_on_a_server_that_turns_most_away_all_get_in(
    case: Case, make_node: MakeNode, good: Node, count: int
) -> None:
    """MaxStartups: from the third on, one in two is turned away, from the fifth on all are."""
    bad = make_node(settings={"MaxStartups": "3:50:5"})
    names = [f"n{number}" for number in range(count)]
    sites = {**dict.fromkeys(names, bad), "good": good}
    run = start(case, sites, each(sites, dict.fromkeys(sites, "<run>echo here</run>"))).wait()
    assert run.exit_code == 0, run.stderr
    assert sorted(run.lines) == sorted(f"{name} | here" for name in sites)
    assert "error: " not in run.stderr
    check_whole_record(run, exit_code=0)
    check_nothing_left(case)


@pytest.mark.long
@pytest.mark.parametrize("most", [2, 1])
def test_branches_of_a_par_never_wait_for_a_session_to_be_free(
    case: Case, make_node: MakeNode, most: int
) -> None:
    """6.5, MaxSessions."""
    bad = make_node(settings={"MaxSessions": str(most)})
    branches = "".join(TOGETHER.replace("$NAME", str(number)) for number in range(20))
    run = start(case, {"bad": bad}, each({"bad": bad}, {"bad": f"<par>{branches}</par>"})).wait()
    assert run.exit_code == 0, run.stderr
    assert run.lines == ["bad | through"] * 20
    check_whole_record(run, exit_code=0)
    check_nothing_left(case)
