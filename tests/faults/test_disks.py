"""Disks of the execution host that are full, and files that cannot be written.

Nothing is missed for that: cleanups and teardowns run (LANGUAGE.md 7.4, 9.5), copies leave what was
there (6.3), and what could not be written is told.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.support import (
    HERE,
    JOURNAL,
    THERE,
    Case,
    Site,
    check_nothing_left,
    check_whole_record,
    lines_of,
)
from tests.support.program import LIGHT, Running, document, without_privileges

Mount = Callable[..., Path]
FULL = "no space left on device"
FILL = 'head -c 1m /dev/zero >"$GPLMT_RUN_DIR/ballast" 2>/dev/null'
AT_BOTH = pytest.mark.parametrize(
    "site",
    [HERE, pytest.param(THERE, marks=[pytest.mark.openssh, pytest.mark.long])],
    indirect=True,
)


@pytest.fixture
def run_disk(case: Case, mount: Mount) -> Path:
    """512 KiB, on which the run directories of the first run go."""
    return mount(case.program.scratch / "runs-1", "size=512k")


def stage(name: str) -> str:
    """A tasklist that says more than a full disk takes, in all ways in which tasks are run."""
    say = f"echo {name} begins; echo {name}-{{}} >>ending; echo {name} ends"
    return f"""<tasklist name="{name}" on-error="stop-step">
    <run retries="3">{say.format("run")}</run>
    <seq><wait-for timeout="PT30S">{say.format("wait")}</wait-for>
    <par><call tasklist="{name}-more" expected-status="0"/></par></seq></tasklist>
    <tasklist name="{name}-more"><run>{say.format("call")}</run></tasklist>"""


STAGES = stage("tidy") + stage("restore")
ENDING = [f"{name}-{part}" for name in ("tidy", "restore") for part in ("run", "wait", "call")]
TEARDOWN = '<register-teardown tasklist="restore" targets="n1"/>'


def check_ending(case: Case, run: Running, site: Site) -> None:
    """All of the ending has run, once, and nothing is left to be done."""
    assert run.exit_code == 1
    assert "Traceback" not in run.stderr
    assert lines_of(site.place / "ending") == ENDING
    check_nothing_left(case)
    assert not (run.run_directory / JOURNAL).exists()


@AT_BOTH
def test_a_full_run_directory_stops_what_writes_and_no_cleanup_or_teardown(
    case: Case, run_disk: Path, site: Site
) -> None:
    """Another target goes on."""
    tasklists = f"""<tasklist name="flood" cleanup="tidy"><run>yes</run><run>touch never</run>
        </tasklist>{STAGES}<tasklist name="calm"><run>until [ -e {site.place}/ending ]
        do sleep 0.02; done; touch went-on</run></tasklist>"""
    run = case.start(
        f"""<experiment>
        <targets>{site.target_xml("n1")}{case.here.target_xml("n2")}</targets>
        <tasklists>{tasklists}</tasklists>
        <steps>{TEARDOWN}<step tasklist="flood" targets="n1"/><step tasklist="calm" targets="n2"/>
        </steps></experiment>"""
    ).wait()
    check_ending(case, run, site)
    assert f"run 'flood.run-1' on n1 failed: cannot write logs/n1/0001-flood.run-1.out: {FULL}" in (
        run.stderr
    )
    assert f"run 'tidy.run-1' on n1 failed: cannot write logs/n1/0002-tidy.run-1.out: {FULL}" in (
        run.stderr
    )
    assert run.stderr.count(f"the record has gaps: cannot write events.jsonl: {FULL}") == 1
    assert "gplmt: error: the record of this run is not complete\n" in run.stderr
    assert (run.work / "went-on").exists()
    assert not (site.place / "never").exists()
    assert run_disk.exists()


def test_a_teardown_that_cannot_be_written_down_is_told_of_and_runs(
    case: Case, run_disk: Path
) -> None:
    """9.5: should gplmt crash now, nobody would know of it; so there is a warning, once."""
    teardown = f'<export-env var="MUCH" value="{"x" * 9000}"/></register-teardown>'
    run = case.start(
        document(
            tasklists=f"""<tasklist name="fill"><run>{FILL}</run></tasklist>
            <tasklist name="restore"><run>echo restored >>ending</run></tasklist>""",
            steps=f"""<step tasklist="fill" targets="n1"/><synchronize/>
            {TEARDOWN.replace("/>", f">{teardown}")}{TEARDOWN}""",
        )
    ).wait()
    assert run.exit_code == 1
    assert run.stderr.count("warning: journal.jsonl cannot be written: ") == 1
    assert f"journal.jsonl cannot be written: {FULL}; should gplmt crash, 'gplmt cleanup' will" in (
        run.stderr
    )
    assert lines_of(run.work / "ending") == ["restored", "restored"]
    check_nothing_left(case)
    assert not (run_disk / run.run_directory.name / JOURNAL).exists()


def test_a_run_that_was_killed_on_a_full_disk_is_cleaned_up_when_there_is_room(
    case: Case, run_disk: Path
) -> None:
    """Before that, the cleanup says that it cannot keep its journal, and does nothing."""
    tasklists = f"""<tasklist name="work" cleanup="tidy"><run>touch begun; {FILL}; touch filled
        sleep 1000</run></tasklist>{STAGES}"""
    steps = f'{TEARDOWN}<step tasklist="work" targets="n1"/>'
    run = case.start(document(tasklists=tasklists, steps=steps), "--grace", "0.5")
    case.send(run.until_there("filled"), signal.SIGKILL).wait()
    case.until_gone(seconds=2.5)
    too_early = case.cleanup(run)
    assert too_early.exit_code == 3
    assert f"{JOURNAL}: {FULL}" in too_early.stderr
    assert not (run.work / "ending").exists()
    (run.run_directory / "ballast").unlink()
    cleanup = case.cleanup(run)
    assert cleanup.exit_code == 0, cleanup.stderr
    assert lines_of(run.work / "ending") == ENDING
    check_nothing_left(case)
    assert list(run_disk.rglob(f"*{JOURNAL}*")) == []


SPOILING = {
    "directory": 'cd "$GPLMT_RUN_DIR/logs/n1"; mkdir 0002-work.run-2.out 0003-tidy.run-1.err',
    "permission": 'chmod 500 "$GPLMT_RUN_DIR/logs/n1"',
    "removed": 'rm -r "$GPLMT_RUN_DIR"',
}
REASONS = {
    "directory": "is a directory",
    "permission": "permission denied",
    "removed": "no such file or directory",
}


@pytest.mark.parametrize(
    "spoiled",
    ["directory", "permission", pytest.param("removed", marks=pytest.mark.long)],
)
def test_a_log_that_cannot_be_opened_fails_its_run_and_stops_no_cleanup(
    case: Case, spoiled: str
) -> None:
    tasklists = f"""<tasklist name="work" cleanup="tidy"><run>{SPOILING[spoiled]}</run>
        <run>touch never</run></tasklist>{STAGES}"""
    run = case.start(
        document(tasklists=tasklists, steps=f'{TEARDOWN}<step tasklist="work" targets="n1"/>'),
        program=(*without_privileges(), *LIGHT) if spoiled == "permission" else LIGHT,
    ).wait()
    check_ending(case, run, case.here)
    assert "run 'work.run-2' on n1 failed: cannot open logs/n1/0002-work.run-2.out: " in run.stderr
    assert f"0003-tidy.run-1.{'err' if spoiled == 'directory' else 'out'}: {REASONS[spoiled]}" in (
        run.stderr
    )
    assert not (run.work / "never").exists()
    if spoiled != "removed":
        check_whole_record(run, exit_code=1)


COPIES = {
    "put": '<put keep="false"><source>new</source><destination>{}/file</destination></put>',
    "get": "<get><source>{}</source><destination>small/file</destination></get>",
}


@pytest.mark.parametrize("fault", ["full", pytest.param("read-only", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("site", "way"),
    [
        (HERE, "put"),
        pytest.param(HERE, "get", marks=pytest.mark.long),
        pytest.param(THERE, "get", marks=[pytest.mark.openssh, pytest.mark.long]),
    ],
    indirect=["site"],
)
def test_a_destination_that_takes_no_file_keeps_what_it_had(
    case: Case, mount: Mount, site: Site, fault: str, way: str
) -> None:
    """6.3; for a get that is the execution host's, for a put the target's."""
    small = mount(case.program.work / "small", "size=512k")
    (small / "file").write_text("old")
    new = case.program.scratch / "new"
    new.write_bytes(b"x" * (1 << 20))
    (site.place / "source").write_bytes(new.read_bytes())
    if fault == "read-only":
        remount_read_only(small)
    task = COPIES[way].format(small if way == "put" else site.place / "source")
    run = case.start(
        f"""<experiment><targets>{site.target_xml("n1")}</targets><tasklists>
        <tasklist name="work" cleanup="tidy">{task}<run>touch never</run></tasklist>{STAGES}
        </tasklists><steps>{TEARDOWN}<step tasklist="work" targets="n1"/></steps></experiment>"""
    ).wait()
    check_ending(case, run, site)
    check_whole_record(run, exit_code=1)
    reason = FULL if fault == "full" else "read-only file system"
    assert f"{way} 'work.{way}-1' on n1 failed: cannot write {small}/file: " in run.stderr
    assert f"{small}/file: {reason}\n" in run.stderr.replace(": No ", ": no ").replace(
        "Read", "read"
    )
    assert [path.name for path in small.iterdir()] == ["file"]
    assert (small / "file").read_text() == "old"


def remount_read_only(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)  # noqa: S603, S607
