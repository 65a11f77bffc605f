"""Connections that end in the middle of something: the node stops it at once (7.5, 7.7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import (
    CLEAN_SECONDS,
    GET,
    LOST,
    PUT,
    begin,
    begin_to_copy,
    check_copy,
    check_end,
    happen,
    let_go,
    until_clean,
)
from tests.faults.support import Case, check_nothing_left, check_whole_record

pytestmark = pytest.mark.openssh


def kill_session(node: Node) -> None:
    """Kill the server's processes of the connection; the one that listens goes on."""
    node.server.kill_sessions()


def reset(node: Node) -> None:
    """Break the connection by RST."""
    node.proxy.reset()


def restart(node: Node) -> None:
    """Kill all of the server's own processes, and start it again; nobody sees it refuse."""
    node.proxy.hole()
    node.server.kill_sessions()
    node.daemon.kill_listener()
    node.daemon.start()
    node.proxy.heal()


ENDS = {"session-killed": kill_session, "reset": reset, "server-killed": restart}
ends = pytest.mark.parametrize(
    "end",
    [
        pytest.param(end, id=name, marks=() if name == "reset" else pytest.mark.long)
        for name, end in ENDS.items()
    ],
)
End = Callable[[Node], None]


@ends
def test_the_end_of_a_connection_fails_the_command_and_all_else_goes_on(
    case: Case, make_proxied: MakeNode, good: Node, end: End
) -> None:
    bad = make_proxied()
    run = begin(case, bad, good)
    bad.until_there("started", run)
    loss = happen(bad, lambda: end(bad))
    let_go(run, good)
    until_clean(loss, seconds=CLEAN_SECONDS)
    check_end(case, run, bad, loss, reason=LOST, seconds=0)


@ends
@pytest.mark.parametrize(
    "task", [pytest.param(PUT, id="put"), pytest.param(GET, id="get", marks=pytest.mark.long)]
)
def test_the_end_of_a_connection_fails_a_copy_of_which_no_part_stays(
    case: Case, make_proxied: MakeNode, good: Node, end: End, task: str
) -> None:
    bad = make_proxied()
    run = begin_to_copy(case, bad, good, task)
    loss = happen(bad, lambda: end(bad))
    let_go(run, good)
    until_clean(loss, seconds=CLEAN_SECONDS)
    check_end(case, run, bad, loss, reason=LOST, seconds=0)
    check_copy(run, bad, task)


@pytest.mark.long
def test_the_death_of_a_listener_harms_no_connection_that_there_is(
    case: Case, make_node: MakeNode, good: Node
) -> None:
    bad = make_node()
    run = begin(
        case, bad, good, '<run name="hit">touch started; until [ -e end ]; do :; done</run>'
    )
    bad.until_there("started", run)
    bad.daemon.kill_listener()
    let_go(run, good)
    (bad.home / "end").touch()
    run.wait()
    assert run.exit_code == 0, run.stderr
    check_whole_record(run, exit_code=0)
    check_nothing_left(case)
