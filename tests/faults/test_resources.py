"""The execution host runs out of descriptors, or of a reader for a flood of output."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from tests.faults.support import (
    HERE,
    JOURNAL,
    THERE,
    Case,
    Site,
    There,
    check_nothing_left,
    check_whole_record,
    faults_of,
    lines_of,
)
from tests.support.program import GPLMT, LIGHT, Program, document, until
from tests.support.ssh.fixtures import StartServer
from tests.support.ssh.places import server_directory

FEW = 32
STAGES = """<tasklist name="tidy"><run>echo tidying; echo tidy >>ending</run></tasklist>
<tasklist name="restore"><run>echo restoring; echo restore >>ending</run></tasklist>"""
TEARDOWN = '<register-teardown tasklist="restore" targets="n1"/>'


@pytest.mark.parametrize("background", [pytest.param("false", marks=pytest.mark.long), "true"])
def test_commands_for_which_there_is_no_descriptor_fail_and_the_ending_runs(
    case: Case, background: str
) -> None:
    """So it does while a background step holds all that it could get."""
    seconds = 1000 if background == "true" else 1
    runs = "".join(f"<run>touch begun-{rank}; exec sleep {seconds}</run>" for rank in range(30))
    shell = ("sh", "-c", f'ulimit -n {FEW}; exec "$0" "$@"', *LIGHT)
    run = case.start(
        document(
            tasklists=f"""<tasklist name="many" on-error="continue" cleanup="tidy"><par>{runs}</par>
            </tasklist>{STAGES}<tasklist name="watch"><run>until [ -e begun-0 ]
            do sleep 0.05; done</run></tasklist>""",
            steps=f"""{TEARDOWN}<step tasklist="watch" targets="n1"/>
            <step tasklist="many" targets="n1" background="{background}"/>""",
        ),
        program=shell,
    ).wait()
    assert run.exit_code == 1
    check_whole_record(run, exit_code=1)
    begun = len(list(run.work.glob("begun-*")))
    refused = [event for event in run.of_kind("RunFinished") if event["outcome"] == "failed"]
    assert 0 < begun < 30
    assert len(refused) == 30 - begun
    assert {str(event["reason"]).partition(";")[0] for event in refused} == {
        "the command cannot be started: too many open files"
    }
    assert sorted(lines_of(run.work / "ending")) == ["restore", "tidy"]
    check_nothing_left(case)
    assert not (run.run_directory / JOURNAL).exists()


def test_an_ending_for_which_there_is_no_descriptor_stays_owed(case: Case) -> None:
    """Whatever could not be started, a cleanup starts when there is room."""
    shell = ("sh", "-c", 'ulimit -n 14; exec "$0" "$@"', *LIGHT)
    run = case.start(
        document(
            tasklists=f"""<tasklist name="work" cleanup="tidy"><run>touch begun</run></tasklist>
            {STAGES}""",
            steps=f'{TEARDOWN}<step tasklist="work" targets="n1"/>',
        ),
        program=shell,
    ).wait()
    assert run.exit_code == 1
    assert lines_of(run.work / "ending") == []
    assert "too many open files" in run.stderr
    check_whole_record(run, exit_code=1)
    check_nothing_left(case)
    too_early = case.cleanup(run, program=(*shell[:3], *GPLMT))
    assert too_early.exit_code == 1
    assert "result: something is left to be done, n1: " in too_early.stderr
    assert "cannot be started: too many open files" in too_early.stderr
    assert case.cleanup(run).exit_code == 0
    assert sorted(lines_of(run.work / "ending")) == ["restore", "tidy"]
    assert not (run.run_directory / JOURNAL).exists()


def limited_to(processes: int) -> tuple[str, ...]:
    """Before a program's words: a user of its own, who may have so many, the program among them."""
    words = ("setpriv", "prlimit")
    if os.geteuid() != 0 or not all(map(shutil.which, words)):
        pytest.skip("TOO MANY PROCESSES NOT TESTED: needs root, setpriv and prlimit")
    user = str(20_000 + os.getpid() % 40_000)
    kept = "-all,+dac_override,+dac_read_search"  # the files are root's
    return (
        *("setpriv", "--reuid", user, "--regid", user, "--clear-groups"),
        *("--inh-caps", kept, "--ambient-caps", kept, "prlimit", f"--nproc={processes}"),
    )


@pytest.fixture
def open_case() -> Iterator[Case]:
    """A case in a directory that other users can pass through."""
    with server_directory() as directory, Program(directory / "case") as program:
        for place in (program.scratch, program.work):
            place.chmod(0o755)
        with faults_of(program) as case:
            yield case


@pytest.mark.long
@pytest.mark.openssh
def test_where_there_can_be_no_thread_to_connect_with_what_is_owed_to_a_node_stays_owed(
    open_case: Case, openssh_server: StartServer
) -> None:
    """And the others go on."""
    case = open_case
    site = case.at(There(openssh_server()))
    run = case.start(
        f"""<experiment><targets>{site.target_xml("n1")}{case.here.target_xml("n2")}</targets>
        <tasklists><tasklist name="work" cleanup="tidy"><run>touch never</run></tasklist>
        <tasklist name="touch"><put source="{site.place}" destination="copy"/></tasklist>{STAGES}
        </tasklists><steps>{TEARDOWN}<step tasklist="work" targets="n1"/>
        <step tasklist="touch" targets="n2"/></steps></experiment>""",
        program=(*limited_to(1), *LIGHT),
        environment={"LOGNAME": "lab"},
    ).wait()
    assert run.exit_code == 1, run.stderr
    assert "Traceback" not in run.stderr
    assert "on n1 failed: no thread can be started: there are too many processes" in run.stderr
    assert "on n2 failed: cannot copy: can't start new thread" in run.stderr
    check_whole_record(run, exit_code=1)
    assert lines_of(site.place / "ending") == []
    assert case.cleanup(run).exit_code == 0
    assert lines_of(site.place / "ending") == ["tidy", "restore"]
    check_nothing_left(case)


@pytest.mark.parametrize(
    ("processes", "ending"),
    [
        pytest.param(1, [], id="no thread", marks=pytest.mark.long),
        pytest.param(3, [], id="no command"),
        pytest.param(6, ["tidy", "restore"], id="no more commands", marks=pytest.mark.long),
    ],
)
def test_where_there_can_be_no_more_processes_what_fails_says_so_and_stays_owed(
    open_case: Case, processes: int, ending: list[str]
) -> None:
    """No command, no thread for a copy, and none that shows output."""
    case = open_case
    many = "<run>sleep 1</run>" * 10
    (case.program.scratch / "file").touch()
    run = case.start(
        document(
            tasklists=f"""<tasklist name="work" cleanup="tidy" on-error="continue">
            <par>{many}</par><put source="file" destination="copy"/></tasklist>{STAGES}""",
            steps=f'{TEARDOWN}<step tasklist="work" targets="n1"/>',
        ),
        program=(*limited_to(processes), *LIGHT),
    ).wait()
    assert run.exit_code == 1, run.stderr
    assert "Traceback" not in run.stderr
    assert "cannot be started: resource temporarily unavailable" in run.stderr
    assert lines_of(run.work / "ending") == ending
    check_whole_record(run, exit_code=1)
    check_nothing_left(case)
    assert case.cleanup(run).exit_code == 0
    assert sorted(lines_of(run.work / "ending")) == ["restore", "tidy"]
    assert not (run.run_directory / JOURNAL).exists()


@pytest.mark.parametrize(
    "site",
    [HERE, pytest.param(THERE, marks=[pytest.mark.openssh, pytest.mark.long])],
    indirect=True,
)
def test_a_flood_that_nobody_reads_holds_up_neither_others_nor_the_end(
    case: Case, site: Site
) -> None:
    """The one who floods waits for the reader, in bounded memory; the others go on."""
    reading, writing = os.pipe()
    calm = "".join(f"<run>touch calm-{rank}; sleep 0.02</run>" for rank in range(10))
    try:
        run = case.start(
            f"""<experiment>
            <targets>{site.target_xml("n1")}{case.here.target_xml("n2")}</targets>
            <tasklists><tasklist name="flood" cleanup="tidy"><run>touch begun; yes $(seq 100)</run>
            </tasklist><tasklist name="calm">{calm}<run>touch calmed; exec sleep 1000</run>
            </tasklist>{STAGES}</tasklists><steps>{TEARDOWN}<step tasklist="flood" targets="n1"/>
            <step tasklist="calm" targets="n2"/></steps></experiment>""",
            stdout=writing,
        )
        log = run.run_directories / "latest/logs/n1/0001-flood.run-1.out"
        until(lambda: log.exists() and log.stat().st_size > 500_000)
        before = run.memory_kib()
        run.until_there("calmed")
        assert run.memory_kib() - before < 16_000
        assert log.stat().st_size < 8 << 20
        case.send(run, signal.SIGINT)
        assert run.wait(15).exit_code == 130
    finally:
        os.close(reading)
        os.close(writing)
    check_whole_record(run, exit_code=130)
    assert lines_of(site.place / "ending") == ["tidy", "restore"]
    check_nothing_left(case)
