"""What a person sees on a terminal while an experiment runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import Program, document, one, until
from tests.support.screen import Screen, plain_environment

WAITING = """
<tasklist name="measure">
  <run name="probe" expected-status="0">echo "probe of $GPLMT_TARGET"
    until [ -e go ]; do sleep 0.05; done; [ $GPLMT_TARGET != n2 ]</run>
</tasklist>
"""
STEPS = """<loop param="RATE" list="10 20">
  <step name="probing" tasklist="measure" targets="n1 n2"/>
</loop>"""
EXPERIMENT = document(targets="n1 n2", tasklists=WAITING, steps=STEPS)
LASTING = one("<run>sleep 1.5</run>")  # longer than a view waits before it appears


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    (tmp_path / "lab.xml").write_text(EXPERIMENT)
    with Screen(tmp_path) as screen:
        yield screen
        (tmp_path / "go").touch()


def has_view(lines: list[str]) -> bool:
    return any("targets: " in line for line in lines)


def test_the_view_stays_below_the_output_and_leaves_nothing_behind(
    screen: Screen, tmp_path: Path
) -> None:
    process = screen.start("lab.xml", environment=plain_environment())
    lines = screen.until(lambda lines: has_view(lines) and any("probe of n2" in x for x in lines))
    view = next(rank for rank, line in enumerate(lines) if line.startswith("lab  0:00:"))
    assert sorted(lines[:view]) == ["n1 | probe of n1", "n2 | probe of n2"]
    assert "steps: 0 of 2" in lines[view]
    assert lines[view + 1] == "targets: 2 running"
    assert re.match(r"loop-1  lab\.xml:9  ─+  0 of 2 done  RATE=10", lines[view + 2])
    assert re.match(r"  probing \[0\]  measure  lab\.xml:10  0:00:0\d   2 running", lines[view + 3])
    assert re.match(r"  n1  measure\.probe  0:00:0\d  probe of n1", lines[view + 4])
    assert lines[view + 6 :] == [""] * (30 - view - 6)
    (tmp_path / "go").touch()
    assert process.wait(20) == 1
    seen = [line for line in screen.all_lines() if line]
    assert sorted(seen[:4]) == ["n1 | probe of n1"] * 2 + ["n2 | probe of n2"] * 2
    assert seen[4].startswith("lab.xml:5: error: run 'measure.probe' on n2 in iteration 0 exited")
    assert seen[-1].startswith("run directory: ")
    assert not has_view(seen)


def test_the_view_shows_failures_and_about_how_long_a_loop_still_takes(
    screen: Screen, tmp_path: Path
) -> None:
    (tmp_path / "lab.xml").write_text(EXPERIMENT.replace("-e go", "-e go$RATE"))
    process = screen.start("lab.xml", environment=plain_environment())
    screen.until(has_view)
    (tmp_path / "go10").touch()
    lines = screen.until(lambda lines: any("1 of 2 done" in line for line in lines))
    assert any(re.search(r"━+─+  1 of 2 done  RATE=20  about 0:00:\d\d left", x) for x in lines)
    assert any("steps: 1 of 2, 1 failed" in line for line in lines)
    assert "lab.xml:5: run 'measure.probe' on n2 in iteration 0 exited with status 1" in "".join(
        lines
    )
    (tmp_path / "go20").touch()
    assert process.wait(20) == 1


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (60, 10),
        pytest.param(40, 30, marks=pytest.mark.long),
        pytest.param(200, 50, marks=pytest.mark.long),
    ],
)
def test_the_view_follows_the_size_of_the_terminal(
    screen: Screen, tmp_path: Path, columns: int, rows: int
) -> None:
    process = screen.start("lab.xml", environment=plain_environment())
    screen.until(has_view)
    screen.resize(columns, rows)
    seen = len(screen.written)
    until(lambda: has_view(screen.lines()) and len(screen.written) > seen + 2000)
    lines = screen.lines()
    assert len([line for line in lines if line.startswith("targets: ")]) == 1
    assert len([line for line in lines if line.startswith("lab  ")]) == 1
    assert max(len(line) for line in lines if not line.startswith("n")) < columns
    (tmp_path / "go").touch()
    assert process.wait(20) == 1


def test_a_terminal_that_is_too_small_shows_output_only(tmp_path: Path) -> None:
    (tmp_path / "lab.xml").write_text(LASTING)
    with Screen(tmp_path, columns=15, rows=4) as screen:
        assert screen.start("lab.xml", environment=plain_environment()).wait(20) == 0
        screen.lines()
        assert b"\x1b" not in screen.written


def test_ctrl_c_takes_the_view_away_and_gives_the_terminal_back(screen: Screen) -> None:
    process = screen.start("lab.xml", environment=plain_environment())
    screen.until(has_view)
    screen.type("\x03")
    assert process.wait(20) == 130
    lines = [line for line in screen.lines() if line]
    assert not has_view(lines)
    assert "result: interrupted by SIGINT (exit code 130)" in lines
    assert screen.cursor_column == 0
    assert screen.shows_what_is_typed


def test_also_a_gplmt_that_is_killed_leaves_a_terminal_that_can_be_used(screen: Screen) -> None:
    process = screen.start("lab.xml", environment=plain_environment())
    screen.until(has_view)
    process.kill()
    process.wait(20)
    assert screen.lines()[screen.cursor_row] == ""
    assert screen.cursor_column == 0
    assert screen.shows_what_is_typed


@pytest.mark.parametrize("options", [("-q",), ("--progress", "off"), ("--progress", "lines")])
def test_who_wants_no_view_gets_none(
    screen: Screen, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "lab.xml").write_text(LASTING)
    process = screen.start("lab.xml", *options, environment=plain_environment())
    assert process.wait(20) == 0
    screen.lines()
    assert b"result: ok" in screen.written
    assert b"\x1b" not in screen.written


def test_without_colour_there_is_none(screen: Screen, tmp_path: Path) -> None:
    process = screen.start("lab.xml", environment=plain_environment(NO_COLOR="1"))
    screen.until(has_view)
    assert screen.colours() <= {"default"}
    (tmp_path / "go").touch()
    process.wait(20)


def test_with_colour_the_states_have_theirs(screen: Screen, tmp_path: Path) -> None:
    process = screen.start("lab.xml", environment=plain_environment())
    screen.until(has_view)
    assert {"default", "cyan"} <= screen.colours()
    (tmp_path / "go").touch()
    process.wait(20)


def test_a_dumb_terminal_gets_lines(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "lab.xml").write_text(LASTING)
    process = screen.start("lab.xml", environment=plain_environment(TERM="dumb"))
    assert process.wait(20) == 0
    assert any("step 'step-1' is done" in line for line in screen.lines())
    assert b"\x1b" not in screen.written


@pytest.mark.long
def test_a_run_that_says_nothing_has_a_heartbeat_where_there_is_no_terminal(
    program: Program,
) -> None:
    quiet = one("<run>sleep 35</run>")
    run = program.start(quiet).wait(60)
    told = [line for line in run.stderr.splitlines() if "still running" in line]
    assert len(told) == 1
    assert told[0].endswith(
        "still running; steps ended: 0 of 1; targets: 1 running; "
        "longest: 't.run-1' on n1 for 0:00:30"
    )
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", run.stderr)


@pytest.mark.long
def test_a_thousand_targets_stay_readable(tmp_path: Path) -> None:
    names = " ".join(f"node{number:03}" for number in range(1000))
    tasklist = WAITING.replace("[ $GPLMT_TARGET != n2 ]", "[ $((GPLMT_TARGET_INDEX % 10)) != 3 ]")
    step = '<step tasklist="measure" targets="*" max-parallel="100"/>'
    (tmp_path / "lab.xml").write_text(document(targets=names, tasklists=tasklist, steps=step))
    with Screen(tmp_path) as screen:
        process = screen.start(
            "lab.xml", "--quiet", "--progress", "live", environment=plain_environment()
        )
        lines = screen.until(lambda lines: any("100 running, 900 waiting" in x for x in lines))
        assert len([line for line in lines if line]) <= 15
        (tmp_path / "go").touch()
        screen.until(lambda lines: any("more failures before these:" in line for line in lines))
        assert process.wait(60) == 1
