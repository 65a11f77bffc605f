"""Nodes that are out of something: disk space, the right to write, descriptors, processes."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from gplmt.events import RunFinished
from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import (
    CLEAN_SECONDS,
    SLACK_SECONDS,
    begin,
    each,
    errors_of,
    failures_of,
    happen,
    let_go,
    settle,
    start,
    until_clean,
)
from tests.faults.support import Case, Site, check_nothing_left, check_whole_record, lines_of
from tests.support.ssh.nodes import LoginShell

pytestmark = pytest.mark.openssh

SIZE = 2_000_000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a small file system is to be mounted, seen by a node alone."""
    if os.geteuid():
        pytest.skip(
            "FULL DISKS OF NODES NOT TESTED: small file systems can be mounted by root only"
        )
    place = tmp_path / "small"
    place.mkdir()
    return place


def mounting(place: Path, options: str) -> tuple[str, ...]:
    """Words before those of a server, which finds a file system of its own there."""
    step = f'mount -t tmpfs -o {options} none "{place}" && exec "$0" "$@"'
    return ("unshare", "--mount", "--propagation", "private", "sh", "-ec", step)


def seen_by(node: Node, place: Path) -> Path:
    """The place as the node sees it."""
    return Path(f"/proc/{node.daemon.pid}/root{place}")


def test_a_full_disk_of_a_node_fails_what_writes_there_and_keeps_what_was_there(
    case: Case, make_node: MakeNode, good: Node, place: Path
) -> None:
    bad = make_node(before=mounting(place, "size=1m"))
    small = seen_by(bad, place)
    (small / "big").write_text("old")
    (case.program.work / "big").write_bytes(b"x" * SIZE)
    (case.program.work / "tree").mkdir()
    for number in range(20):
        (case.program.work / f"tree/{number}").write_bytes(b"x" * (SIZE // 20))
    tasks = f"""
<put name="file" source="big" destination="{place}/big"/>
<put name="tree" source="tree" destination="{place}/tree"/>
<run>rm -rf {place}/tree</run>
<run name="command" expected-status="0">cat /dev/zero >{place}/zero</run>
<run>rm {place}/zero</run>
<put name="little" source="tree/0" destination="{place}/little"/>"""
    text = each({"bad": bad, "good": good}, {"bad": tasks, "good": "<run>echo here</run>"})
    text = text.replace('name="bad">\n', 'name="bad" on-error="continue">\n')
    run = start(case, {"bad": bad, "good": good}, text).wait()
    assert (run.exit_code, run.lines) == (1, ["good | here"]), run.stderr
    failures = {
        event.task: event.reason for event in failures_of(check_whole_record(run, exit_code=1))
    }
    for name in ("file", "tree"):
        assert re.fullmatch(
            f"cannot write {place}\\S* on the node: No space left on device",
            failures.pop(name) or "",
        )
    assert failures == {"command": "exited with status 1, expected 0"}
    assert "    cat: write error: No space left on device" in run.stderr
    assert len(errors_of(run)) == 3
    assert (small / "big").read_text() == "old"
    assert sorted(path.name for path in small.iterdir()) == ["big", "little"]
    settle(case, run)


@pytest.mark.long
def test_a_read_only_disk_of_a_node_fails_what_writes_there(
    case: Case, make_node: MakeNode, place: Path
) -> None:
    bad = make_node(before=mounting(place, "ro"))
    (case.program.work / "big").write_bytes(b"x" * SIZE)
    tasks = f"""
<put name="file" source="big" destination="{place}/big"/>
<run name="command" expected-status="0">echo x >{place}/x</run>
<put source="big" destination="big"/>
<run name="next">wc -c &lt;big</run>"""
    text = each({"bad": bad}, {"bad": tasks})
    text = text.replace('name="bad">\n', 'name="bad" on-error="continue">\n')
    run = start(case, {"bad": bad}, text).wait()
    assert (run.exit_code, run.lines) == (1, [f"bad | {SIZE}"]), run.stderr
    put, command = failures_of(check_whole_record(run, exit_code=1))
    assert re.fullmatch(
        f"cannot .* {place}\\S* on the node: Read-only file system", put.reason or ""
    )
    assert (command.task, command.reason) == ("command", "exited with status 2, expected 0")
    assert ": Read-only file system\n" in run.stderr
    settle(case, run)


@pytest.mark.long
def test_commands_for_which_a_server_has_no_descriptors_fail_and_the_cleanup_runs(
    case: Case, make_node: MakeNode, good: Node
) -> None:
    bad = make_node(before=("prlimit", "--nofile=24"))
    run = begin(case, bad, good, f"<par>{'<run>echo here; sleep 1000</run>' * 20}</par>")
    let_go(run, good)
    run.wait()
    assert run.exit_code == 1
    assert lines_of(bad.home / "done") == ["tidied", "next", "restored"]
    failures = failures_of(check_whole_record(run, exit_code=1))
    commands = [event for event in failures if isinstance(event, RunFinished)]
    assert commands
    for failure in commands:
        assert (failure.reason or "").startswith("the command cannot be started: ")
    settle(case, run)


@pytest.mark.long
@pytest.mark.parametrize("shell", [LoginShell.DASH, LoginShell.ASH, LoginShell.BASH])
@pytest.mark.parametrize("child", ["sleep 1000", "setsid sleep 1000"], ids=["group", "sessions"])
def test_a_command_that_takes_all_processes_of_its_user_is_stopped_with_them(
    case: Case, make_node: MakeNode, good: Node, child: str, shell: LoginShell
) -> None:
    """Neither the server nor the guard can fork then; bash tries to for 15 s."""
    patience = 15.0 if shell is LoginShell.BASH else 0.0
    bad = make_node(before=("prlimit", "--nproc=40"), shell=shell)
    bomb = f"(while :; do {child} &amp; done); : >started; exec sleep 1000"
    tasks = f"""<run name="hit" timeout="PT3S">{bomb}</run>
<run name="after" retries="300" retry-delay="PT0.1S" expected-status="0">echo free | cat</run>"""
    sites: dict[str, Site] = {"bad": bad, "good": good}
    text = each(sites, {"bad": tasks, "good": "<run>echo here</run>"})
    text = text.replace('<tasklist name="bad">', '<tasklist name="bad" on-error="continue">')
    run = start(case, sites, text, "--lease", "45").wait(60)
    assert (run.exit_code, sorted(run.lines)) == (1, ["bad | free", "good | here"]), run.stderr
    (failure,) = failures_of(check_whole_record(run, exit_code=1))
    assert (failure.task, failure.reason) == ("hit", "timed out after 3 s")
    assert failure.seconds < 3 + CLEAN_SECONDS + patience + SLACK_SECONDS
    settle(case, run)


@pytest.mark.long
@pytest.mark.parametrize("shell", [LoginShell.DASH, LoginShell.ASH, LoginShell.BASH])
@pytest.mark.parametrize("child", ["sleep 1000", "setsid sleep 1000"], ids=["group", "sessions"])
def test_what_takes_all_processes_of_its_user_is_stopped_when_gplmt_dies(
    case: Case, make_node: MakeNode, good: Node, child: str, shell: LoginShell
) -> None:
    patience = 15.0 if shell is LoginShell.BASH else 0.0
    bad = make_node(before=("prlimit", "--nproc=40"), shell=shell)
    bomb = f"(while :; do {child} &amp; done); : >started; exec sleep 1000"
    run = begin(case, bad, good, f'<run name="hit">{bomb}</run>')
    bad.until_there("started", run)
    loss = happen(bad, lambda: run.send(signal.SIGKILL))
    until_clean(loss, seconds=CLEAN_SECONDS + patience)
    assert run.wait().exit_code == 128 + signal.SIGKILL
    check_nothing_left(case)
