"""`gplmt show`: how a run went, and what its commands have printed."""

from __future__ import annotations

import os
import pty
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gplmt.cli.main import main
from tests.reporting.conftest import Recorded
from tests.support.program import GPLMT, ROOT, Program, document, one, until

LATEST = "gplmt-runs/latest"


class Said(NamedTuple):
    """What was printed."""

    exit_code: int
    lines: list[str]
    err: str


Show = Callable[..., Said]


@pytest.fixture
def show(capfd: pytest.CaptureFixture[str]) -> Show:
    """Calls `gplmt show` in this process."""

    def call(*names: str, run: str | Path = LATEST) -> Said:
        capfd.readouterr()
        exit_code = main(["show", str(run), *names])
        said = capfd.readouterr()
        return Said(exit_code, said.out.splitlines(), said.err)

    return call


LAB = document(
    targets="alice bob idle",
    tasklists='<tasklist name="measure"><run name="disk">echo disk of $GPLMT_TARGET</run>'
    '<call tasklist="sub"/></tasklist>'
    '<tasklist name="sub"><run name="net">echo net; echo slow >&amp;2</run></tasklist>',
    steps='<loop repeat="2"><step name="both" tasklist="measure" targets="alice bob"/></loop>'
    '<synchronize/><step name="last" tasklist="sub" targets="bob"/>'
    '<step name="off" tasklist="sub" targets="idle" enabled="false"/>',
)


def headers(said: Said) -> list[str]:
    """The tasks that were shown: `TARGET TASKLIST.TASK STEP ITERATION`."""
    assert said.exit_code == 0, said.err
    found = [
        re.match(r"==> (\S+ \S+) \(step ([\w-]+)(?:, iteration (\S+))?\)", line)
        for line in said.lines
    ]
    return [" ".join(filter(None, match.groups())) for match in found if match]


class TestARun:
    """Without names."""

    def test_the_summary_is_that_of_the_end_of_the_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("lab.xml").write_text(LAB)
        assert main(["run", "lab.xml", "-q"]) == 0
        told = capfd.readouterr().err.splitlines()
        directory = told[-1].removeprefix("run directory: ")
        assert main(["show", directory]) == 0
        shown = capfd.readouterr().out.splitlines()
        assert shown[-4:] == told[-4:]
        assert [line.partition(":")[0] for line in shown] == [
            "steps",
            "time",
            "result",
            "run directory",
        ]

    def test_failures_have_more_of_their_output_of_both_streams(
        self, recorded: Recorded, show: Show
    ) -> None:
        command = "seq 100; echo bad &gt;&amp;2; printf '\\033[2Jclear' &gt;&amp;2; exit 4"
        recorded(one(f"<run name='x' expected-status='0'>{command}</run>"), exit_code=1)
        lines = show().lines
        log = "logs/n1/0001-t.x"
        assert lines[:5] == [
            "lab.xml:3: error: run 't.x' on n1 exited with status 4, expected 0",
            f"  {log}.err:",
            "    bad",
            "    ?[2Jclear",
            f"  {log}.out:",
        ]
        assert lines[5:25] == [f"    {number}" for number in range(81, 101)]
        assert lines[25] == "steps: 1 failed"

    def test_failures_that_are_tolerated_are_told_as_such(
        self, recorded: Recorded, show: Show
    ) -> None:
        text = one(
            "<run expected-status='0'>test $GPLMT_TARGET = n1</run>",
            targets="n1 n2",
            attributes='min-success="1"',
        )
        recorded(text)
        assert show().lines[0].startswith("lab.xml:3: warning: tolerated: run 't.run-1' on n2")

    def test_of_a_killed_run_it_tells_how_far_it_came_and_what_is_owed(
        self, program: Program, show: Show
    ) -> None:
        text = document(
            tasklists='<tasklist name="t" cleanup="tidy">'
            '<run name="long">echo begun; sleep 60</run></tasklist>'
            '<tasklist name="tidy"><run>true</run></tasklist>',
            steps='<loop param="SIZE" list="64 128">'
            '<step name="s" tasklist="t" targets="n1"/></loop>',
        )
        run = program.start(text, "--no-report").until_shown("n1 | begun").send(signal.SIGKILL)
        run.process.wait()
        said = show(run=run.run_directory)
        result, rest = said.lines[:4], said.lines[4:]
        assert result[2] == "result: the record ends before the experiment does"
        assert rest[1].startswith(f"It was cut off; 'gplmt cleanup {run.run_directory}' does")
        assert re.fullmatch(r"after 0:00:0\d: 0 of 2 steps have ended", rest[2])
        assert rest[3] == "targets: 1 running"
        assert rest[4].endswith("0 of 2 iterations done, now iteration 0 SIZE=64")
        assert rest[5].endswith("step 's' in iteration 0: 1 running")
        assert re.search(r"'t.long' on n1 for 0:00:0\d$", rest[6])
        assert main(["cleanup", str(run.run_directory)]) == 0
        lines = show(run=run.run_directory).lines
        assert "It was cut off. It came so far:" in lines
        assert lines[lines.index("gplmt cleanup:") + 1 :] == [
            "stopped 0 processes, ran 1 cleanup and 0 teardowns, removed 0 files",
            "result: ok, nothing is left to be done (exit code 0)",
        ]

    def test_of_a_run_that_still_owes_something_it_says_so(
        self, program: Program, show: Show
    ) -> None:
        text = document(
            tasklists='<tasklist name="t"><run>echo begun; sleep 60</run></tasklist>',
            steps='<register-teardown tasklist="t" targets="n1"/><step tasklist="t" targets="n1"/>',
        )
        run = program.start(text, "--no-report").until_shown("n1 | begun").send(signal.SIGINT)
        until(lambda: run.lines == ["n1 | begun"] * 2)  # the teardown has begun
        run.send(signal.SIGINT).wait()
        last = show(run=run.run_directory).lines[-1]
        where = run.run_directory
        assert last == f"something is left to be done: 'gplmt cleanup {where}' does it"

    def test_of_a_running_run_it_tells_how_far_it_is(self, program: Program, show: Show) -> None:
        run = program.start(one("<run name='x'>echo begun; sleep 60</run>"), "--no-report")
        run.until_shown("n1 | begun")
        assert "It is still running:" in show(run=run.run_directory).lines
        (header,) = [line for line in show("x", run=run.run_directory).lines if "==>" in line]
        assert re.fullmatch(r"==> n1 t\.x \(step step-1\) running \d\.\d s <==", header)

    @pytest.mark.parametrize("name", ["no/such", "."])
    def test_what_is_no_run_is_an_error(self, name: str, tmp_path: Path, show: Show) -> None:
        said = show(run=tmp_path / name)
        assert (said.exit_code, said.lines) == (2, [])
        assert "is no run directory" in said.err

    def test_a_record_that_is_none_is_an_error(self, recorded: Recorded, show: Show) -> None:
        (recorded(one("<run>true</run>")).path / "events.jsonl").write_text('{"kind": "Odd"}\n')
        for names in ((), ("n1",)):
            said = show(*names)
            assert (said.exit_code, said.lines) == (2, [])
            assert "not an event of gplmt" in said.err


class TestNames:
    """Which tasks names stand for."""

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ("idle", []),
            (
                "alice",
                ["measure.disk both 0", "sub.net both 0", "measure.disk both 1", "sub.net both 1"],
            ),
            ("alice disk", ["measure.disk both 0", "measure.disk both 1"]),
            ("disk alice 1", ["measure.disk both 1"]),
            ("measure.disk 0 alice", ["measure.disk both 0"]),
            ("alice measure 1", ["measure.disk both 1", "sub.net both 1"]),
            ("bob last", ["sub.net last"]),
            ("bob sub", ["sub.net both 0", "sub.net both 1", "sub.net last"]),
            ("bob both sub.net", ["sub.net both 0", "sub.net both 1"]),
        ],
    )
    def test_they_narrow_down(
        self, names: str, expected: list[str], recorded: Recorded, show: Show
    ) -> None:
        recorded(LAB)
        said = show(*names.split())
        shown = [header.partition(" ")[2] for header in headers(said)]
        assert shown == expected
        assert ("has run in" in said.err) == (not expected)

    def test_two_of_a_kind_stand_for_both(self, recorded: Recorded, show: Show) -> None:
        recorded(LAB)
        assert sorted(headers(show("alice", "bob", "disk", "0"))) == [
            "alice measure.disk both 0",
            "bob measure.disk both 0",
        ]

    def test_an_outer_iteration_is_all_that_is_in_it(self, recorded: Recorded, show: Show) -> None:
        text = document(
            tasklists='<tasklist name="t"><run name="x">true</run></tasklist>',
            steps='<loop repeat="2"><loop repeat="2">'
            '<step tasklist="t" targets="n1"/></loop></loop>',
        )
        recorded(text)
        assert len(headers(show("1"))) == 2
        assert len(headers(show("1.0"))) == 1

    def test_one_that_is_not_known_is_an_error_with_those_that_are_near(
        self, recorded: Recorded, show: Show
    ) -> None:
        recorded(LAB)
        said = show("alicce")
        assert (said.exit_code, said.lines) == (2, [])
        assert said.err == (
            f"gplmt: error: nothing in {LATEST} is called 'alicce'; did you mean 'alice'?\n"
        )
        assert "did you mean 'measure.disk'" in show("measur.disk").err
        assert "there are names like 0, 1, alice" in show("\x1b[2Jxyz").err

    def test_those_that_nothing_has_at_once_are_an_error(
        self, recorded: Recorded, show: Show
    ) -> None:
        recorded(LAB)
        said = show("alice", "last")
        assert said.exit_code == 2
        assert "nothing that has run" in said.err


class TestOutput:
    """How output is shown."""

    def test_stdout_comes_first_then_stderr_below_a_line(
        self, recorded: Recorded, show: Show
    ) -> None:
        recorded(LAB)
        said = show("bob", "last")
        header, *rest = said.lines
        assert re.fullmatch(r"==> bob sub\.net \(step last\) ok \d\.\d s <==", header)
        assert rest == ["net", "--- stderr ---", "slow"]

    def test_a_failure_is_told_in_its_header_and_tasks_without_output_have_one(
        self, recorded: Recorded, show: Show
    ) -> None:
        tasks = "<put source='lab.xml' destination='copy'/><fail status='a&#10;b'/>"
        recorded(one(tasks), exit_code=1)
        lines = show("n1").lines
        assert [re.sub(r"\d\.\d s", "", line) for line in lines] == [
            "==> n1 t.put-1 (step step-1) ok  <==",
            "==> n1 t.fail-2 (step step-1) failed : a b <==",
        ]

    def test_each_piece_begins_on_a_line_of_its_own(self, recorded: Recorded, show: Show) -> None:
        recorded(one("<run>printf a; printf b >&amp;2</run><run>true</run>"))
        assert [line for line in show("n1").lines if "==>" not in line] == [
            "a",
            "--- stderr ---",
            "b",
        ]

    def test_elsewhere_than_on_a_terminal_the_bytes_stay_as_they_are(
        self, recorded: Recorded, program: Program
    ) -> None:
        run = recorded(one("<run name='x'>true</run>"))
        raw = bytes(range(256)) + b"\n"
        (run.path / "logs/n1/0001-t.x.out").write_bytes(raw)
        shown = program.call("show", LATEST, "x", program=GPLMT).wait()
        assert shown.output.read_bytes().partition(b"<==\n")[2] == raw

    @pytest.mark.parametrize(("no_color", "has_colour"), [("", True), ("1", False)])
    def test_on_a_terminal_nothing_in_it_controls_that(
        self, no_color: str, has_colour: bool, recorded: Recorded, tmp_path: Path
    ) -> None:
        run = recorded(one("<run name='x' expected-status='0'>exit 1</run>"), exit_code=1)
        hostile = (
            b"\x1b[2J\x1b]0;title\x07 \x9b2J \xc2\x9b3J \xe2\x80\xae back \r\nover\rwritten\b \xff"
        )
        (run.path / "logs/n1/0001-t.x.out").write_bytes(hostile)
        text = on_terminal(tmp_path, "show", LATEST, "x", environment={"NO_COLOR": no_color})
        plain = re.sub(r"\x1b\[\d+m", "", text)
        assert (plain != text) == has_colour
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", plain)
        lines = plain.splitlines()[1:]
        assert lines[0].startswith("^[[2J^[]0;title^G \N{REPLACEMENT CHARACTER}2J \\x9b3J \\u202e")
        assert lines[1] == "over^Mwritten^H \N{REPLACEMENT CHARACTER}"

    def test_characters_and_line_ends_may_stand_across_pieces(
        self, recorded: Recorded, tmp_path: Path
    ) -> None:
        run = recorded(one("<run name='x'>true</run>"))
        text = "x" * 65_535 + "€" + "y" * 65_533 + "\r\nend\r"
        (run.path / "logs/n1/0001-t.x.out").write_bytes(text.encode())
        shown = on_terminal(tmp_path, "show", LATEST, "x").splitlines()[1:]
        assert shown == ["x" * 65_535 + "€" + "y" * 65_533, "end^M"]

    def test_a_log_that_has_gone_is_no_output(self, recorded: Recorded, show: Show) -> None:
        run = recorded(one("<run name='x'>echo hello</run>"))
        (run.path / "logs/n1/0001-t.x.out").unlink()
        assert len(show("x").lines) == 1

    def test_a_big_log_is_not_read_at_once_and_a_reader_may_leave(
        self, recorded: Recorded, tmp_path: Path
    ) -> None:
        run = recorded(one("<run name='x'>true</run>"))
        with (run.path / "logs/n1/0001-t.x.out").open("wb") as log:
            log.write(b"first\n")
            log.truncate(3 << 30)
        limit = 1 << 30
        ended = subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", f"{sys.executable} -m gplmt show {LATEST} x | head -n 2"],
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
            timeout=60,
            check=False,
        )
        assert ended.stdout.splitlines()[1] == b"first"
        assert ended.stderr == b""

    def test_a_full_disk_is_told(self, program: Program) -> None:
        experiment = program.write(one("<run name='x'>echo hello</run>"))
        program.call("run", str(experiment), "--no-report", program=GPLMT).wait()
        with Path("/dev/full").open("wb") as full:
            for names in ((), ("x",)):
                run = program.call("show", LATEST, *names, program=GPLMT, stdout=full).wait()
                assert run.exit_code == 1
                assert "cannot write to stdout: no space left" in run.stderr


def on_terminal(directory: Path, *words: str, environment: dict[str, str] | None = None) -> str:
    """What gplmt writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "gplmt", *words],
        stdout=theirs,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **(environment or {})},
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:  # it has closed its side
        pass
    os.close(ours)
    assert process.wait(60) == 0
    return seen.decode().replace("\r\n", "\n")
