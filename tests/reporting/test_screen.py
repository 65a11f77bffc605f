"""What the live view shows, at any size of the terminal."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from gplmt.recording.failures import Failure
from gplmt.reporting.glimpse import Glimpse, LoopStanding, StepStanding, TargetState, WorkStanding
from gplmt.reporting.palette import Palette
from gplmt.reporting.screen import Screen

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PLAIN = Palette(has_colour=False, has_unicode=True)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


FULL = Glimpse(
    experiment="lab",
    began=ago(3700),
    planned_end=None,
    step_total=40,
    step_ends=Counter({"ok": 9, "failed": 1}),
    targets=Counter({TargetState.RUNNING: 300, TargetState.OK: 650, TargetState.LOST: 8}),
    loops=tuple(
        LoopStanding(name=f"loop-{rank}", at="lab.xml:3", began=ago(100), count=10, done=4)
        for rank in range(5)
    ),
    steps=tuple(
        StepStanding(
            name=f"step-{rank}",
            at="lab.xml:5",
            tasklist="measure",
            began=ago(61),
            targets={TargetState.RUNNING: 7, TargetState.FAILED: 1},
        )
        for rank in range(50)
    ),
    work=tuple(
        WorkStanding(
            target=f"n{rank}",
            task="measure.ping",
            at="lab.xml:9",
            began=ago(60),
            is_background=False,
        )
        for rank in range(12)
    ),
    failures=tuple(
        Failure(at="lab.xml:9", subject=f"run 'x' on n{rank}", reason="exited with 1", span=rank)
        for rank in range(20)
    ),
    failure_count=30,
    signal_count=0,
)


def drawn(
    glimpse: Glimpse, *, columns: int = 120, rows: int = 40, line: str = "hello"
) -> list[str]:
    lines = Screen(PLAIN, lambda _: line).draw(glimpse, now=NOW, columns=columns, rows=rows)
    return [re.sub(r"\x1b\[[0-9;]*m", "", line.text) for line in lines]


@pytest.mark.parametrize("columns", [20, 40, 69, 70, 100, 250])
@pytest.mark.parametrize("rows", [6, 10, 24, 40, 100])
def test_it_fits_and_leaves_half_of_the_terminal_to_the_output(columns: int, rows: int) -> None:
    lines = drawn(FULL, columns=columns, rows=rows, line="long " * 100)
    assert 2 <= len(lines) <= max(3, rows // 2)
    assert max(map(len, lines)) < columns
    assert lines[1].startswith("targets: 8 lost, ")


def test_a_thousand_targets_are_counted_and_exceptions_shown() -> None:
    lines = drawn(FULL)
    assert lines[0].startswith("lab  1:01:40  ")
    assert "  steps: 10 of 40, 1 failed" in lines[0]
    assert lines[1] == "targets: 8 lost, 300 running, 650 ok"
    assert "4 of 10 done" in lines[2]
    assert lines[2].endswith("about 0:02:30 left")
    assert "and 46 more steps" in lines
    assert "27 more failures before these:" in lines
    assert "lab.xml:9: run 'x' on n19 exited with 1" in lines
    assert lines[-1].endswith("measure.ping  0:01:00  hello")


def test_a_bar_has_as_much_done_as_there_is() -> None:
    assert "━━━━━───────────────" in drawn(FULL)[0]
    assert "=====---------------" in "".join(
        text for text, _ in Palette(has_colour=False, has_unicode=False).bar(0.25, 20)
    )


def test_names_and_output_cannot_break_out() -> None:
    hostile = replace(
        FULL,
        failures=(Failure(at="a", subject="b\nc\x1b[2J", reason="d\r\te\u202e", span=1),),
        failure_count=1,
    )
    (line,) = (line for line in drawn(hostile) if line.startswith("a: "))
    assert line == "a: b c?[2J failed: d e?"


def test_wide_characters_are_as_wide_as_they_are() -> None:
    lines = Screen(PLAIN, lambda _: "試" * 100).draw(FULL, now=NOW, columns=80, rows=40)
    assert {line.width for line in lines if "試" in line.text} <= {78, 79}


def test_where_there_is_no_unicode_nothing_else_is_written() -> None:
    palette = Palette(has_colour=True, has_unicode=False)
    lines = Screen(palette, lambda _: "Grüße " * 50).draw(FULL, now=NOW, columns=80, rows=40)
    assert all(line.text.isascii() for line in lines)


@pytest.mark.parametrize(
    ("environment", "has_colour", "has_unicode"),
    [
        ({"LANG": "de_DE.UTF-8"}, True, True),
        ({"LANG": "C.utf8", "NO_COLOR": ""}, True, True),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8", "NO_COLOR": "1"}, False, False),
        ({}, True, False),
    ],
)
def test_the_environment_says_what_can_be_shown(
    environment: dict[str, str], has_colour: bool, has_unicode: bool
) -> None:
    line = Palette.of(environment).line([("ä", "failed")], 10).text
    assert ("ä" in line) is has_unicode
    assert ("31" in line) is has_colour


def test_a_signal_is_answered_and_a_time_limit_told() -> None:
    assert "Ctrl-C once more" in drawn(replace(FULL, signal_count=1))[0]
    limited = replace(FULL, planned_end=NOW + timedelta(hours=30))
    assert drawn(limited)[0].endswith("at most 1 d 06:00:00 left")
