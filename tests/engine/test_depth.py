"""What the checks admit, the engine runs: the stack is deep enough for it."""

from __future__ import annotations

import pytest

from gplmt.errors import DocumentError
from tests.support.lab import Lab, experiment

STEP = '<step tasklist="t0" targets="n1"/>'


def calls(depth: int, bottom: str, attributes: str = "") -> str:
    """Tasklists that call each other so deep, the last one with other tasks."""
    callers = "".join(
        f'<tasklist name="t{level}" {attributes}><call tasklist="t{level + 1}"/></tasklist>'
        for level in range(depth)
    )
    return callers + f'<tasklist name="t{depth}">{bottom}</tasklist>'


def deepest(lab: Lab, kind: str) -> str:
    """The deepest document that is admitted."""
    for depth in range(110, 0, -1):
        match kind:
            case "call":
                tasklists = calls(depth, '<run>x</run><fail status="x"/>')
            case "cleanup":
                tasklists = calls(depth, "<run>x</run>", 'cleanup="tidy" timeout="PT5S"')
                tasklists += '<tasklist name="tidy"><run>tidy</run></tasklist>'
            case _:
                inside = f"<{kind}>" * depth + "<run>x</run>" + f"</{kind}>" * depth
                tasklists = f'<tasklist name="t0">{inside}</tasklist>'
        document = experiment(tasklists=tasklists, steps=STEP)
        try:
            lab.plan(document)
        except DocumentError:
            continue
        return document
    raise AssertionError("no depth is admitted")


@pytest.mark.parametrize("kind", ["call", "cleanup", "seq", "par"])
def test_the_deepest_nesting_runs(lab: Lab, kind: str) -> None:
    result = lab.run(deepest(lab, kind))
    assert result.commands()[0] == "x"
    assert result.exit_code == (1 if kind == "call" else 0)


@pytest.mark.parametrize("kind", ["call", "seq", "par"])
def test_the_deepest_nesting_can_be_stopped(lab: Lab, kind: str) -> None:
    lab.takes("x", 100)
    lab.interrupt(5)
    result = lab.run(deepest(lab, kind))
    assert result.duration == 5
    assert result.exit_code == 130


@pytest.mark.parametrize("depth", [1, 150])
def test_cleanups_of_cleanups_and_loops_in_loops_may_go_on_and_on(lab: Lab, depth: int) -> None:
    tasklists = "".join(
        f'<tasklist name="t{level}" cleanup="t{level + 1}"><run>x</run></tasklist>'
        for level in range(depth)
    )
    result = lab.run(
        experiment(
            tasklists=tasklists + f'<tasklist name="t{depth}"><run>x</run></tasklist>',
            steps='<loop repeat="1">' * depth + STEP + "</loop>" * depth,
        )
    )
    assert result.commands() == ["x"] * (depth + 1)
