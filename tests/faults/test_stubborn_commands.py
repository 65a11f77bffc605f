"""Commands that do not want to end, and what they have started (LANGUAGE.md 7.5, 11.1, 11.2)."""

from __future__ import annotations

import os
import signal
import time
from xml.sax.saxutils import escape

import pytest

from tests.faults.support import (
    HERE,
    JOURNAL,
    THERE,
    Case,
    Site,
    There,
    check_nothing_left,
    check_torn_record,
    check_whole_record,
    lines_of,
)
from tests.support.program import Running, until
from tests.support.ssh.fixtures import StartServer
from tests.support.ssh.nodes import LoginShell

GRACE_SECONDS = 0.3
_BUSY = "while :; do sleep 0.05; done"
# Each makes `started` once all of it is there.
COMMANDS = {
    "deaf": f"trap '' TERM INT HUP; touch started; {_BUSY}",
    "daemon": f"""(setsid sh -c "trap '' HUP TERM; touch started; {_BUSY}" >/dev/null 2>&1 &)
until [ -e started ]; do sleep 0.02; done; {_BUSY}""",
    "nohup": f"""nohup sh -c 'touch started; {_BUSY}' >/dev/null 2>&1 &
set -m; sh -c '{_BUSY}' & wait""",
    # Each parent has gone before its child is known.
    "chain": """cat >chain <<'END'
[ "$1" -lt 5000 ] || exit
[ "$1" -lt 20 ] || touch started
sleep 0.002; setsid sh chain $(($1 + 1)) >/dev/null 2>&1 &
END
sh chain 0; sleep 1000""",
    # More than two hundred processes, in dozens of sessions.
    "tree": """cat >tree <<'END'
trap '' TERM; echo >>grown
[ "$1" = 0 ] || for each in 1 2 3 4 5; do
sh tree $(($1 - 1)) & setsid sh tree $(($1 - 1)) &
done
sleep 1000
END
sh tree 2 & until [ "$(wc -l <grown)" -ge 111 ]; do sleep 0.05; done; touch started; wait""",
    # As many as the user may have, and at most 800; where one is killed, there is room for another.
    # That it is bounded is made sure of before it begins: `ulimit -p` is dash's.
    "bomb": """cat >bomb <<'END'
trap '' TERM; echo >>grown
[ "$1" -gt 0 ] || exec sleep 1000
for each in 1 2 3 4 5; do sh bomb $(($1 - 1)) & sleep 0.05; done
sleep 1000
END
(ulimit -p 150 && [ "$(ulimit -p)" = 150 ] && exec sh bomb 4) 2>/dev/null &
until [ "$(wc -l <grown)" -ge 120 ]; do sleep 0.05; done; touch started; sleep 1000""",
}
# How the run ends, by signals or by a stop of its own, and its exit code.
ENDS: dict[str, tuple[tuple[int, ...], int]] = {
    "stop": ((), 1),
    "INT": ((signal.SIGINT,), 130),
    "twice": ((signal.SIGINT, signal.SIGTERM), 130),
    "KILL": ((signal.SIGKILL,), 137),
}
_SHORT = [
    (HERE, "daemon", "KILL"),
    (HERE, "tree", "stop"),
    (THERE, "bomb", "INT"),
]


def table() -> list[object]:
    """All sites, commands and ends."""
    rows: list[object] = []
    for site in (HERE, THERE):
        for command in COMMANDS:
            for end in ENDS:
                marks = [] if (site, command, end) in _SHORT else [pytest.mark.long]
                if site == THERE:
                    marks.append(pytest.mark.openssh)
                if command != "bomb" or site == THERE:  # it wants a user of its own
                    rows.append(pytest.param(site, command, end, marks=marks))
    return rows


@pytest.fixture
def site(request: pytest.FixtureRequest, case: Case) -> Site:
    """This host, or a node with a user of its own."""
    if request.param == HERE:
        return case.here
    start_server: StartServer = request.getfixturevalue("openssh_server")
    return case.at(There(start_server(shell=LoginShell.DASH)))


@pytest.mark.parametrize(("site", "command", "end"), table(), indirect=["site"])
def test_what_does_not_want_to_end_is_killed_with_all_that_it_has_started(
    case: Case, site: Site, command: str, end: str
) -> None:
    """After a grace period, or at once; and the cleanup has run once, in the end."""
    if command == "bomb" and os.geteuid() != 0:
        pytest.skip("NO FORK BOMB TESTED: root alone can make a user who has no other processes")
    signals, exit_code = ENDS[end]
    run = start(case, site, COMMANDS[command])
    assert len(case.processes()) >= {"tree": 222, "bomb": 100}.get(command, 1)
    go = site.place / "go"  # for the cleanup
    if end != "twice":
        go.touch()
    began = time.monotonic()
    if signals:
        case.send(run, *signals)
    else:
        (run.work / "stop").touch()
    assert run.wait(15).exit_code == exit_code, run.stderr
    if end == "KILL":
        case.until_gone(seconds=GRACE_SECONDS + 2)
        check_torn_record(run)
    else:
        case.until_gone(seconds=1)
        check_whole_record(run, exit_code=exit_code)
    if command in ("deaf", "tree", "bomb") and end in ("INT", "KILL"):
        assert time.monotonic() - began >= GRACE_SECONDS, "it had no grace period"
    go.touch()
    assert (run.run_directory / JOURNAL).exists() is (end in ("KILL", "twice"))
    assert case.cleanup(run).exit_code == 0
    assert lines_of(site.place / "ending") == ["tidy"]
    check_nothing_left(case)


def start(case: Case, site: Site, command: str) -> Running:
    """Start it, and return when all of it is there; the file `stop` stops the experiment."""
    run = case.start(
        f"""<experiment><targets>{site.target_xml("n1")}{case.here.target_xml("n2")}</targets>
        <tasklists><tasklist name="work" cleanup="tidy"><run>{escape(command)}</run></tasklist>
        <tasklist name="tidy"><run>until [ -e go ]; do sleep 0.02; done; echo tidy >>ending</run>
        </tasklist>
        <tasklist name="watch" on-error="stop-experiment">
        <run>until [ -e stop ]; do sleep 0.05; done</run><fail status="it is time"/></tasklist>
        </tasklists><steps><step tasklist="work" targets="n1"/>
        <step tasklist="watch" targets="n2"/></steps></experiment>""",
        "--grace",
        str(GRACE_SECONDS),
    )
    started = site.place / "started"
    until(lambda: started.exists() or run.process.poll() is not None)
    assert started.exists(), run.stderr
    return run
