"""A slice becomes a group of ssh targets wherever it stands (LANGUAGE.md 4.4)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gplmt.diagnostics import Faults
from gplmt.language.experiment import Experiment
from gplmt.language.steps import Loop
from gplmt.language.targets import GroupTarget, SshOptions, SshTarget
from gplmt.language.values import HostKeyChecking
from gplmt.planning import Barrier, Launch, Repeat, Teardown
from gplmt.targets.expanding import expand
from tests.targets.bench import Bench, document, plan_of, slice_target

HOSTS = ("b.example", "a.example")
SLICE = slice_target("https://api/", slice_name="lab_slice")
NEAR = '<target name="near" type="local"/>'


def expanded(
    bench: Bench, targets: str, steps: str, hosts: Sequence[str] = HOSTS, *, name: str = "slice"
) -> tuple[Experiment, list[str]]:
    """An experiment once the hosts of its slice are known, and what is wrong then."""
    faults = Faults()
    loaded = bench.load(document(targets, steps))
    experiment = expand(loaded.experiment, {name: hosts}, faults)
    return experiment, [str(fault) for fault in faults.in_order(["lab.xml"])]


def launch_of(bench: Bench, targets: str, step: str) -> Launch:
    """The step of an experiment that has one."""
    experiment, faults = expanded(bench, targets, step)
    assert faults == []
    (launch,) = plan_of(experiment).items
    assert isinstance(launch, Launch)
    return launch


def names(item: Launch | Teardown) -> list[str]:
    return [member.node.name for member in item.members]


def test_each_node_is_an_ssh_target_with_the_slice_as_user(bench: Bench) -> None:
    experiment, faults = expanded(bench, SLICE, '<step tasklist="t" targets="slice"/>')
    assert faults == []
    assert list(experiment.targets) == ["slice", "slice.b.example", "slice.a.example"]
    group, first, second = experiment.targets.values()
    assert isinstance(group, GroupTarget)
    assert group.members == (first, second)
    assert first == SshTarget(
        at=group.at,
        name="slice.b.example",
        host="b.example",
        options=SshOptions(user="lab_slice"),
    )


def test_a_step_runs_on_the_nodes_in_the_order_of_the_slice(bench: Bench) -> None:  # 4.5
    launch = launch_of(bench, NEAR + SLICE, '<step tasklist="t" targets="slice near"/>')
    assert names(launch) == ["slice.b.example", "slice.a.example", "near"]


def test_a_slice_is_expanded_in_groups_and_where_it_is_referred_to(bench: Bench) -> None:  # 4.3
    targets = (
        f'<target name="g" type="group"><target name="h" type="group">{SLICE}{NEAR}</target>'
        '</target><target name="k" type="group"><target ref="slice"/></target>'
    )
    nodes = ["slice.b.example", "slice.a.example"]
    for target, reached in (("g", [*nodes, "near"]), ("h", [*nodes, "near"]), ("k", nodes)):
        launch = launch_of(bench, targets, f'<step tasklist="t" targets="{target}"/>')
        assert names(launch) == reached


def test_options_of_a_group_are_for_the_nodes_too_but_not_its_user(bench: Bench) -> None:  # 4.3
    targets = (
        '<target name="g" type="group"><user>ada</user><port>2222</port>'
        "<host-key-checking>off</host-key-checking><identity-file>/key</identity-file>"
        f"{SLICE}</target>"
    )
    experiment, _ = expanded(bench, targets, '<step tasklist="t" targets="g"/>')
    node = experiment.targets["slice.a.example"]
    assert isinstance(node, SshTarget)
    assert node.options == SshOptions(
        user="lab_slice",
        port=2222,
        identity_file="/key",
        host_key_checking=HostKeyChecking.OFF,
    )


def test_nodes_get_the_environment_that_a_group_passes_on(bench: Bench) -> None:  # 5.2
    def export(value: str, *variables: str) -> str:
        return "".join(f'<export-env var="{name}" value="{value}"/>' for name in variables)

    own = slice_target("https://api/", more=export("slice", "C"))
    targets = (
        export("targets", "A", "B", "C")
        + f'<target name="g" type="group">{export("group", "B", "C")}{own}</target>'
    )
    launch = launch_of(bench, targets, '<step tasklist="t" targets="g"/>')
    for member in launch.members:
        assert member.environment == {"A": "targets", "B": "group", "C": "slice"}
    launch = launch_of(bench, targets, '<step tasklist="t" targets="slice"/>')
    assert launch.members[0].environment == {"A": "targets", "B": "targets", "C": "slice"}


def test_patterns_match_the_slice_and_never_its_nodes(bench: Bench) -> None:  # 2.3
    targets = SLICE + '<target name="slice.extra" type="local"/>'
    steps = (
        '<step tasklist="t" targets="slice.*"/><step tasklist="t" targets="s*e"/>'
        '<synchronize targets="*.e*"/><register-teardown tasklist="t" targets="slice.[!b]*"/>'
        '<loop repeat="1"><step tasklist="t" targets="slice.?*"/></loop>'
    )
    experiment, faults = expanded(bench, targets, steps)
    assert faults == []
    dots, name, barrier, teardown, loop = plan_of(experiment).items
    assert isinstance(dots, Launch)
    assert names(dots) == ["slice.extra"]
    assert isinstance(name, Launch)
    assert names(name) == ["slice.b.example", "slice.a.example"]
    assert isinstance(barrier, Barrier)
    assert barrier.nodes == ("slice.extra",)
    assert isinstance(teardown, Teardown)
    assert names(teardown) == ["slice.extra"]
    assert isinstance(loop, Repeat)
    assert loop.nodes == {"slice.extra"}


def test_what_has_no_pattern_stays_as_it_was_written(bench: Bench) -> None:
    steps = '<loop list="1 2" param="N"><step tasklist="t" targets="slice near"/></loop>'
    before = bench.load(document(NEAR + SLICE, steps)).experiment.steps
    experiment, _ = expanded(bench, NEAR + SLICE, steps)
    assert isinstance(before[0], Loop)
    assert experiment.steps == before


@pytest.mark.parametrize(
    ("quorum", "needed"), [("50%", 2), ("67%", 3), ("3", 3), ("0", 0), ("100%", 3)]
)
def test_a_quorum_counts_the_nodes(bench: Bench, quorum: str, needed: int) -> None:  # 7.6
    step = f'<step tasklist="t" targets="slice near" min-success="{quorum}"/>'
    launch = launch_of(bench, NEAR + SLICE, step)
    assert launch.min_success is not None
    assert launch.min_success.of(len(launch.members)) == needed


def test_a_count_above_the_number_of_nodes_is_told_with_its_place(bench: Bench) -> None:  # 7.6
    steps = (
        '<step tasklist="t" targets="slice" min-success="3"/>\n'
        '<step tasklist="t" targets="slice near" min-success="3"/>\n'
        '<loop repeat="2">\n<step tasklist="t" targets="slice" min-success="9"/></loop>\n'
        '<step tasklist="t" targets="slice" min-success="9" enabled="false"/>\n'
        '<loop repeat="2" enabled="false"><step tasklist="t" targets="slice" min-success="9"/>'
        "</loop>"
    )
    _, faults = expanded(bench, NEAR + SLICE, steps)
    assert faults == [
        "lab.xml:4: error: min-success is 3, but the step has 2 targets",
        "lab.xml:7: error: min-success is 9, but the step has 2 targets",
    ]


def test_a_count_is_left_alone_while_another_slice_is_unknown(bench: Bench) -> None:
    targets = SLICE + slice_target("https://api/", name="other")
    steps = '<step tasklist="t" targets="slice other" min-success="9"/>'
    _, faults = expanded(bench, targets, steps)
    assert faults == []


@pytest.mark.parametrize("host", ["", "-oProxyCommand=x", ".a", "a b", "a/b", "näh.example", "a\n"])
def test_a_host_that_is_no_name_is_told(bench: Bench, host: str) -> None:  # 2.1
    step = '<step tasklist="t" targets="slice"/>'
    _, faults = expanded(bench, NEAR + "\n" + SLICE, step, ["good", host])
    shown = repr(host)
    assert faults == [
        f"lab.xml:3: error: the node {shown} of target 'slice' is named as no target can be; "
        "names have letters, digits and _ . - (not first: . -)"
    ]


def test_a_name_that_a_node_makes_too_long_is_told(bench: Bench) -> None:  # 2.1
    step = '<step tasklist="t" targets="slice"/>'
    _, faults = expanded(bench, SLICE, step, ["h" * 94])
    assert faults == []
    _, faults = expanded(bench, SLICE, step, ["h" * 95])
    assert faults == [
        f"lab.xml:2: error: the name 'slice.{'h' * 95}' of a node is too long; names have at most "
        "100 characters; rename the target"
    ]


def test_a_node_with_the_name_of_a_declared_target_is_told(bench: Bench) -> None:
    for declared in (
        '<target name="slice.a.example" type="local"/>\n' + SLICE,
        SLICE + '\n<target name="slice.a.example" type="local"/>',
    ):
        _, faults = expanded(bench, declared, '<step tasklist="t" targets="slice"/>')
        own, other = (3, 2) if declared.endswith(SLICE) else (2, 3)
        assert faults == [
            f"lab.xml:{own}: error: the node 'a.example' of target 'slice' is named as another "
            f"target; 'slice.a.example' is at lab.xml:{other}; rename one"
        ]


def test_nodes_of_two_slices_with_the_same_name_are_told(bench: Bench) -> None:
    targets = "\n".join(slice_target("https://api/", name=name) for name in ("a", "a.b"))
    loaded = bench.load(document(targets, '<step tasklist="t" targets="a a.b"/>'))
    faults = Faults()
    expand(loaded.experiment, {"a": ["b.c"], "a.b": ["c"]}, faults)
    assert [str(fault) for fault in faults.in_order(["lab.xml"])] == [
        "lab.xml:3: error: the node 'c' of target 'a.b' is named as another target; "
        "'a.b.c' is at lab.xml:2; rename one"
    ]


def test_a_slice_of_an_include_has_its_prefix(bench: Bench) -> None:  # 3.1
    bench.write(f"<experiment><targets>{SLICE}</targets></experiment>", "lib.xml")
    loaded = bench.load(
        '<experiment><include file="lib.xml" prefix="p"/><tasklists><tasklist name="t"/>'
        '</tasklists><steps><step tasklist="t" targets="p.slice"/></steps></experiment>'
    )
    experiment = expand(loaded.experiment, {"p.slice": HOSTS}, Faults())
    (launch,) = plan_of(experiment).items
    assert isinstance(launch, Launch)
    assert names(launch) == ["p.slice.b.example", "p.slice.a.example"]
