"""What a checked experiment will do: steps on nodes, in order, with their variables."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gplmt.planning import Barrier, Launch, Plan, Repeat, Teardown
from gplmt.planning.plan import walk
from tests.support.lab import Lab

TARGETS = """<targets><export-env var="ALL" value="all"/>
  <target name="b" type="local"><export-env var="OWN" value="b"/></target>
  <target name="a" type="local"/>
  <target name="g" type="group"><export-env var="G" value="g"/><target ref="a"/>
    <target name="h" type="group"><target name="c" type="local"/></target></target>
</targets>"""


def plan(directory: Path, steps: str, *, root: str = "") -> Plan:
    return Lab(directory).plan(
        f'<experiment {root}>{TARGETS}<tasklists><tasklist name="t"/></tasklists>'
        f"<steps>{steps}</steps></experiment>"
    )


def names(item: Launch | Teardown) -> list[str]:
    return [member.node.name for member in item.members]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ("a b", ["a", "b"]),
        ("b a", ["b", "a"]),
        ("*", ["b", "a", "c"]),
        ("[ab]", ["b", "a"]),
        ("g", ["a", "c"]),
        ("h g", ["c", "a"]),
        ("c g b", ["c", "a", "b"]),
        ("g b a c h", ["a", "c", "b"]),
    ],
)
def test_targets_of_a_step_are_in_the_order_in_which_they_are_first_reached(
    tmp_path: Path, targets: str, expected: list[str]
) -> None:
    """4.3, 4.5, 2.3."""
    (item,) = plan(tmp_path, f'<step tasklist="t" targets="{targets}"/>').items
    assert isinstance(item, Launch)
    assert names(item) == expected


def test_a_member_has_the_environment_of_the_way_to_it(tmp_path: Path) -> None:
    """5.2."""
    (item,) = plan(tmp_path, '<step tasklist="t" targets="g b"/>').items
    assert isinstance(item, Launch)
    assert {member.node.name: member.environment for member in item.members} == {
        "a": {"ALL": "all", "G": "g"},
        "c": {"ALL": "all", "G": "g"},
        "b": {"ALL": "all", "OWN": "b"},
    }


def test_items_are_planned_as_written(tmp_path: Path) -> None:
    items = plan(
        tmp_path,
        '<step name="s" tasklist="t" targets="a" start_relative="PT5S" stop_relative="PT9S" '
        'max-parallel="3" min-success="1"><export-env var="V" value="x"/></step>'
        '<synchronize/><synchronize targets="g"/>'
        '<register-teardown tasklist="t" targets="b"><export-env var="W" value="y"/>'
        "</register-teardown>"
        '<loop repeat="2" enabled="false"><step tasklist="t" targets="a"/></loop>',
    ).items
    launch, whole, selective, teardown, loop = items
    assert isinstance(launch, Launch)
    assert (launch.name, launch.environment) == ("s", {"V": "x"})
    assert (launch.start, launch.stop) == (timedelta(seconds=5), timedelta(seconds=9))
    assert launch.max_parallel == 3
    assert launch.min_success is not None
    assert isinstance(whole, Barrier)
    assert whole.nodes is None
    assert isinstance(selective, Barrier)
    assert selective.nodes == ("a", "c")
    assert isinstance(teardown, Teardown)
    assert (names(teardown), teardown.environment) == (["b"], {"W": "y"})
    assert isinstance(loop, Repeat)
    assert not loop.enabled


def test_a_loop_involves_the_nodes_of_its_foreground_steps_at_any_depth(tmp_path: Path) -> None:
    """9.1, 9.4."""
    (loop,) = plan(
        tmp_path,
        '<loop repeat="1"><step tasklist="t" targets="b" background="true"/>'
        '<loop repeat="1"><step tasklist="t" targets="h"/></loop>'
        '<loop repeat="1" enabled="false"><step tasklist="t" targets="a"/></loop>'
        '<step tasklist="t" targets="a" enabled="false"/></loop>',
    ).items
    assert isinstance(loop, Repeat)
    assert loop.nodes == {"c"}


def test_the_nodes_of_a_plan_are_those_that_something_uses(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        '<loop repeat="1"><step tasklist="t" targets="h"/></loop>'
        '<register-teardown tasklist="t" targets="a"/><step tasklist="t" targets="c"/>',
    )
    assert list(found.members()) == ["c", "a"]
    assert [type(item).__name__ for item in walk(found.items)] == [
        "Repeat",
        "Launch",
        "Teardown",
        "Launch",
    ]


def test_a_plan_knows_the_time_that_the_experiment_has(tmp_path: Path) -> None:
    """1.1."""
    steps = '<step tasklist="t" targets="a"/>'
    assert plan(tmp_path, steps).timeout is None
    assert plan(tmp_path, steps, root='timeout="PT1H"').timeout == timedelta(hours=1)


def test_what_is_not_enabled_uses_no_node(tmp_path: Path) -> None:
    steps = """<step tasklist="t" targets="a" enabled="false"/>
      <loop repeat="1" enabled="false"><step tasklist="t" targets="b"/>
        <register-teardown tasklist="t" targets="b"/></loop>
      <loop repeat="1"><step tasklist="t" targets="a"/></loop>
      <register-teardown tasklist="t" targets="c"/>"""
    planned = plan(tmp_path, steps)
    assert list(planned.members()) == ["a", "b", "c"]
    assert list(planned.enabled_members()) == ["a", "c"]
