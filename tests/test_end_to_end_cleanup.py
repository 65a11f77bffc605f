"""`gplmt cleanup`, after runs that real signals have cut off (LANGUAGE.md 7.4, 9.5, 11.1)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gplmt.recording.manifest import read_manifest
from tests.faults.support import Case, There, faults_of, lines_of, until_event
from tests.support.processes import called_with
from tests.support.program import GPLMT, Program, Running, document, until
from tests.support.ssh.fixtures import StartProxy, StartServer

SLEEP = f"500.{os.getpid()}"  # nobody else's
TELL = 'echo "$WHAT $GPLMT_TARGET $GPLMT_STEP $LITERAL $TAKEN" &gt;&gt; told'


@pytest.fixture
def case(program: Program) -> Iterator[Case]:
    with faults_of(program) as case:
        yield case


def experiment(*, main: str = f"<run>sleep {SLEEP}</run>", attributes: str = "") -> str:
    """Two teardowns, of which the second takes a value from outside, and a tasklist `main`."""
    return document(
        targets="n1 n2",
        environment='<export-env var="LITERAL" value="as it was"/>',
        tasklists=f"""
            <tasklist name="main" cleanup="clean">{main}</tasklist>
            <tasklist name="clean"><run>WHAT=clean; {TELL}</run></tasklist>
            <tasklist name="first"><run>WHAT=first; {TELL}</run></tasklist>
            <tasklist name="second"><run>WHAT=second; {TELL}</run></tasklist>""",
        steps=f"""
            <register-teardown tasklist="first" targets="n1 n2"/>
            <register-teardown tasklist="second" targets="n1">
              <export-env var="TAKEN"/></register-teardown>
            <step name="back" tasklist="main" targets="n1" background="true"/>
            <step name="front" tasklist="main" targets="n2" {attributes}/>""",
    )


def started(case: Case, text: str, *options: str, commands: int = 2) -> Running:
    """A run in which so many commands are under way."""
    run = case.start(text, *options, environment={"TAKEN": "from outside"})
    until(lambda: len(run.of_kind("RunStarted")) == commands)
    until(lambda: len(called_with(SLEEP)) >= commands if SLEEP in text else True)
    return run


def killed(case: Case, text: str, *, commands: int = 2) -> Running:
    """A run that was killed when so many commands were under way; its guard has done its work."""
    run = started(case, text, "--grace", "0.5", commands=commands)
    case.send(run, signal.SIGKILL)
    run.wait()
    case.until_gone(seconds=5)
    return run


def test_what_a_killed_run_owes_is_done_once_in_order_with_its_environment(case: Case) -> None:
    run = killed(case, experiment())
    told = case.program.work / "told"
    assert not told.exists()
    cleaned = case.cleanup(run, environment={"TAKEN": "read again"})
    assert cleaned.exit_code == 0, cleaned.stderr
    lines = [line.removesuffix(" as it was read again") for line in lines_of(told)]
    assert lines[0] == "clean n2 front"
    assert sorted(lines[1:3]) == ["first n1 teardown-1", "first n2 teardown-1"]
    assert lines[3:] == ["second n1 teardown-2", "clean n1 back"]
    assert "stopped 0 processes, ran 2 cleanups and 2 teardowns, removed 0 files" in cleaned.stderr
    assert not (run.run_directory / "journal.jsonl").exists()
    assert read_manifest(run.run_directory / "manifest.json").cleaned_up is not None
    again = case.cleanup(run)
    assert again.exit_code == 0
    assert "nothing is left to be done" in again.stderr
    assert len(lines_of(told)) == 5


def test_the_record_goes_on_with_what_a_cleanup_does(case: Case) -> None:
    run = killed(case, experiment())
    before = run.events
    with (run.run_directory / "events.jsonl").open("ab") as record:
        record.write(b'{"kind":"RunFini')  # as a crash leaves it
    case.cleanup(run, environment={"TAKEN": "x"})
    assert run.events[: len(before)] == before
    after = run.events[len(before) :]
    assert [after[0]["kind"], after[1]["kind"], after[-1]["kind"]] == [
        "RecordOpened",
        "RecoveryStarted",
        "RecoveryFinished",
    ]
    spans = {event["span"] for event in before if "span" in event}
    assert not spans & {event["span"] for event in after if "span" in event}
    logs = {event["stdout"] for event in run.of_kind("RunStarted")}
    assert len(logs) == len(run.of_kind("RunStarted"))


def test_a_variable_that_is_unset_is_an_error_and_nothing_is_done(case: Case) -> None:
    run = killed(case, experiment())
    refused = case.cleanup(run)
    assert refused.exit_code == 3
    assert "error: the variable TAKEN is not set here, and 'second' on n1 needs it" in (
        refused.stderr
    )
    assert not (case.program.work / "told").exists()
    assert "from outside" not in (run.run_directory / "journal.jsonl").read_text()
    assert case.cleanup(run, environment={"TAKEN": "x"}).exit_code == 0
    assert len(lines_of(case.program.work / "told")) == 5


def test_a_run_that_is_still_running_is_left_alone(case: Case) -> None:
    run = started(case, experiment())
    refused = case.cleanup(run)
    assert refused.exit_code == 3
    assert f"is still running, as process {run.pid}" in refused.stderr
    assert (run.run_directory / "journal.jsonl").stat().st_mode & 0o777 == 0o600
    assert case.send(run, signal.SIGINT).wait().exit_code == 130
    assert len(lines_of(case.program.work / "told")) == 5
    assert "nothing is left" in case.cleanup(run).stderr


def test_what_is_no_run_directory_is_told(case: Case, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        refused = case.call("cleanup", str(path), program=GPLMT).wait()
        assert refused.exit_code == 2
        assert f"gplmt: error: {path} is no run directory" in refused.stderr


def test_the_next_run_tells_of_one_that_was_cut_off(case: Case) -> None:
    run = killed(case, experiment())
    words = (run.file, "-C", str(case.program.work), "--logroot-dir", str(run.run_directories))
    second = case.call(*words, environment={"TAKEN": "x"})
    command = f"'gplmt cleanup {run.run_directory}'"
    until(lambda: command in second.stderr)
    second.process.send_signal(signal.SIGTERM)
    second.wait()
    assert second.stderr.count("gplmt cleanup") == 1
    case.cleanup(run, environment={"TAKEN": "x"})


def test_what_a_second_signal_has_skipped_can_be_done_later(case: Case) -> None:
    run = started(case, experiment())
    case.send(run, signal.SIGINT)
    until_event(run, "SignalReceived")
    case.send(run, signal.SIGINT)
    run.wait()
    assert run.exit_code == 130
    done = len(lines_of(case.program.work / "told"))
    if done == 5:
        pytest.skip("the ending was faster than the second signal")
    assert f"'gplmt cleanup {run.run_directory}' does it" in run.stderr
    assert case.cleanup(run, environment={"TAKEN": "x"}).exit_code == 0
    told = lines_of(case.program.work / "told")
    assert {line.split()[0] for line in told} == {"clean", "first", "second"}
    case.until_gone(seconds=2)


def test_what_nobody_guards_any_more_is_stopped_by_its_marker(case: Case) -> None:
    run = started(
        case,
        experiment(
            main=f"<run>trap '' TERM; (setsid sleep {SLEEP} &amp;); sleep {SLEEP}; true</run>"
        ),
        "--grace",
        "0.5",
        commands=2,
    )
    guards = run.guards()
    for pid in (run.pid, *guards):
        os.kill(pid, signal.SIGKILL)
    run.wait()
    assert called_with(SLEEP)
    cleaned = case.cleanup(run, environment={"TAKEN": "x"})
    assert cleaned.exit_code == 0, cleaned.stderr
    assert "stopped 0 processes" not in cleaned.stderr
    case.until_gone(seconds=2)
    stopped = [str(event["processes"]) for event in run.of_kind("SurvivorsStopped")]
    assert any(" sleep'" in processes for processes in stopped)


def test_what_was_to_be_left_running_lives_on(case: Case) -> None:
    daemon = f"987.{os.getpid()}"
    tasks = f'<run leave-running="true">setsid sleep {daemon} &amp;</run><run>sleep {SLEEP}</run>'
    run = case.start(
        document(
            tasklists=f'<tasklist name="t">{tasks}</tasklist>',
            steps='<step tasklist="t" targets="n1"/>',
        )
    )
    until(lambda: called_with(daemon) and called_with(SLEEP))
    for pid in (run.pid, *run.guards()):
        os.kill(pid, signal.SIGKILL)
    run.wait()
    assert case.cleanup(run).exit_code == 0
    assert not called_with(SLEEP)
    assert len(called_with(daemon)) == 1


def test_nobody_else_with_the_number_of_a_group_is_stopped(case: Case) -> None:
    run = killed(case, experiment())
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:  # noqa: S607
        try:
            journal = run.run_directory / "journal.jsonl"
            lines = [json.loads(line) for line in journal.read_text().splitlines()]
            for line in lines:
                if line["kind"] == "CommandAlive":
                    line["group"] = stranger.pid
            journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
            assert case.cleanup(run, environment={"TAKEN": "x"}).exit_code == 0
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_files_that_were_to_go_are_removed_also_when_the_copy_was_cut_off(case: Case) -> None:
    (case.program.work / "tree").mkdir()
    for number in range(3):
        (case.program.work / f"tree/{number}").write_text("x")
    text = document(
        targets="n1 n2",
        tasklists=f"""
            <tasklist name="whole"><put source="tree" destination="new/tree" keep="false"/>
              <run>echo mine &gt; new/mine; sleep {SLEEP}</run></tasklist>
            <tasklist name="kept"><put source="tree" destination="kept"/><run>sleep {SLEEP}</run>
            </tasklist>""",
        steps='<step tasklist="whole" targets="n1"/><step tasklist="kept" targets="n2"/>',
    )
    run = killed(case, text)
    assert (case.program.work / "new/tree/2").exists()
    cleaned = case.cleanup(run)
    assert cleaned.exit_code == 1, "a directory in which others have put something stays"
    assert f"could not remove {case.program.work}/new" in cleaned.stderr
    assert [path.name for path in (case.program.work / "new").iterdir()] == ["mine"]
    assert (case.program.work / "kept/2").exists()
    (case.program.work / "new/mine").unlink()
    assert case.cleanup(run).exit_code == 0
    assert not (case.program.work / "new").exists()
    assert "nothing is left" in case.cleanup(run).stderr


def test_a_teardown_that_fails_has_been_run(case: Case) -> None:
    run = killed(
        case,
        document(
            tasklists=f"""<tasklist name="t"><run>sleep {SLEEP}</run></tasklist>
                <tasklist name="down"><run expected-status="0">echo no &gt;&amp;2; exit 3</run>
                </tasklist>""",
            steps="""<register-teardown tasklist="down" targets="n1"/>
                <step tasklist="t" targets="n1"/>""",
        ),
        commands=1,
    )
    failed = case.cleanup(run)
    assert failed.exit_code == 1
    assert "run 'down.run-1' on n1 exited with status 3, expected 0" in failed.stderr
    assert "all was run, and something failed, nothing is left to be done" in failed.stderr
    assert case.cleanup(run).exit_code == 0


def test_a_cleanup_can_be_interrupted_and_goes_on_later(case: Case) -> None:
    text = document(
        tasklists=f"""<tasklist name="t"><run>sleep {SLEEP}</run></tasklist>
            <tasklist name="one"><run>WHAT=one; {TELL}</run></tasklist>
            <tasklist name="two"><run>test -e go || sleep {SLEEP}; WHAT=two; {TELL}</run>
            </tasklist>""",
        steps="""<register-teardown tasklist="one" targets="n1"/>
            <register-teardown tasklist="two" targets="n1"/><step tasklist="t" targets="n1"/>""",
    )
    run = killed(case, text, commands=1)
    for number in (signal.SIGINT, signal.SIGKILL):
        cleaning = case.call("cleanup", str(run.run_directory), program=GPLMT)
        until(lambda: called_with(SLEEP))
        cleaning.send(number)
        cleaning.wait()
        assert cleaning.exit_code == 128 + number
        case.until_gone(seconds=8)
    (case.program.work / "go").touch()
    assert case.cleanup(run).exit_code == 0
    assert [line.split()[0] for line in lines_of(case.program.work / "told")] == ["one", "two"]


@pytest.mark.openssh
def test_a_node_that_cannot_be_reached_is_cleaned_up_when_it_is_back(
    case: Case, openssh_server: StartServer, fault_proxy: StartProxy
) -> None:
    server = openssh_server()
    proxy = fault_proxy(server)
    site = There(server, way=proxy.server)
    case.at(site)
    text = f"""<experiment><targets>{site.target_xml("far")}
        <target name="near" type="local"/></targets>
        <tasklists><tasklist name="t" cleanup="clean"><run>sleep {SLEEP}</run></tasklist>
        <tasklist name="clean"><run>echo clean &gt;&gt; told</run></tasklist>
        <tasklist name="down"><run>echo down &gt;&gt; told</run></tasklist></tasklists>
        <steps><register-teardown tasklist="down" targets="near far"/>
        <step tasklist="t" targets="near far"/></steps></experiment>"""
    run = killed(case, text)
    proxy.refuse()
    missed = case.cleanup(run)
    assert missed.exit_code == 1
    assert "something is left to be done, far: " in missed.stderr
    assert lines_of(case.program.work / "told") == ["clean", "down"]
    assert not lines_of(server.home / "told")
    proxy.accept()
    assert case.cleanup(run).exit_code == 0
    assert lines_of(case.program.work / "told") == ["clean", "down"]
    assert lines_of(server.home / "told") == ["clean", "down"]
