"""What judges the faults sees what is there."""

from __future__ import annotations

import signal

import pytest

from tests.faults.support import (
    Case,
    check_nothing_left,
    check_torn_record,
    check_whole_record,
    until_event,
)
from tests.support.program import one


def test_what_lives_of_a_run_is_seen_until_it_has_gone(case: Case) -> None:
    run = case.start(one("<run>setsid sleep 1000 &amp; touch started; sleep 1000</run>"))
    run.until_there("started")
    until_event(run, "RunStarted", task="run-1")
    commands = " ".join(case.processes().values())
    for part in ("gplmt-light.py", "gplmt-guard", "sleep 1000"):
        assert part in commands
    with pytest.raises(AssertionError, match="left behind"):
        case.until_gone(seconds=0)
    case.send(run, signal.SIGINT)
    assert run.wait().exit_code == 130
    check_whole_record(run, exit_code=130)
    check_nothing_left(case)


def test_a_torn_record_and_an_unfinished_file_are_seen(case: Case) -> None:
    run = case.start(one("<run>touch started; sleep 1000</run>"), "--grace", "0.1")
    run.until_there("started")
    case.send(run, signal.SIGKILL)
    assert run.wait().exit_code == 137
    assert check_torn_record(run)
    with pytest.raises(AssertionError):
        check_whole_record(run, exit_code=137)
    (run.work / ".gplmt-0123456789abcdef.tmp").touch()
    with pytest.raises(AssertionError):
        check_nothing_left(case)
