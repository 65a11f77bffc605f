"""What the report page is told of a run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from gplmt.cli.main import main
from gplmt.reporting.page.outputs import legible
from tests.reporting.conftest import Recorded
from tests.reporting.page_reading import Page
from tests.support.program import Program, document, one, until


def test_every_task_has_a_row_with_its_target_step_times_result_and_logs(
    recorded: Recorded,
) -> None:
    text = document(
        targets="n1 n2",
        tasklists='<tasklist name="t"><run name="a">true</run><run name="b">exit 3</run>'
        "</tasklist>",
        steps='<step name="s" tasklist="t" targets="n1 n2"/>',
    )
    page = Page.of(recorded(text))
    assert [(task.name, task.target) for task in sorted(page.tasks)] == [
        ("t.a", "n1"),
        ("t.b", "n1"),
        ("t.a", "n2"),
        ("t.b", "n2"),
    ]
    task = page.task("t.b", "n2")
    assert (task.outcome, task.step, task.at) == ("ok", "s", "lab.xml:3")
    assert (task.result, task.log) == ("status 3", "logs/n2/0002-t.b")
    assert task.length is not None
    assert 0 < task.begin <= task.begin + task.length <= page.data.end


def test_what_holds_other_tasks_has_no_row_unless_it_fails_by_itself(recorded: Recorded) -> None:
    text = document(
        tasklists='<tasklist name="t"><seq><par><call tasklist="u"/></par></seq>'
        '<call tasklist="u" name="odd" expected-status="1"/></tasklist>'
        '<tasklist name="u"><run>true</run></tasklist>',
        steps='<step tasklist="t" targets="n1"/>',
    )
    page = Page.of(recorded(text, exit_code=1))
    assert [task.name for task in page.tasks] == ["u.run-1", "t.odd", "u.run-1"]
    assert page.task("t.odd").outcome == "failed"


def test_failures_tell_their_reason_their_logs_and_the_last_lines_of_each(
    recorded: Recorded,
) -> None:
    command = "seq 100; echo bad &gt;&amp;2; exit 4"
    text = one(f'<run name="a" expected-status="0">{command}</run>')
    page = Page.of(recorded(text, exit_code=1))
    assert page.failures() == [("run t.a", "n1")]
    (row,) = page.data.failures
    assert page.text_of(row.reason) == "exited with status 4, expected 0"
    assert page.text_of(row.at) == "lab.xml:3"
    assert row.logs == ["logs/n1/0001-t.a.err", "logs/n1/0001-t.a.out"]
    last = "\n".join(str(number) for number in range(86, 101))
    assert page.tails(row) == {"logs/n1/0001-t.a.err": "bad", "logs/n1/0001-t.a.out": last}
    assert page.data.tasks.reason[row.task] == row.reason


def test_failures_within_a_quorum_and_expected_ones_are_told_apart(recorded: Recorded) -> None:
    fails = '<tasklist name="u"><run expected-status="0">test $GPLMT_TARGET = n1</run></tasklist>'
    text = document(
        targets="n1 n2",
        tasklists=fails + '<tasklist name="t"><call tasklist="u" expected-status="1"/></tasklist>',
        steps='<step tasklist="u" targets="n1 n2" min-success="1"/><synchronize/>'
        '<step tasklist="t" targets="n2"/>',
    )
    page = Page.of(recorded(text))
    assert [task.outcome for task in page.tasks if task.target == "n2"] == [
        "tolerated",
        "expected",
    ]
    (row,) = page.data.failures
    assert row.is_tolerated
    assert page.step("step-1").tolerated == 1


def test_a_step_tells_its_plan_its_start_and_the_skew_between_its_targets(
    recorded: Recorded,
) -> None:
    text = document(
        targets="n1 n2 n3",
        tasklists='<tasklist name="t"><run name="a">sleep 0.2</run><run>true</run></tasklist>',
        steps='<step name="s" tasklist="t" targets="n1 n2 n3" start_relative="PT0.3S" '
        'max-parallel="1"/>',
    )
    page = Page.of(recorded(text))
    step = page.step("s")
    assert step.started is not None
    assert step.planned is not None
    assert step.planned == pytest.approx(step.reached + 300, abs=1)
    assert step.planned <= step.started < step.planned + 200
    begins = sorted(task.begin for task in page.tasks if task.name == "t.a")
    assert (step.targets, step.begun) == (3, 3)
    assert (step.first, step.last) == (begins[0], begins[2])
    assert begins[2] - begins[0] >= 400


def test_failures_that_count_come_before_those_within_a_quorum(recorded: Recorded) -> None:
    text = document(
        targets="n1 n2",
        tasklists='<tasklist name="t"><run name="a" expected-status="0">test $GPLMT_TARGET = n1'
        '</run></tasklist><tasklist name="u"><run name="b" expected-status="0">exit 1</run>'
        "</tasklist>",
        steps='<step tasklist="t" targets="n1 n2" min-success="1"/><synchronize/>'
        '<step tasklist="u" targets="n1"/>',
    )
    page = Page.of(recorded(text, exit_code=1))
    assert page.failures() == [("run u.b", "n1"), ("run t.a", "n2")]


def test_targets_come_in_the_order_of_the_document(recorded: Recorded) -> None:
    text = document(
        targets="n3 n1 unused n2",
        tasklists='<tasklist name="t"><run>true</run></tasklist>',
        steps='<step tasklist="t" targets="n2"/><step tasklist="t" targets="n1 n3"/>',
    )
    assert Page.of(recorded(text)).data.targets == ["n3", "n1", "n2"]


def test_a_skipped_task_is_no_first_start(recorded: Recorded) -> None:
    text = one('<run name="a" enabled="false">true</run><run name="b">true</run>')
    page = Page.of(recorded(text))
    assert page.step("step-1").first == page.task("t.b").begin
    assert page.task("t.a").outcome == "skipped"
    assert page.task("t.a").log == ""


def test_iterations_of_a_step_are_steps_of_their_own(recorded: Recorded) -> None:
    text = document(
        tasklists='<tasklist name="t"><run>true</run></tasklist>',
        steps='<loop list="a b" param="P"><step name="s" tasklist="t" targets="n1"/>'
        "<synchronize/></loop>",
    )
    page = Page.of(recorded(text))
    assert [(step.name, step.iteration) for step in page.data.steps] == [("s", "0"), ("s", "1")]
    assert list(page.data.tasks.step) == [0, 1]


def test_attempts_that_a_retry_followed_are_told(recorded: Recorded) -> None:
    text = one(
        '<run expected-status="0" retries="2">test -e there || { touch there; exit 5; }</run>'
    )
    (task,) = Page.of(recorded(text)).tasks
    assert task.outcome == "ok"
    assert task.result == "status 0, failed once before (exited with status 5, expected 0)"


def test_the_lines_of_the_experiment_and_what_it_includes_tell_outcomes(
    recorded: Recorded, tmp_path: Path
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/words.xml").write_text(
        '<experiment><tasklists>\n<tasklist name="w">\n<run expected-status="0">exit 1</run>\n'
        "</tasklist></tasklists></experiment>"
    )
    page = Page.of(
        recorded(
            '<experiment>\n<include file="lib/words.xml" prefix="l"/>\n'
            '<targets><target name="n1" type="local"/><target name="n2" type="local"/></targets>\n'
            '<tasklists>\n<tasklist name="t"><run>true</run></tasklist>\n</tasklists>\n<steps>\n'
            '<step tasklist="t" targets="n1 n2"/>\n<step tasklist="l.w" targets="n2"/>\n'
            "</steps></experiment>",
            exit_code=1,
        )
    )
    assert [source.name for source in page.data.sources] == ["lab.xml", "lib/words.xml"]
    assert page.marks("lab.xml") == {5: {"ok": 4}, 8: {"ok": 1}, 9: {"failed": 1}}
    assert page.marks("lib/words.xml") == {2: {"failed": 1}, 3: {"failed": 1}}


def test_an_experiment_beside_what_it_includes_from_above_has_its_lines_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "lib.xml").write_text(
        '<experiment>\n<tasklists><tasklist name="u"><run>true</run></tasklist></tasklists>'
        "</experiment>"
    )
    monkeypatch.chdir(tmp_path / "sub")
    text = (
        '<experiment>\n<include file="../lib.xml"/>\n<targets><target name="n1" type="local"/>'
        '</targets>\n<steps>\n<step tasklist="u" targets="n1"/></steps></experiment>'
    )
    Path("lab.xml").write_text(text)
    assert main(["run", "lab.xml", "--quiet", "--no-report"]) == 0
    page = Page.at(Path("gplmt-runs/latest"))
    assert page.marks("sub/lab.xml") == {5: {"ok": 1}}
    assert page.marks("lib.xml") == {2: {"ok": 2}}


def test_secrets_of_the_document_and_whom_it_notifies_are_left_out(recorded: Recorded) -> None:
    environment = '<export-env var="API_KEY" value="unseen-1"/>'
    text = document(
        environment=environment,
        tasklists='<tasklist name="t"><run>true</run></tasklist>',
        steps='<step tasklist="t" targets="n1"/>',
    )
    run = recorded(text, "--notify", "true unseen-2")
    page = Page.of(run)
    assert "unseen" not in page.text
    assert page.data.run.command == "gplmt run lab.xml --quiet --no-report --notify '***'"


def test_output_is_what_a_terminal_would_have_left() -> None:
    assert legible(b"10%\r50%\r100%\r\n\x1b[31mred\x1b[0m\n") == "100%\nred\n"
    assert legible(b"\x1b]0;title\x07a\x00b\xff\xc3\xa4") == "a\ufffdb\ufffdä"


def test_a_run_that_was_killed_has_no_end_and_then_a_cleanup(program: Program) -> None:
    text = document(
        tasklists='<tasklist name="t"><run name="a">touch begun; exec sleep 60</run></tasklist>'
        '<tasklist name="u"><run name="b" expected-status="0">exit 1</run></tasklist>',
        steps='<register-teardown tasklist="u" targets="n1"/>'
        '<step name="s" tasklist="t" targets="n1"/>',
    )
    running = program.start(text).until_there("begun")
    page = Page.at(running.run_directory)
    assert page.data.run.outcome == "unfinished"
    assert page.data.run.ended is None
    assert page.data.run.is_running
    (begun,) = (each for each in page.tasks if each.name == "t.a")
    assert page.data.end > begun.begin
    assert (page.task("t.a").outcome, page.task("t.a").length) == ("unfinished", None)
    assert page.step("s").ended is None

    running.send(signal.SIGKILL).wait()
    until(lambda: not running.survivors())
    killed = Page.at(running.run_directory)
    assert not killed.data.run.is_running
    assert killed.data.end == begun.begin
    assert main(["cleanup", str(running.run_directory), "--quiet"]) == 1
    after = Page.at(running.run_directory)
    assert after.data.end == killed.data.end
    assert after.task("u.b").step == "teardown-1"
    assert after.step("teardown-1").kind == "cleanup"
    assert [row.is_of_cleanup for row in after.data.failures] == [True]
    (cleanup,) = after.data.cleanups
    assert (cleanup.exit_code, cleanup.remaining) == (1, [])
    assert cleanup.started > after.data.end


def test_signals_and_warnings_are_notes(program: Program) -> None:
    running = program.start(one("<run>touch begun; exec sleep 60</run>")).until_there("begun")
    running.send(signal.SIGINT).wait()
    page = Page.at(running.run_directory)
    assert page.data.run.outcome == "interrupted"
    assert page.data.run.reason == "interrupted by SIGINT"
    assert [(note.kind, note.text) for note in page.data.notes] == [("signal", "SIGINT")]
    assert page.task("t.run-1").outcome == "cancelled"


def test_a_record_that_is_empty_still_makes_a_page(recorded: Recorded) -> None:
    run = recorded(one("<run>true</run>"))
    (run.path / "events.jsonl").write_bytes(b"")
    page = Page.at(run.path)
    assert page.tasks == []
    assert page.data.end == 0
