"""JUnit XML: what CI servers show of a run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from junitparser import TestCase as ParsedCase

from gplmt.cli.main import main
from gplmt.reporting.junit import render_junit
from gplmt.reporting.recorded import RecordedRun
from tests.reporting.conftest import Recorded
from tests.reporting.junit_schema import check
from tests.support.program import Program, document, one, until


class Parsed:
    """A document as junitparser reads it, after it has been held against the schema."""

    def __init__(self, run: RecordedRun) -> None:
        self.text = render_junit(run)
        check(self.text)
        self.suites = list(JUnitXml.fromstring(self.text.encode()))
        self.cases = {case.name: case for suite in self.suites for case in suite}

    def result(self, name: str) -> tuple[type, str, str] | None:
        """The element of a case, its message and its type; None where it went well."""
        results = self.cases[name].result
        if not results:
            return None
        (result,) = results
        assert isinstance(result, Failure | Error | Skipped)
        return type(result), result.message or "", result.type or ""


def step(tasks: str, *, targets: str = "n1", attributes: str = "", tasklist: str = "") -> str:
    """One step of that name with these tasks."""
    return document(
        targets=targets,
        tasklists=f'<tasklist name="t" {tasklist}>{tasks}</tasklist>',
        steps=f'<step name="build" tasklist="t" targets="{targets}" {attributes}/>',
    )


def test_a_suite_is_a_step_and_a_case_its_tasklist_on_a_target(recorded: Recorded) -> None:
    parsed = Parsed(recorded(step("<run>true</run>", targets="n1 n2")))
    assert [suite.name for suite in parsed.suites] == ["build"]
    assert list(parsed.cases) == ["t on n1", "t on n2"]
    assert parsed.cases["t on n2"].classname == "lab.build"
    assert all(parsed.result(name) is None for name in parsed.cases)
    run_directory = str(Path("gplmt-runs/latest").resolve())
    properties = dict(_properties(parsed.suites[0]))
    assert str(Path(properties.pop("run_dir")).resolve()) == run_directory
    assert properties == {"at": "lab.xml:4", "tasklist": "t"}


def _properties(suite: object) -> list[tuple[str, str]]:
    assert hasattr(suite, "properties")
    return [(each.name, each.value) for each in suite.properties()]


def test_a_failure_has_its_message_its_place_and_the_output_of_its_command(
    recorded: Recorded,
) -> None:
    command = "<run name='disk' expected-status='0'>echo full; echo 'no room' >&amp;2; exit 3</run>"
    parsed = Parsed(recorded(step(command), exit_code=1))
    case = parsed.cases["t on n1"]
    what = "run 't.disk' on n1 exited with status 3, expected 0"
    assert parsed.result("t on n1") == (Failure, what, "failed")
    log = "logs/n1/0001-t.disk"
    assert case.result[0].text == f"lab.xml:3: error: {what}; see {log}.err\n    no room"
    assert case.system_out == f"==> {log}.out <==\nfull\n"
    assert case.system_err == f"==> {log}.err <==\nno room\n"
    assert "experiment" not in parsed.cases


def test_all_failures_of_a_case_are_told_and_counted(recorded: Recorded) -> None:
    tasks = "<fail name='a' status='one'/><fail name='b' status='two'/>"
    parsed = Parsed(recorded(step(tasks, tasklist='on-error="continue"'), exit_code=1))
    _, message, _ = parsed.result("t on n1") or (None, "", "")
    assert message == "fail 't.a' on n1 failed: one (and 1 more)"
    assert parsed.cases["t on n1"].result[0].text.count("error: ") == 2


def test_what_a_timeout_ends_has_failed_by_it(recorded: Recorded) -> None:
    parsed = Parsed(recorded(step("<run timeout='PT0.1S'>sleep 9</run>"), exit_code=1))
    assert parsed.result("t on n1") == (
        Failure,
        "run 't.run-1' on n1 timed out after 0.1 s",
        "timeout",
    )


def test_failures_of_called_tasklists_and_cleanups_belong_to_the_case(recorded: Recorded) -> None:
    text = document(
        tasklists='<tasklist name="calls"><call tasklist="bad"/></tasklist>'
        '<tasklist name="cleans" cleanup="bad"><run>true</run></tasklist>'
        '<tasklist name="bad"><fail status="on purpose"/></tasklist>',
        steps='<step tasklist="calls" targets="n1"/><step tasklist="cleans" targets="n1"/>',
    )
    parsed = Parsed(recorded(text, exit_code=1))
    message = "fail 'bad.fail-1' on n1 failed: on purpose"
    for name in ("calls on n1", "cleans on n1"):
        assert parsed.result(name) == (Failure, message, "failed")


def test_failures_that_were_asked_for_or_made_good_are_none(recorded: Recorded) -> None:
    text = document(
        tasklists='<tasklist name="t"><call tasklist="bad" expected-status="1"/>'
        '<run expected-status="0" retries="1">test -e there || { touch there; exit 1; }</run>'
        "</tasklist>"
        '<tasklist name="bad"><fail status="on purpose"/></tasklist>',
        steps='<step tasklist="t" targets="n1"/>',
    )
    assert Parsed(recorded(text)).result("t on n1") is None


def test_a_tolerated_failure_is_seen_and_is_none(recorded: Recorded) -> None:
    tasks = "<run expected-status='0'>echo 'a.c:1: error: here'; test $GPLMT_TARGET = n1</run>"
    run = recorded(step(tasks, targets="n1 n2", attributes='min-success="1"'))
    parsed = Parsed(run)
    kind, message, type_ = parsed.result("t on n2") or (None, "", "")
    assert (kind, type_) == (Skipped, "tolerated")
    assert message.startswith("tolerated: run 't.run-1' on n2 exited with status 1")
    assert "here" in (parsed.cases["t on n2"].system_out or "")
    text = parsed.cases["t on n2"].result[0].text
    assert text.startswith("lab.xml:3: warning: tolerated: run 't.run-1' on n2 exited")
    assert text.endswith("\n    a.c:1: error: here")
    assert parsed.result("t on n1") is None


def test_each_iteration_has_a_suite_with_its_parameters(recorded: Recorded) -> None:
    text = document(
        tasklists='<tasklist name="t"><run expected-status="0">test $SIZE != 2</run></tasklist>',
        steps='<loop list="1 2" param="SIZE"><step name="s" tasklist="t" targets="n1"/></loop>',
    )
    parsed = Parsed(recorded(text, exit_code=1))
    assert [suite.name for suite in parsed.suites] == ["s in iteration 0", "s in iteration 1"]
    assert ("SIZE", "2") in _properties(parsed.suites[1])
    assert parsed.result("t on n1 in iteration 0") is None
    assert parsed.result("t on n1 in iteration 1") is not None


def test_steps_of_the_same_name_are_told_apart(recorded: Recorded) -> None:
    again = '<step name="build" tasklist="t" targets="n1"/>'
    text = step("<run>true</run>").replace("<steps>", f"<steps>{again}")
    parsed = Parsed(recorded(text))
    assert [suite.name for suite in parsed.suites] == ["build", "build (2)"]


def test_what_is_disabled_or_stopped_before_its_start_is_skipped(recorded: Recorded) -> None:
    text = document(
        tasklists='<tasklist name="t"><run>true</run></tasklist>'
        '<tasklist name="bad" on-error="stop-experiment"><fail status="enough"/></tasklist>',
        steps='<step name="off" tasklist="t" targets="n1" enabled="false"/>'
        '<step name="late" tasklist="t" targets="n1" start_relative="PT1H"/>'
        '<step name="early" tasklist="t" targets="n1" stop_relative="PT0S"/>'
        '<step name="bad" tasklist="bad" targets="n1"/>',
    )
    parsed = Parsed(recorded(text, exit_code=1))
    skipped = {suite.name: [case.result for case in suite] for suite in parsed.suites[:3]}
    for results in skipped.values():
        assert [type(result) for (result,) in results] == [Skipped]
    assert {name: results[0][0].message for name, results in skipped.items()} == {
        "off": 'not run: enabled="false"',
        "late": "not run: the step was stopped before",
        "early": "not run: the step was stopped before",
    }


def test_what_was_stopped_as_planned_went_well_and_with_a_failure_was_cut_off(
    recorded: Recorded,
) -> None:
    text = document(
        targets="n1 n2",
        tasklists='<tasklist name="long"><run>sleep 60</run></tasklist>'
        '<tasklist name="bad" on-error="stop-step">'
        "<run expected-status='0'>[ $GPLMT_TARGET = n1 ] || sleep 60; exit 1</run></tasklist>",
        steps='<step tasklist="long" targets="n1" background="true"/>'
        '<step tasklist="long" targets="n2" stop_relative="PT0.2S"/>'
        '<step tasklist="bad" targets="n1 n2"/>',
    )
    parsed = Parsed(recorded(text, exit_code=1))
    assert parsed.result("long on n1") is None
    assert parsed.result("long on n2") is None
    assert (parsed.result("bad on n1") or [None])[0] is Failure
    assert parsed.result("bad on n2") == (
        Skipped,
        "stopped, as something else had failed",
        "skipped",
    )


def test_a_target_that_cannot_be_reached_is_an_error(recorded: Recorded) -> None:
    nobody = "<host>127.0.0.1</host><port>1</port>"
    text = step("<run>true</run>").replace('type="local"/>', f'type="ssh">{nobody}</target>')
    parsed = Parsed(recorded(text, "--batch", exit_code=1))
    kind, message, type_ = parsed.result("t on n1") or (None, "", "")
    assert (kind, type_) == (Error, "lost")
    assert "connection refused" in message


def test_a_teardown_is_a_suite(recorded: Recorded) -> None:
    text = document(
        tasklists='<tasklist name="t"><fail status="no"/></tasklist>',
        steps='<register-teardown tasklist="t" targets="n1"/>',
    )
    parsed = Parsed(recorded(text, exit_code=1))
    assert [suite.name for suite in parsed.suites] == ["teardown-1"]
    assert (parsed.result("t on n1") or [None])[0] is Failure


def test_a_timeout_of_the_experiment_is_an_error_of_the_experiment(recorded: Recorded) -> None:
    text = step("<run>sleep 60</run>").replace("<experiment ", '<experiment timeout="PT0.2S" ')
    parsed = Parsed(recorded(text, exit_code=1))
    assert parsed.result("experiment") == (
        Error,
        "the experiment ran over its timeout of 0.2 s",
        "failed",
    )
    assert (parsed.result("t on n1") or [None])[0] is Skipped


def test_an_interrupted_run_says_so_and_skips_what_it_stopped(program: Program) -> None:
    text = document(
        tasklists='<tasklist name="t"><run>echo on; sleep 60</run></tasklist>',
        steps='<register-teardown tasklist="t" targets="n1"/>'
        '<step tasklist="t" targets="n1"/><step tasklist="t" targets="n1" start_relative="PT1H"/>',
    )
    running = program.start(text, "--no-report").until_shown("n1 | on")
    running.send(signal.SIGINT)
    until(lambda: running.lines == ["n1 | on"] * 2)  # the teardown has begun
    running.send(signal.SIGTERM).wait()
    parsed = Parsed(RecordedRun(running.run_directory))
    kind, message, type_ = parsed.result("experiment") or (None, "", "")
    assert (kind, type_) == (Error, "interrupted")
    assert message.startswith("interrupted by SIGINT; the ending was cut short")
    others = [case.result[0] for suite in parsed.suites[1:] for case in suite]
    assert [type(result) for result in others] == [Skipped] * 3
    assert {result.message for result in others} <= {
        "stopped: gplmt was interrupted by SIGINT",
        "not run: gplmt was interrupted by SIGINT",
    }


def test_a_killed_run_says_that_its_record_ends(program: Program) -> None:
    text = document(
        tasklists='<tasklist name="t"><run>echo on; sleep 60</run></tasklist>',
        steps='<register-teardown tasklist="t" targets="n1"/><step tasklist="t" targets="n1"/>',
    )
    running = program.start(text, "--no-report").until_shown("n1 | on").send(signal.SIGKILL)
    running.process.wait()
    parsed = Parsed(RecordedRun(running.run_directory))
    kind, message, type_ = parsed.result("experiment") or (None, "", "")
    assert (kind, type_) == (Error, "unfinished")
    assert "gplmt was killed" in message
    results = [case.result[0] for suite in parsed.suites[1:] for case in suite]
    assert [(type(result), result.message.partition(":")[0]) for result in results] == [
        (Skipped, "not run to its end"),
        (Skipped, "not run"),
    ]


def test_a_record_that_is_not_whole_is_an_error(recorded: Recorded) -> None:
    run = recorded(step("<run>true</run>"))
    manifest = run.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"exit_code": 0', '"exit_code": 1'))
    assert Parsed(RecordedRun(run.path)).result("experiment") == (
        Error,
        "the record of this run is not complete",
        "incomplete",
    )


def test_output_of_any_bytes_makes_valid_xml(recorded: Recorded) -> None:
    command = (
        "printf ']]&gt;&lt;x&gt; \\033[31mred\\033[0m \\000\\001\\010\\013\\014\\177 \\200\\377'"
        "; printf '\\355\\240\\200 \\357\\277\\277 \\302\\205 a\\r\\nb\\rc \\342\\202\\254\\n'"
        "; false"
    )
    parsed = Parsed(recorded(step(f"<run expected-status='0'>{command}</run>"), exit_code=1))
    (first, *rest) = (parsed.cases["t on n1"].system_out or "").splitlines()[1:]
    assert first.startswith("]]><x> red ")
    assert rest[-1] == "c €"
    assert "\r" not in parsed.text


def test_every_byte_can_be_in_output(recorded: Recorded) -> None:
    run = recorded(step("<run name='x' expected-status='0'>false</run>"), exit_code=1)
    log = run.path / "logs/n1/0001-t.x.out"
    log.write_bytes(bytes(range(256)) * 3 + "\U0001f600\ufffe\ud7ff\ue000".encode() + b"\xf0\x9f")
    assert "\U0001f600" in (Parsed(run).cases["t on n1"].system_out or "")


def test_an_experiment_in_which_nothing_is_to_be_done_has_a_case(recorded: Recorded) -> None:
    empty = '<steps><loop repeat="0"><step tasklist="t" targets="n1"/></loop></steps>'
    text = one("<run>true</run>")
    parsed = Parsed(recorded(text[: text.index("<steps>")] + empty + "</experiment>"))
    assert list(parsed.cases) == ["experiment"]


def test_what_gplmt_cleanup_did_is_in_suites_of_its_own(
    program: Program, capfd: pytest.CaptureFixture[str]
) -> None:
    text = document(
        tasklists='<tasklist name="t" cleanup="tidy"><run>echo on; sleep 60</run></tasklist>'
        '<tasklist name="tidy"><fail status="still bad"/></tasklist>',
        steps='<register-teardown tasklist="tidy" targets="n1"/><step tasklist="t" targets="n1"/>',
    )
    running = program.start(text, "--no-report").until_shown("n1 | on").send(signal.SIGKILL)
    running.process.wait()
    assert main(["cleanup", str(running.run_directory)]) == 1, capfd.readouterr().err
    parsed = Parsed(RecordedRun(running.run_directory))
    names = [suite.name for suite in parsed.suites]
    assert sorted(names[2:]) == ["gplmt-cleanup", "teardown-1"]
    kinds = {type(case.result[0]) for suite in parsed.suites[2:] for case in suite}
    assert kinds == {Failure}


def test_a_case_takes_as_long_as_its_tasklist(recorded: Recorded) -> None:
    parsed = Parsed(recorded(step("<run>sleep 0.3</run>")))
    case: ParsedCase = parsed.cases["t on n1"]
    assert 0.3 <= (case.time or 0.0) <= (parsed.suites[0].time or 0.0)
    assert parsed.suites[0].hostname == Path("/proc/sys/kernel/hostname").read_text().strip()
