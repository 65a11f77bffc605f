"""`--junit FILE`: at any moment the file is true of this run, and never of an earlier one."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from lxml import etree

from tests.reporting.junit_schema import check
from tests.support.program import GPLMT, Program, document, one, without_privileges

STALE = "<testsuites><testsuite><testcase name='of an earlier run'/></testsuite></testsuites>"
OK = one("<run>true</run>")


def error_in(file: Path) -> etree._Element:
    """The error of the only case of a document."""
    (error,) = check(file.read_text(encoding="utf-8")).iter("error")
    return error


def test_it_is_relative_to_where_gplmt_was_started_and_its_directories_are_made(
    program: Program,
) -> None:
    run = program.run(OK, "--junit", "ci/reports/junit.xml")
    assert run.exit_code == 0
    check((program.scratch / "ci/reports/junit.xml").read_text())


def test_faults_of_the_document_are_told_in_place_of_an_earlier_report(program: Program) -> None:
    file = program.write(STALE, "junit.xml")
    run = program.run("<experiment><targts/>\n<bad/></experiment>", "--junit", "junit.xml")
    assert run.exit_code == 2
    error = error_in(file)
    assert error.get("type") == "refused"
    assert (error.get("message") or "").startswith(run.stderr.splitlines()[0])
    assert error.text == run.stderr.strip()


def test_a_setup_that_fails_is_told_too(program: Program) -> None:
    file = program.write(STALE, "junit.xml")
    experiment = program.write(OK)
    words = ("run", str(experiment), "--junit", "junit.xml", "--logroot-dir", "/proc/nowhere")
    run = program.call(*words, program=GPLMT).wait()
    assert run.exit_code == 3
    assert "cannot create a run directory" in (error_in(file).get("message") or "")


def test_one_that_cannot_be_written_is_told_before_anything_runs(program: Program) -> None:
    (program.scratch / "sealed").mkdir(mode=0o500)
    experiment = program.write(one("<run>touch started</run>"))
    words = (str(experiment), "--junit", "sealed/junit.xml")
    run = program.call(*words, program=(*without_privileges(), *GPLMT, "run")).wait()
    assert (run.exit_code, run.stderr) == (
        3,
        "gplmt: error: cannot write sealed/junit.xml: permission denied\n",
    )
    assert not (program.scratch / "started").exists()


def test_a_directory_in_its_place_is_told_before_anything_runs(program: Program) -> None:
    run = program.run(one("<run>touch started</run>"), "--junit", ".")
    assert run.exit_code == 3
    assert "cannot write" in run.stderr
    assert not run.has_run_directory


def test_a_killed_gplmt_leaves_an_error_in_it(program: Program) -> None:
    file = program.write(STALE, "junit.xml")
    run = program.start(one("<run>echo begun; sleep 60</run>"), "--junit", "junit.xml")
    run.until_shown("n1 | begun").send(signal.SIGKILL)
    run.process.wait()
    assert error_in(file).get("message") == "the run has not ended"


def test_an_interrupted_run_writes_it(program: Program) -> None:
    run = program.start(one("<run>echo begun; sleep 60</run>"), "--junit", "junit.xml")
    run.until_shown("n1 | begun").send(signal.SIGINT).wait()
    assert run.exit_code == 130
    error = error_in(program.scratch / "junit.xml")
    assert error.get("message") == "interrupted by SIGINT"


@pytest.mark.parametrize(("tasks", "outcome"), [("", "ok"), ("<fail status='x'/>", "failed")])
def test_if_it_cannot_be_written_at_the_end_the_run_has_not_gone_well(
    tasks: str, outcome: str, program: Program
) -> None:
    tasks = f"<run>rm {program.scratch}/junit.xml; mkdir {program.scratch}/junit.xml</run>{tasks}"
    run = program.run(one(tasks), "--junit", "junit.xml")
    assert run.exit_code == 1
    assert "gplmt: error: cannot write junit.xml: is a directory\n" in run.stderr
    manifest = json.loads((run.run_directory / "manifest.json").read_text())
    assert (manifest["outcome"], manifest["exit_code"]) == (outcome, 1)
    assert (run.run_directory / "report.html").exists()


def test_into_a_device_goes_what_there_is_at_the_end_only(program: Program) -> None:
    run = program.run(OK, "--junit", "/dev/stdout", "--quiet")
    root = check(run.stdout)
    assert [case.get("name") for case in root.iter("testcase")] == ["t on n1"]


def test_a_dry_run_leaves_it_alone(program: Program) -> None:
    file = program.write(STALE, "junit.xml")
    assert program.run(OK, "--dry-run", "--junit", "junit.xml").exit_code == 0
    assert file.read_text() == STALE


def test_a_failing_experiment_is_told_in_it(program: Program) -> None:
    text = document(
        targets="n1 n2",
        tasklists='<tasklist name="t"><run expected-status="0">false</run></tasklist>',
        steps='<step tasklist="t" targets="n1 n2"/>',
    )
    run = program.run(text, "--junit", "junit.xml")
    assert run.exit_code == 1
    root = check((program.scratch / "junit.xml").read_text())
    assert root.get("failures") == "2"
