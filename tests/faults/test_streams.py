"""Standard streams that are closed, full, or whose other end goes away (LANGUAGE.md 11)."""

from __future__ import annotations

import os
import pty
import signal
import sys

import pytest

from tests.faults.support import (
    JOURNAL,
    Case,
    check_nothing_left,
    check_whole_record,
    lines_of,
)
from tests.support.program import LIGHT, Circumstances, Running, document

TASKLISTS = """<tasklist name="talk" cleanup="tidy"><run>touch begun; cat; seq 20000
echo loud >&amp;2</run><run>{}</run></tasklist>
<tasklist name="tidy"><run>echo tidying; echo tidy >>ending</run></tasklist>
<tasklist name="restore"><run>echo restoring; echo restore >>ending</run></tasklist>"""
STEPS = """<register-teardown tasklist="restore" targets="n1"/>
<step tasklist="talk" targets="n1"/>"""
TALK = document(tasklists=TASKLISTS.format("true"), steps=STEPS)
WAIT = document(tasklists=TASKLISTS.format("touch waiting; exec sleep 1000"), steps=STEPS)
ENDING = ["tidy", "restore"]


def check_end(case: Case, run: Running, *, exit_code: int) -> None:
    """The run has taken no notice, but of signals; its logs are whole."""
    assert run.exit_code == exit_code, run.stderr
    assert "Traceback" not in run.stderr
    check_whole_record(run, exit_code=exit_code)
    log = run.run_directory / "logs/n1/0001-talk.run-1.out"
    assert log.read_text().endswith("\n20000\n")
    assert lines_of(run.work / "ending") == ENDING
    check_nothing_left(case)
    assert not (run.run_directory / JOURNAL).exists()


@pytest.mark.parametrize(
    "redirection",
    [
        "<&- >&- 2>&-",
        ">/dev/full 2>/dev/full",
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in ("<&-", ">&-", "2>&-", ">/dev/full", "2>/dev/full")
        ),
    ],
)
def test_a_stream_that_takes_nothing_changes_nothing_of_a_run(case: Case, redirection: str) -> None:
    shell = ("sh", "-c", f'exec "$0" "$@" {redirection}', *LIGHT)
    run = case.start(TALK, program=shell).wait()
    check_end(case, run, exit_code=0)


def to(descriptor: int, streams: str) -> Circumstances:
    """Where stdout goes, or both streams."""
    if streams == "both":
        return {"stdout": descriptor, "stderr": descriptor}
    return {"stdout": descriptor}


@pytest.mark.parametrize("streams", [pytest.param("stdout", marks=pytest.mark.long), "both"])
def test_a_reader_that_goes_away_changes_nothing_of_a_run(case: Case, streams: str) -> None:
    """As `| head -1` does: SIGPIPE is not for us."""
    reading, writing = os.pipe()
    run = case.start(TALK, **to(writing, streams))
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    check_end(case, run.wait(), exit_code=0)


@pytest.mark.long
@pytest.mark.parametrize("streams", ["stdout", "both"])
def test_a_reader_that_never_reads_holds_up_no_ending_after_a_signal(
    case: Case, streams: str
) -> None:
    reading, writing = os.pipe()
    try:
        run = case.start(WAIT, **to(writing, streams)).until_there("waiting")
        case.send(run, signal.SIGINT)
        check_end(case, run.wait(15), exit_code=130)
    finally:
        os.close(reading)
        os.close(writing)


# Take a terminal as the own one, and become another program.
AT_TERMINAL = """
import os, sys
terminal = os.open(sys.argv[1], os.O_RDWR)
for number in range(3):
    os.dup2(terminal, number)
os.execvp(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize(
    "is_ignored",
    [
        pytest.param(False, id="heeded"),
        pytest.param(True, id="ignored", marks=pytest.mark.long),
    ],
)
def test_a_terminal_that_is_hung_up_ends_a_run_in_order_unless_that_is_ignored(
    case: Case, is_ignored: bool
) -> None:
    """11.2; and nothing can be shown any more, which is no fault."""
    ours, theirs = pty.openpty()
    program = (sys.executable, "-c", AT_TERMINAL, os.ttyname(theirs), *LIGHT)
    wait = document(
        tasklists=TASKLISTS.format("touch waiting; until [ -e go ]; do sleep 0.02; done"),
        steps=STEPS,
    )
    run = case.start(wait, program=program, ignored=[signal.SIGHUP] if is_ignored else [])
    run.until_there("waiting")
    os.close(theirs)
    os.close(ours)
    if is_ignored:
        (run.work / "go").touch()
    check_end(case, run.wait(), exit_code=0 if is_ignored else 129)


def test_ctrl_c_at_a_terminal_ends_a_run_in_order(case: Case) -> None:
    """All in the foreground get it, which are no commands."""
    ours, theirs = pty.openpty()
    program = (sys.executable, "-c", AT_TERMINAL, os.ttyname(theirs), *LIGHT)
    run = case.start(WAIT, "--quiet", program=program).until_there("waiting")
    os.write(ours, b"\x03")
    run.wait()
    os.close(theirs)
    os.close(ours)
    check_end(case, run, exit_code=130)
