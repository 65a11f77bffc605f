"""How the results of a ping look, to people and to programs."""

from __future__ import annotations

import json
import re

import pytest

from gplmt.cli.ping_report import render_json, render_table
from gplmt.diagnostics import Location
from gplmt.inventory import LocalAddress, Node, SshAddress
from gplmt.language.targets import SshOptions
from gplmt.protocols import Answer, ClockReading, Endpoint, Pinged

SYSTEM = "Debian GNU/Linux 12 (bookworm), Linux 6.1.0-18-amd64 x86_64"
HERE = LocalAddress()
THERE = SshAddress(host="n.example", options=SshOptions())
ENDPOINT = Endpoint(host="10.0.0.7", port=2222, user="lab")


def node(name: str, address: LocalAddress | SshAddress = THERE) -> Node:
    return Node(at=Location("lab.xml", 1), name=name, address=address)


def answered(
    name: str,
    *,
    trip: float = 0.0123,
    offset: float = 0.0004,
    uncertainty: float = 0.0061,
    system: str = SYSTEM,
) -> Pinged:
    clock = ClockReading(offset_seconds=offset, uncertainty_seconds=uncertainty)
    answer = Answer(
        connect_seconds=0.5,
        round_trip_seconds=trip,
        system=system,
        clock=clock,
        host_key="SHA256:x",
    )
    return Pinged(node=node(name), endpoint=ENDPOINT, answer=answer)


def failed(name: str, reason: str) -> Pinged:
    return Pinged(node=node(name), endpoint=ENDPOINT, reason=reason)


def cell(column: int, result: Pinged) -> str:
    """What the table has of one node: its round trip, the clock, the system."""
    line = render_table([result], width=None).splitlines()[1]
    return re.split(r"  +", line)[column]


def test_the_table_has_a_line_for_each_node_in_order_and_says_how_many_answered() -> None:
    table = render_table(
        [
            answered("near", trip=0, offset=0, uncertainty=0),
            failed("rack1.node7", "10.0.0.7 port 2222 is gone"),
            answered("far", offset=-3600.5, uncertainty=0.51),
            Pinged(node=node("slow")),
            failed("deaf", "no answer"),
        ],
        width=None,
    )
    assert table.splitlines() == [
        "target       round trip       clock offset  system",
        f"near             0.0 ms          +0 ± 0 ms  {SYSTEM}",
        "rack1.node7  error: 10.0.0.7 port 2222 is gone",
        f"far               12 ms  -3600.50 ± 0.51 s  {SYSTEM}",
        "slow         interrupted",
        "deaf         error: no answer",
        "",
        "2 of 5 answered; not: rack1.node7, deaf; interrupted: slow",
    ]


def test_a_table_of_nodes_that_all_answer_or_all_fail_says_no_more() -> None:
    assert render_table([answered("a"), answered("b")], width=80).endswith("\n\n2 of 2 answered")
    assert render_table([failed("a", "x")], width=80).splitlines() == [
        "target  round trip  clock offset  system",
        "a       error: x",
        "",
        "0 of 1 answered; not: a",
    ]


def test_lines_fit_into_the_width() -> None:
    reason = (
        "the host key of [10.0.0.7]:2222 is not known: ssh-ed25519 SHA256:MUK4N7GF is in no file"
    )
    results = [
        answered("node1"),
        failed("node2", f"{reason} of known hosts; log in once with `ssh -p 2222 lab@10.0.0.7`"),
        *(failed(f"node{number}", "x") for number in range(3, 40)),
    ]
    whole = render_table(results, width=None)
    for width in (60, 80, 140):
        table = render_table(results, width=width)
        assert max(map(len, table.splitlines())) <= width
        *_, summary = table.split("\n\n")
        assert " ".join(summary.split()) == whole.splitlines()[-1]
        second = table.partition("\nnode2")[2].partition("\nnode3")[0]
        assert " ".join(second.split()) in whole
        assert all(line.startswith("    ") for line in second.splitlines()[1:])
    assert f"  {SYSTEM}\n" in render_table(results, width=140)
    assert "  Debian GNU/Linux 12 (bookworm), Linux 6.1....\n" in render_table(results, width=80)


def test_words_are_not_broken_so_that_they_can_be_copied() -> None:
    path = "/home/somebody/" + "x" * 100
    table = render_table([failed("node1", f"the key {path} is gone")], width=60)
    assert f"    {path}" in table.splitlines()


def test_a_system_is_shown_in_part_even_where_names_leave_no_room() -> None:
    table = render_table([answered("n" * 80)], width=80)
    assert table.splitlines()[1].endswith("  Debian GNU/Li...")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.00004, "0.0 ms"), (0.0004, "0.4 ms"), (0.012, "12 ms"), (0.25, "250 ms"), (1.26, "1.3 s")],
)
def test_round_trips_are_told_as_precisely_as_it_helps(seconds: float, shown: str) -> None:
    assert cell(1, answered("n", trip=seconds)) == shown


@pytest.mark.parametrize(
    ("offset", "uncertainty", "shown"),
    [
        (0.000213, 0.00030, "+0.21 ± 0.30 ms"),
        (-0.0004, 0.0061, "-0.4 ± 6.1 ms"),
        (0.1, 0.5, "+100 ± 500 ms"),
        (-0.0004, 0.051, "+0 ± 51 ms"),
        (0.0, 12.0, "+0 ± 12 s"),
        (-1.5, 0.00001, "-1.500000 ± 0.000010 s"),
        (86400.25, 0.503, "+86400.25 ± 0.50 s"),
    ],
)
def test_offsets_are_told_to_two_digits_of_their_uncertainty(
    offset: float, uncertainty: float, shown: str
) -> None:
    assert cell(2, answered("n", offset=offset, uncertainty=uncertainty)) == shown


def test_what_could_not_be_found_out_is_unknown() -> None:
    answer = Answer(connect_seconds=0, round_trip_seconds=0)
    table = render_table([Pinged(node=node("n"), answer=answer)], width=80)
    assert table.splitlines()[1].split() == ["n", "0.0", "ms", "unknown", "unknown"]
    [entry] = json.loads(render_json([Pinged(node=node("n"), answer=answer)]))
    assert entry["reachable"] is True
    assert (entry["system"], entry["clock_offset_seconds"], entry["host_key"]) == (None,) * 3


def test_what_nodes_say_stays_on_its_line_and_does_nothing_to_a_terminal() -> None:
    hostile = "a\x1b[2J\x07b\n\udc80c\u202ed" + "e" * 10_000
    results = [answered("n1", system=hostile), failed("n2", hostile)]
    table = render_table(results, width=None)
    assert len(table.splitlines()) == 5
    assert table.replace("\n", "").isprintable()
    assert "a?[2J?b ?c?d" in table
    assert len(table) < 5000
    first, second = json.loads(render_json(results))
    assert first["system"] == second["reason"]
    assert first["system"].isprintable()


def test_json_has_all_fields_of_all_nodes_in_one_order() -> None:
    entries = json.loads(
        render_json([answered("far"), failed("gone", "x"), Pinged(node=node("near", HERE))])
    )
    assert [list(entry) for entry in entries] == [list(entries[0])] * 3
    place = {"host": "10.0.0.7", "port": 2222, "user": "lab"}
    nothing = dict.fromkeys(list(entries[0])[7:])
    assert entries == [
        {
            "target": "far",
            "kind": "ssh",
            **place,
            "reachable": True,
            "reason": None,
            "connect_seconds": 0.5,
            "round_trip_seconds": 0.0123,
            "system": SYSTEM,
            "clock_offset_seconds": 0.0004,
            "clock_uncertainty_seconds": 0.0061,
            "host_key": "SHA256:x",
        },
        {"target": "gone", "kind": "ssh", **place, "reachable": False, "reason": "x", **nothing},
        {
            "target": "near",
            "kind": "local",
            **dict.fromkeys(place),
            "reachable": None,
            "reason": None,
            **nothing,
        },
    ]
