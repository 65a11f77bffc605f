"""The nodes of slices are asked of their APIs (LANGUAGE.md 4.4), good and bad ones."""

from __future__ import annotations

import threading

import pytest

from gplmt.errors import SetupError
from gplmt.language.targets import GroupTarget, PlanetlabTarget
from tests.targets.bench import STEP, Bench, slice_target
from tests.targets.servers import PASSWORD, USER, Plc

SLICES = {"s": {3: "c.example", 1: "a.example", 2: "b.example"}, "other": {4: "d.example"}}
LOGIN = {"AuthMethod": "password", "Username": USER, "AuthString": PASSWORD}


def test_the_api_is_asked_for_the_slice_and_then_for_its_nodes(bench: Bench) -> None:
    with Plc(SLICES) as plc:
        bench.resolve(slice_target(plc.url))
    assert plc.calls == [
        ("GetSlices", LOGIN, ["s"], ["node_ids"]),
        ("GetNodes", LOGIN, [3, 1, 2], ["node_id", "hostname"]),
    ]


def test_nodes_stand_in_the_order_of_the_slice(bench: Bench) -> None:
    with Plc(SLICES) as plc:
        experiment = bench.resolve(slice_target(plc.url))
    assert list(experiment.targets) == [
        "slice",
        "slice.c.example",
        "slice.a.example",
        "slice.b.example",
    ]


def test_a_node_that_a_slice_has_twice_is_one_target(bench: Bench) -> None:
    with Plc({"s": {1: "a.example", 2: "b.example", 5: "a.example"}}) as plc:
        experiment = bench.resolve(slice_target(plc.url))
    assert list(experiment.targets) == ["slice", "slice.a.example", "slice.b.example"]


def test_a_slice_of_several_targets_is_asked_for_once(bench: Bench) -> None:
    with Plc(SLICES) as plc:
        targets = slice_target(plc.url) + slice_target(plc.url, name="again")
        experiment = bench.resolve(targets)
    assert len(plc.calls) == 2
    again = experiment.targets["again"]
    assert isinstance(again, GroupTarget)
    assert len(again.members) == 3


def test_slices_are_asked_for_at_the_same_time(bench: Bench) -> None:
    both_are_there = threading.Barrier(2, timeout=10)
    with Plc(SLICES, before=both_are_there.wait) as plc:
        targets = slice_target(plc.url) + slice_target(plc.url, name="o", slice_name="other")
        experiment = bench.resolve(targets)
    assert "o.d.example" in experiment.targets
    assert not any(isinstance(one, PlanetlabTarget) for one in experiment.targets.values())


def test_a_slice_that_the_api_does_not_know_is_told(bench: Bench) -> None:
    with Plc(SLICES) as plc:
        told = bench.refused(slice_target(plc.url, slice_name="none"))
    assert told == [
        f"lab.xml:2: error: target 'slice': the API {plc.url} knows no slice 'none'; check "
        f"<slicename>, and that it has not expired and '{USER}' belongs to it"
    ]


def test_a_slice_without_nodes_is_told(bench: Bench) -> None:
    with Plc({"s": {}}) as plc:
        told = bench.refused(slice_target(plc.url))
    assert told == [
        f"lab.xml:2: error: target 'slice': the slice 's' of the API {plc.url} has no nodes; "
        "add nodes to it"
    ]


def test_a_node_without_a_host_is_told(bench: Bench) -> None:
    with Plc(SLICES, hidden=[1]) as plc:
        told = bench.refused(slice_target(plc.url))
    assert told == [
        f"lab.xml:2: error: target 'slice': the API {plc.url} does not tell the host of node 1 of "
        "slice 's'; remove the node from the slice, or try again"
    ]


def test_a_wrong_password_is_told_and_blotted_out_of_what_the_api_says(bench: Bench) -> None:
    with Plc(SLICES) as plc:
        target = slice_target(plc.url, more="<password>guessed</password>")
        told = bench.refused(target)
    assert told == [
        f"lab.xml:2: error: target 'slice': the API {plc.url} refuses GetSlices: : GetSlices: "
        "Failed to authenticate call: ***? (fault 103); check <user> and the password"
    ]


def test_another_refusal_is_told_in_the_words_of_the_api(bench: Bench) -> None:
    def fail() -> None:
        raise RuntimeError("\x9b31mdatabase\ndown")

    with Plc(SLICES, before=fail) as plc:
        told = bench.refused(slice_target(plc.url))
    assert told == [
        f"lab.xml:2: error: target 'slice': the API {plc.url} refuses GetSlices: "
        "<class 'RuntimeError'>:\\x9b31mdatabase down (fault 1); check <slicename> and <user>"
    ]


def test_all_faults_are_told_at_once_in_order(bench: Bench) -> None:
    with Plc(SLICES) as plc:
        told = bench.refused(
            slice_target(plc.url, name="unknown", slice_name="none"),
            slice_target(plc.url, name="good"),
            slice_target(plc.url, name="bad", more="<password>guessed</password>"),
            slice_target(plc.url.replace("PLCAPI", "elsewhere"), name="lost"),
            '<target name="good.c.example" type="local"/>',
        )
    assert [line.split(":", 4)[1] for line in told] == ["2", "3", "4", "5"]
    assert "knows no slice" in told[0]
    assert "named as another target" in told[1]
    assert "fault 103" in told[2]
    assert "HTTP status 404" in told[3]


def test_what_a_slice_is_too_small_for_is_told(bench: Bench) -> None:  # 7.6
    with Plc(SLICES) as plc, pytest.raises(SetupError) as caught:
        bench.resolve(slice_target(plc.url), STEP.replace("targets", 'min-success="4" targets'))
    assert str(caught.value) == ("lab.xml:4: error: min-success is 4, but the step has 3 targets")
