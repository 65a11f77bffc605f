"""Output of commands: unchanged in logs, live on the streams, whatever becomes of either."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from gplmt.recording.terminal import LONGEST_LINE
from tests.support.program import LIGHT, Program, Running, document, one, until

GATE = "touch $GPLMT_TARGET.done; until [ -e go ]; do sleep 0.02; done"
HALF = 25_000_000
LINES = "yes $(printf '%099d' 0)"
ENDLESS = one(f"<run>touch started; {LINES}</run>")


def log(run: Running, name: str, target: str = "n1") -> Path:
    return run.run_directory / "logs" / target / name


def has_logged(run: Running, size: int) -> bool:
    return log(run, "0001-t.run-1.out").stat().st_size > size


def test_logs_have_the_bytes_as_they_came_and_so_has_the_display(program: Program) -> None:
    """All values, no last newline, both streams."""
    every = bytes(range(256)) * 300
    (program.work / "bytes").write_bytes(every)
    run = program.run(one("<run>cat bytes; cat bytes bytes >&amp;2</run>"))
    assert log(run, "0001-t.run-1.out").read_bytes() == every
    assert log(run, "0001-t.run-1.err").read_bytes() == every * 2
    shown = run.output.read_bytes()
    assert shown == b"".join(b"n1 | " + line + b"\n" for line in every.split(b"\n"))


def test_output_is_shown_while_the_command_runs(program: Program) -> None:
    run = program.start(one("<run>echo first; until [ -e go ]; do sleep 0.02; done</run>"))
    run.until_shown("n1 | first")
    assert run.process.poll() is None
    (run.work / "go").touch()
    assert run.wait().exit_code == 0


def test_memory_does_not_grow_with_output_and_a_flood_holds_back_nobody(program: Program) -> None:
    """50 MB through one command, on two streams, while another target goes on."""
    flood = f"{LINES} | head -c {HALF}; head -c {HALF} /dev/zero >&amp;2; {GATE}"
    tasklists = f"""<tasklist name="calm"><run>{GATE}</run></tasklist>
        <tasklist name="flood"><run>{flood}</run></tasklist>
        <tasklist name="beat"><run>until [ -e n1.done ]; do echo beat; sleep 0.02; done</run>
        <run>{GATE}</run></tasklist>"""

    def peak(tasklist: str, *options: str, size: int) -> int:
        """The most memory that a run took, once it had shown this much."""
        for file in program.work.iterdir():
            file.unlink()
        steps = f'<step tasklist="{tasklist}" targets="n1"/><step tasklist="beat" targets="n2"/>'
        text = document(targets="n1 n2", tasklists=tasklists, steps=steps)
        run = program.start(text, *options).until_there("n1.done").until_there("n2.done")
        until(lambda: run.messages.stat().st_size >= size)
        kib = run.memory_kib()
        (run.work / "go").touch()
        assert run.wait().exit_code == 0
        if tasklist == "flood":
            assert log(run, "0001-flood.run-1.out").stat().st_size == HALF
            assert log(run, "0001-flood.run-1.err").stat().st_size == HALF
            assert log(run, "0001-beat.run-1.out", "n2").read_text().count("beat\n") > 1
        return kib

    calm = peak("calm", size=0)
    assert peak("flood", "--quiet", size=0) - calm < 4_000
    assert peak("flood", size=HALF - LONGEST_LINE) - calm < 16_000


def test_a_reader_that_has_seen_enough_ends_the_showing_and_not_the_run(program: Program) -> None:
    reading, writing = os.pipe()
    run = program.start(one("<run>seq 100000; echo done >&amp;2</run>"), stdout=writing)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    assert run.wait().exit_code == 0
    assert log(run, "0001-t.run-1.out").read_text().endswith("\n100000\n")
    assert "n1 | done\n" in run.stderr
    assert "error" not in run.stderr


def test_a_run_whose_output_nobody_reads_ends_after_a_signal(tmp_path: Path) -> None:
    """With one signal after a while, with two at once; stderr may be blocked, too."""
    with ExitStack() as stack:
        programs = [stack.enter_context(Program(tmp_path / str(number))) for number in range(3)]
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        stack.callback(os.close, writing)
        once, twice = (program.start(ENDLESS, stdout=writing) for program in programs[:2])
        neither = programs[2].start(ENDLESS, stdout=writing, stderr=writing)
        for run in (once, twice, neither):
            run.until_there("started")
            until(partial(has_logged, run, 500_000))
        once.send(signal.SIGINT)
        for run in (twice, neither):
            run.send(signal.SIGINT, signal.SIGTERM)
        for run in (twice, neither, once):
            assert run.wait(10).exit_code in (130, 143)
            assert run.survivors() == {}
        assert "result: interrupted by SIGINT (exit code 130)\n" in once.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_fault_and_no_file_takes_their_place(
    closed: str, program: Program
) -> None:
    shell = ("sh", "-c", f'exec "$0" "$@" {closed}', *LIGHT)
    text = one("<run>cat; echo to out; echo to err >&amp;2</run>")
    run = program.run(text, program=shell)
    assert run.exit_code == 0
    assert run.stdout == ("" if ">&-" in closed.replace("2>&-", "") else "n1 | to out\n")
    assert run.stderr == "" if "2>&-" in closed else "n1 | to err\n" in run.stderr
    assert log(run, "0001-t.run-1.out").read_text() == "to out\n"
    assert log(run, "0001-t.run-1.err").read_text() == "to err\n"
    assert run.events[0]["kind"] == "RecordOpened"
    assert run.events[-1]["kind"] == "ExperimentFinished"


def test_an_output_that_takes_no_more_is_told_once_and_logged_all_the_same(
    program: Program,
) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        run = program.run(one("<run>seq 100000</run>"), stdout=full)
    assert run.exit_code == 0
    assert run.stderr.count("cannot show output: no space left on device") == 1
    assert log(run, "0001-t.run-1.out").read_text().endswith("\n100000\n")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603
    if mounted.returncode:
        pytest.skip(f"NO FULL DISK TESTED: a small tmpfs needs root: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)  # noqa: S603, S607


def test_a_full_disk_stops_the_command_and_is_told(program: Program, small_disk: Path) -> None:
    """The command fails, its cleanup runs, other targets go on; nothing hangs."""
    text = document(
        targets="n1 n2",
        tasklists="""<tasklist name="t" cleanup="c"><run>yes</run><run>touch never</run></tasklist>
        <tasklist name="c"><run>touch cleaned</run></tasklist>
        <tasklist name="u"><run>until [ -e cleaned ]; do sleep 0.02; done; touch went-on</run>
        </tasklist>""",
        steps='<step tasklist="t" targets="n1"/><step tasklist="u" targets="n2"/>',
    )
    program.write(text, "lab.xml")
    words = ("lab.xml", "-C", "work", "--quiet", "--logroot-dir", str(small_disk))
    run = program.call(*words).wait()
    assert run.exit_code == 1
    assert (
        "lab.xml:3: error: run 't.run-1' on n1 failed: cannot write logs/n1/0001-t.run-1.out: "
        "no space left on device; see logs/n1/0001-t.run-1.out\n"
    ) in run.stderr
    assert "(exit code 1)\n" in run.stderr
    assert "Traceback" not in run.stderr
    assert {path.name for path in program.work.iterdir()} == {"cleaned", "went-on"}


def test_a_record_with_gaps_fails_the_run(program: Program, small_disk: Path) -> None:
    tasklist = '<tasklist name="t"><run>true</run></tasklist>'
    fill = f"""<tasklist name="fill"><run>head -c 1m /dev/zero >{small_disk}/ballast</run>
        </tasklist>"""
    steps = """<step tasklist="fill" targets="n1"/><synchronize/>
        <loop repeat="20"><step tasklist="t" targets="n1"/></loop>"""
    program.write(document(tasklists=tasklist + fill, steps=steps), "lab.xml")
    run = program.call("lab.xml", "--logroot-dir", str(small_disk)).wait()
    assert run.exit_code == 1
    assert run.stderr.count("cannot write events.jsonl: no space left on device") == 1
    assert "gplmt: error: the record of this run is not complete\n" in run.stderr
    assert "Traceback" not in run.stderr
