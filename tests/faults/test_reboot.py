"""All processes on gplmt's machine die at once, as when it loses power: only files are left."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.faults.phases import ENDING, Catcher, Caught
from tests.faults.support import (
    HERE,
    JOURNAL,
    THERE,
    Case,
    Site,
    check_nothing_left,
    check_torn_record,
    kill,
)
from tests.support.program import until

GRACE_SECONDS = 0.5  # the catcher's
_PHASES = ("running", "put", "get", "cleanup", "teardown")
_SHORT = [(HERE, "put")]


def table() -> list[object]:
    """Sites and phases; a copy to or from a node would be over before it is seen."""
    rows: list[object] = []
    for site in (HERE, THERE):
        for phase in _PHASES:
            marks = [] if (site, phase) in _SHORT else [pytest.mark.long]
            if site == HERE or phase not in ("put", "get"):
                marks += [pytest.mark.openssh] if site == THERE else []
                rows.append(pytest.param(site, phase, marks=marks))
    return rows


def lose_power(case: Case, caught: Caught) -> None:
    """Kill gplmt, its guards and its commands here; none of them can do anything about it."""
    caught.run.send(signal.SIGSTOP)
    kill(case.processes_here())
    until(lambda: not case.processes_here(), seconds=5)
    caught.run.wait()


@pytest.mark.parametrize(("site", "phase"), table(), indirect=["site"])
def test_after_a_loss_of_power_a_cleanup_does_what_is_owed(
    case: Case, site: Site, phase: str
) -> None:
    """Once; on nodes, which live on, everything is stopped by their guards."""
    catcher = Catcher(case, site)
    caught = catcher.catch(phase)
    lose_power(case, caught)
    case.until_gone(seconds=GRACE_SECONDS + 2)
    check_torn_record(caught.run)
    catcher.go()
    for _ in range(2):
        cleanup = case.cleanup(caught.run)
        assert cleanup.exit_code == 0, cleanup.stderr
        assert sorted(caught.ending) == sorted(ENDING)
    assert "gplmt: nothing is left to be done for " in cleanup.stderr
    assert caught.copies == []
    check_nothing_left(case)
    assert not (caught.run.run_directory / JOURNAL).exists()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours, and leads a group."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:  # noqa: S607
        yield process
        process.kill()


def test_a_cleanup_touches_no_process_that_has_got_the_number_of_one_of_ours(
    case: Case, stranger: subprocess.Popen[bytes]
) -> None:
    """After a reboot numbers begin anew."""
    catcher = Catcher(case, case.here)
    caught = catcher.catch("running")
    lose_power(case, caught)
    journal = caught.run.run_directory / JOURNAL
    text, count = re.subn(r'"group":\d+', f'"group":{stranger.pid}', journal.read_text())
    assert count >= 2
    journal.write_text(text)
    assert case.cleanup(caught.run).exit_code == 0
    assert sorted(caught.ending) == sorted(ENDING)
    assert stranger.poll() is None
    check_nothing_left(case)
