"""gplmt gets a signal, in each phase of a run, with its commands here or on a node.

LANGUAGE.md 7.5, 11.1-11.3: what must be at the end, whatever the signal and the phase, is
checked by the same few functions.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import pytest
from msgspec import Struct

from tests.faults.phases import ENDING, PHASES, Catcher, Caught
from tests.faults.support import (
    HERE,
    JOURNAL,
    THERE,
    Case,
    There,
    check_nothing_left,
    check_torn_record,
    check_whole_record,
)
from tests.support.program import Running, until
from tests.support.ssh.fixtures import StartProxy, StartServer

GRACE_SECONDS = 0.5
LEASE_SECONDS = 3
STOPPING = {"INT": 130, "TERM": 143, "HUP": 129}
BEFORE_THE_ENDING = ("connecting", "running", "put", "get")


class Fault(Struct, frozen=True, kw_only=True):
    """Signals, and what gplmt makes of them once it runs."""

    signals: tuple[int, ...]
    exit_codes: tuple[int, ...]

    @property
    def is_orderly(self) -> bool:
        """Whether the ending runs."""
        return len(self.signals) == 1 and signal.SIGKILL not in self.signals


FAULTS = {
    **{
        name: Fault(signals=(signal.Signals[f"SIG{name}"],), exit_codes=(code,))
        for name, code in STOPPING.items()
    },
    "twice": Fault(signals=(signal.SIGINT, signal.SIGTERM), exit_codes=(130, 143)),
    "KILL": Fault(signals=(signal.SIGKILL,), exit_codes=(137,)),
}

# Each signal and phase is seen in the default suite; with each other in the long one.
_SHORT = {
    (HERE, "loading", "INT"),
    (HERE, "loading", "KILL"),
    (HERE, "running", "INT"),
    (HERE, "put", "TERM"),
    (HERE, "get", "twice"),
    (HERE, "get", "KILL"),
    (HERE, "teardown", "KILL"),
    (THERE, "connecting", "INT"),
    (THERE, "running", "KILL"),
    (THERE, "get", "HUP"),
    (THERE, "cleanup", "TERM"),
    (THERE, "teardown", "twice"),
}


def _table(*columns: Iterable[str], short: Collection[tuple[str, ...]]) -> list[object]:
    """Parameters: site, phase and what else; all that is not `short` is long."""
    rows: list[tuple[str, ...]] = [()]
    for column in columns:
        rows = [(*row, value) for row in rows for value in column]
    table: list[object] = []
    for row in rows:
        if row[:2] == (HERE, "connecting"):
            continue
        marks = [] if row in short else [pytest.mark.long]
        if row[0] == THERE:
            marks.append(pytest.mark.openssh)
        table.append(pytest.param(*row, marks=marks, id="-".join(row)))
    return table


@pytest.fixture
def catcher(request: pytest.FixtureRequest, case: Case, site: str) -> Catcher:
    """Catches runs at a site."""
    if site == HERE:
        return Catcher(case, case.here)
    start_server: StartServer = request.getfixturevalue("openssh_server")
    start_proxy: StartProxy = request.getfixturevalue("fault_proxy")
    server = start_server()
    proxy = start_proxy(server)
    return Catcher(case, case.at(There(server, way=proxy.server)), proxy=proxy)


@pytest.mark.parametrize(
    ("site", "phase", "fault"), _table((HERE, THERE), PHASES, FAULTS, short=_SHORT)
)
def test_a_signal_in_any_phase_leaves_nothing(catcher: Catcher, phase: str, fault: str) -> None:
    """The ending, whole or skipped; then `gplmt cleanup` does what was skipped, and that once."""
    sent = FAULTS[fault]
    if len(sent.signals) > 1 and phase in BEFORE_THE_ENDING:
        catcher.hold = "tidy"  # so that the second comes during the ending
    caught = catcher.catch(phase)
    _send(catcher.case, caught, sent.signals)
    if sent.is_orderly:
        caught.release()
    run = caught.run.wait(5 if len(sent.signals) > 1 else 30)
    if phase == "loading":
        _check_nothing_ran(catcher.case, run, sent.signals[0])
        return
    assert run.exit_code in sent.exit_codes, run.stderr
    assert "Traceback" not in run.stderr
    if sent.is_orderly:
        _check_orderly_end(catcher.case, caught)
        return
    if signal.SIGKILL in sent.signals:
        catcher.case.until_gone(seconds=GRACE_SECONDS + 2)
        check_torn_record(run)
    else:
        catcher.case.until_gone(seconds=1)
        check_whole_record(run, exit_code=run.exit_code)
        assert "the ending was cut short by a second signal" in run.stderr
    _check_nothing_half(caught)
    _check_cleanup(catcher, caught)


@pytest.mark.parametrize(
    ("site", "phase"), _table((HERE, THERE), PHASES, short={(THERE, "running")})
)
def test_a_pause_in_any_phase_changes_nothing(catcher: Catcher, phase: str) -> None:
    """SIGSTOP, then SIGCONT; on a node nobody misses us for less than a lease."""
    catcher.options += ("--lease", str(LEASE_SECONDS))
    caught = catcher.catch(phase)
    _freeze(caught.run)
    caught.release()
    time.sleep(1)  # the fault itself
    run = caught.run.send(signal.SIGCONT).wait()
    assert run.exit_code == 0, run.stderr
    check_whole_record(run, exit_code=0)
    assert caught.ending == ENDING
    assert caught.copies == []
    check_nothing_left(catcher.case, seconds=1)
    assert not (run.run_directory / JOURNAL).exists()


@pytest.mark.parametrize(
    ("site", "phase"),
    _table((THERE,), ("running", "put", "get", "cleanup", "teardown"), short=()),
)
def test_a_pause_longer_than_the_lease_is_a_lost_connection(catcher: Catcher, phase: str) -> None:
    """7.5: the node stops what it runs; gplmt, once it goes on, does what is still to be done."""
    catcher.options += ("--lease", str(LEASE_SECONDS))
    caught = catcher.catch(phase)
    _freeze(caught.run)
    catcher.hasten()
    until(lambda: not caught.site.processes(), seconds=LEASE_SECONDS * 4 / 3 + GRACE_SECONDS + 3)
    catcher.go()
    run = caught.run.send(signal.SIGCONT).wait()
    assert run.exit_code == 1, run.stderr
    assert "the connection was lost (" in run.stderr
    assert "Traceback" not in run.stderr
    check_whole_record(run, exit_code=1)
    stopped = {"cleanup": "tidy", "teardown": "restore"}.get(phase)
    assert sorted(caught.ending) == sorted(stage for stage in ENDING if stage != stopped)
    assert caught.copies == []
    _check_nothing_half(caught)
    check_nothing_left(catcher.case, seconds=1)


@pytest.mark.parametrize(
    ("site", "phase"), _table((HERE, THERE), PHASES, short={(HERE, "running")})
)
def test_a_hangup_that_was_ignored_at_the_start_is_ignored_in_any_phase(
    catcher: Catcher, phase: str
) -> None:
    """11.2: nohup; the third signal that is heeded would end gplmt at once."""
    catcher.how = {"ignored": [signal.SIGHUP]}
    caught = catcher.catch(phase)
    caught.run.send(signal.SIGHUP, signal.SIGHUP, signal.SIGHUP, signal.SIGCONT)
    caught.release()
    run = caught.run.wait()
    assert run.exit_code == 0, run.stderr
    assert run.of_kind("SignalReceived") == []
    assert caught.ending == ENDING
    check_nothing_left(catcher.case, seconds=1)


def _freeze(run: Running) -> None:
    run.send(signal.SIGSTOP)
    until(lambda: _state(run.pid) == "T")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _send(case: Case, caught: Caught, numbers: Sequence[int]) -> None:
    if caught.is_frozen:
        caught.run.send(*numbers)  # all at once, when it goes on
        case.send(caught.run, signal.SIGCONT)
    else:
        case.send(caught.run, *numbers)


def _check_nothing_ran(case: Case, run: Running, number: int) -> None:
    """11.2: until commands run, the signal itself ends gplmt."""
    assert run.process.returncode == -number
    assert run.stderr == ""
    assert not run.has_run_directory
    check_nothing_left(case)


def _check_orderly_end(case: Case, caught: Caught) -> None:
    """11.1: all of it, in order, and nothing remains to be done."""
    run = caught.run
    name = signal.Signals(run.exit_code - 128).name
    assert f"result: interrupted by {name} (exit code {run.exit_code})\n" in run.stderr
    assert "error: " not in run.stderr
    check_whole_record(run, exit_code=run.exit_code)
    assert caught.ending == ENDING
    assert caught.copies == []
    check_nothing_left(case, seconds=1)
    assert not (run.run_directory / JOURNAL).exists()


def _check_nothing_half(caught: Caught) -> None:
    """6.3: a file is there whole or not at all; what was copied in part has no final name."""
    assert not [name for name in caught.copies if name == "big"]
    assert not list((caught.run.work / "fetched").glob("[!.]*"))


def _check_cleanup(catcher: Catcher, caught: Caught) -> None:
    """What the end of gplmt has left undone is done once, and never again."""
    if catcher.proxy is not None:
        catcher.proxy.heal()
    caught.release()
    catcher.go()
    first = catcher.case.cleanup(caught.run)
    assert first.exit_code == 0, first.stderr
    assert sorted(caught.ending) == sorted(ENDING)
    assert caught.copies == []
    check_nothing_left(catcher.case)
    assert not (caught.run.run_directory / JOURNAL).exists()
    second = catcher.case.cleanup(caught.run)
    assert second.exit_code == 0, second.stderr
    assert sorted(caught.ending) == sorted(ENDING)
