"""`gplmt runs`: which runs there are, and how they ended."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gplmt.cli.main import main
from gplmt.reporting.recorded import RunOutcome
from gplmt.reporting.runs import Entry, find_runs
from gplmt.reporting.runs_table import render_table
from gplmt.reporting.text_paint import width_of
from tests.reporting.conftest import Recorded
from tests.support.program import GPLMT, ROOT, Program, one, without_privileges

OK = one("<run>true</run>")
BAD = one("<fail status='no'/>")
LONG = one("<run>echo begun; sleep 60</run>")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def entry(name: str = "lab-20260302T101500Z", *, description: str | None = None) -> Entry:
    return Entry(
        run_id=name,
        run_dir=f"/runs/{name}",
        experiment="lab",
        description=description,
        outcome=RunOutcome.OK,
        running=False,
        exit_code=0,
        started=NOW - timedelta(hours=1),
        ended=NOW,
        seconds=3600.0,
        targets=3,
        cleaned_up=None,
    )


def listed(root: Path, capfd: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    """The objects of `--json`, by their experiments."""
    capfd.readouterr()
    assert main(["runs", "--json", "--logroot-dir", str(root)]) == 0
    return {run["experiment"]: run for run in json.loads(capfd.readouterr().out)}


def test_each_run_has_its_outcome_times_and_exit_code(
    program: Program, capfd: pytest.CaptureFixture[str]
) -> None:
    root = program.scratch / "all"

    def start(name: str, text: str) -> None:
        program.write(text, f"{name}.xml")
        words = ("run", f"{name}.xml", "--logroot-dir", "all", "--no-report")
        run = program.call(*words, program=GPLMT)
        if name in ("killed", "stopped"):
            run.until_shown("n1 | begun")
            run.send(signal.SIGKILL if name == "killed" else signal.SIGINT)
        if name == "running":
            run.until_shown("n1 | begun")
        else:
            run.process.wait()

    start("good", OK.replace("<targets>", "<description>All\nwell</description><targets>"))
    start("bad", BAD)
    start("stopped", LONG)
    start("killed", LONG)
    start("running", LONG)
    runs = listed(root, capfd)
    ends = {name: (run["outcome"], run["running"], run["exit_code"]) for name, run in runs.items()}
    assert ends == {
        "good": ("ok", False, 0),
        "bad": ("failed", False, 1),
        "stopped": ("interrupted", False, 130),
        "killed": ("unfinished", False, None),
        "running": ("unfinished", True, None),
    }
    good, killed = runs["good"], runs["killed"]
    assert good["run_dir"] == str((root / str(good["run_id"])).absolute())
    assert (good["description"], good["targets"], good["cleaned_up"]) == ("All\nwell", 1, None)
    assert (killed["ended"], killed["seconds"]) == (None, None)
    manifest = json.loads(Path(str(good["run_dir"]), "manifest.json").read_text())
    assert (good["started"], good["ended"]) == (manifest["started"], manifest["ended"])
    assert main(["runs", "--logroot-dir", str(root)]) == 0
    table = capfd.readouterr().out.splitlines()
    assert table[0].split() == ["run", "started", "duration", "outcome", "description"]
    assert [re.split("  +", line)[3] for line in table[1:3]] == ["ok", "failed"]
    assert table[1].endswith("ok           All well")
    assert table[-1].endswith("running")
    assert main(["cleanup", str(killed["run_dir"])]) == 0
    assert listed(root, capfd)["killed"]["cleaned_up"] is not None


def test_what_is_no_run_is_skipped_with_a_note_and_the_latest_is_listed_once(
    recorded: Recorded, capfd: pytest.CaptureFixture[str]
) -> None:
    run = recorded(OK)
    root = run.path.parent.resolve()
    (root / "foreign").mkdir()
    (root / "broken").mkdir()
    (root / "broken" / "manifest.json").write_bytes(b'{"run_id": "\xff')
    (root / ".hidden").mkdir()
    (root / "file").touch()
    assert main(["runs"]) == 0
    said = capfd.readouterr()
    assert len(said.out.splitlines()) == 2
    notes = said.err.splitlines()
    assert notes[0].startswith("gplmt: note: skipped gplmt-runs/broken: manifest.json: ")
    assert notes[1] == (
        "gplmt: note: skipped gplmt-runs/foreign: manifest.json: no such file or directory"
    )
    assert len(notes) == 2


def test_many_foreign_directories_are_not_all_named(
    recorded: Recorded, capfd: pytest.CaptureFixture[str]
) -> None:
    root = recorded(OK).path.parent
    for number in range(20):
        (root / f"foreign-{number}").mkdir()
    assert main(["runs"]) == 0
    notes = capfd.readouterr().err.splitlines()
    assert (len(notes), notes[-1]) == (
        6,
        "gplmt: note: skipped 15 more that are no run directories",
    )


def test_an_unreadable_directory_is_skipped(program: Program) -> None:
    experiment = program.write(OK)
    for number in (1, 2):
        words = ("run", str(experiment), "--logroot-dir", "all", "--no-report", "-q")
        program.call(*words, program=GPLMT).wait()
        if number == 1:
            (program.scratch / "all" / "latest").resolve().chmod(0)
    without = (*without_privileges(), *GPLMT)
    run = program.call("runs", "--logroot-dir", "all", program=without).wait()
    assert (run.exit_code, len(run.lines)) == (0, 2)
    assert "permission denied" in run.stderr


def test_no_directory_is_an_error_and_an_empty_one_is_none(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "missing")
    assert main(["runs", "--logroot-dir", missing]) == 2
    assert capfd.readouterr().err.startswith(f"gplmt: error: there is no directory {missing}; ")
    assert main(["runs", "--logroot-dir", str(tmp_path)]) == 0
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", f"gplmt: there are no runs in {tmp_path}\n")
    assert main(["runs", "--json", "--logroot-dir", str(tmp_path)]) == 0
    assert json.loads(capfd.readouterr().out) == []


def test_the_newest_is_last(recorded: Recorded) -> None:
    first = recorded(OK)
    manifest = first.path / "manifest.json"
    later = first.path.parent / "a-later-one"
    shutil.copytree(first.path.resolve(), later)
    moved = re.sub(r'"started": "\d{4}', '"started": "3000', manifest.read_text())
    (later / "manifest.json").write_text(moved)
    found = find_runs(first.path.parent).runs
    assert [Path(run.run_dir).name for run in found][-1] == "a-later-one"


@pytest.mark.parametrize("width", [20, 30, 40, 50, 60, 70, 80, 100, 200])
def test_lines_fit_a_terminal_and_the_description_gives_way_first(width: int) -> None:
    runs = [
        entry(description="A sweep over all sizes and rates that the switches can take"),
        entry("a-longer-name-20260302T101500Z", description="日本語の説明 " * 8),
        entry("plain-20260302T101500Z-2"),
    ]
    lines = render_table(runs, now=NOW, width=width).splitlines()
    assert max(map(width_of, lines)) <= width
    names = lines[0].split()
    assert names[0] == "run"
    assert names[-1] == ("outcome" if width < 90 else "description")
    if width >= 70:
        assert names[:4] == ["run", "started", "duration", "outcome"]
    assert all("ok" in line for line in lines[1:])


def test_without_a_terminal_nothing_is_cut_and_nothing_coloured() -> None:
    description = "many words " * 30
    table = render_table([entry(description=f"{description}\x1b[31m\nmore")], now=NOW)
    assert table.endswith(f"{description}?[31m more")
    assert table.count("\n") == 1


def test_times_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-5:30")
    time.tzset()
    try:
        assert "2026-03-02 16:30:00" in render_table([entry()], now=NOW)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.fixture
def many(recorded: Recorded) -> Iterator[Path]:
    """A directory of ten thousand runs."""
    run = recorded(OK)
    root = Path("many")
    manifest = (run.path / "manifest.json").read_bytes()
    for number in range(10_000):
        directory = root / f"lab-{number:05}"
        directory.mkdir(parents=True)
        (directory / "manifest.json").write_bytes(manifest)
    yield root
    shutil.rmtree(root)


@pytest.mark.long
def test_ten_thousand_runs_are_listed_in_about_a_second(
    many: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    assert main(["runs", "--logroot-dir", str(many)]) == 0
    assert time.monotonic() - began < 10  # on a machine that does much else
    assert len(capfd.readouterr().out.splitlines()) == 10_001


@pytest.mark.parametrize(("environment", "has_colour"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_on_a_terminal_lines_fit_and_outcomes_have_colours(
    environment: dict[str, str], has_colour: bool, recorded: Recorded, tmp_path: Path
) -> None:
    recorded(OK.replace("<targets>", f"<description>{'long ' * 40}</description><targets>"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    subprocess.run(
        [sys.executable, "-m", "gplmt", "runs"],
        stdout=theirs,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "NO_COLOR": "", **environment},
        check=True,
        timeout=60,
    )
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    assert ("\x1b[32mok" in text) == has_colour
    lines = re.sub(r"\x1b\[\d+m", "", text).splitlines()
    assert [len(line) for line in lines if line][1] == 90
