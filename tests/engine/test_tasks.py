"""Single tasks: run, put, get, fail, and what is not enabled (LANGUAGE.md 6)."""

from __future__ import annotations

import pytest

from gplmt.errors import ConnectionLostError, CopyError, LaunchError
from gplmt.events import (
    AttemptFailed,
    CopiesRemoved,
    GetFinished,
    LeftoverStopped,
    Outcome,
    PutFinished,
    RunFinished,
    RunStarted,
    StepFinished,
    TaskFinished,
    TaskStarted,
)
from gplmt.transports.fake import Script
from tests.support.lab import Lab, experiment


def test_tasks_run_in_sequence(lab: Lab) -> None:
    """6.1."""
    lab.takes("a", 2)
    result = lab.run_tasks("<run>a</run><run>b</run>")
    assert result.commands() == ["a", "b"]
    assert result.when("b") == [2]


@pytest.mark.parametrize("tasks", ["", "<seq/>", "<par/>", "<seq><par/></seq>"])
def test_a_tasklist_may_be_empty(lab: Lab, tasks: str) -> None:
    """6.1."""
    assert lab.run_tasks(tasks).exit_code == 0


def test_a_failed_task_ends_its_tasklist(lab: Lab) -> None:
    """7.1."""
    lab.fails("a")
    result = lab.run_tasks('<run expected-status="0">a</run><run>b</run>')
    assert result.commands() == ["a"]
    assert result.exit_code == 1
    assert result.reasons() == ["exited with status 1, expected 0"]


@pytest.mark.parametrize("returncode", [0, 1, 255, -9, -35])
def test_without_expected_status_any_end_is_success(lab: Lab, returncode: int) -> None:
    """6.2."""
    lab.fails("a", status=returncode)
    result = lab.run_tasks("<run>a</run><run>b</run>")
    assert result.exit_code == 0
    assert result.commands() == ["a", "b"]


@pytest.mark.parametrize(
    ("returncode", "expected", "reason"),
    [
        (0, "0", None),
        (3, "0 3", None),
        (0, "3 4", "exited with status 0, expected 3 or 4"),
        (2, "0 1 3", "exited with status 2, expected 0 or 1 or 3"),
        (-15, "143", None),
        (-9, "0 137", None),
        (-15, "0", "was killed by SIGTERM, expected 0"),
        (-15, "15", "was killed by SIGTERM, expected 15"),
        (143, "143", None),
        (-35, "0", "was killed by signal 35, expected 0"),
        (-35, "163", None),
    ],
)
def test_a_status_is_compared_with_each_that_is_expected(
    lab: Lab, returncode: int, expected: str, reason: str | None
) -> None:
    """6.2: death by signal N counts as 128+N."""
    lab.fails("a", status=returncode)
    result = lab.run_tasks(f'<run expected-status="{expected}">a</run>')
    assert result.reasons() == ([] if reason is None else [reason])
    assert result.exit_code == (0 if reason is None else 1)


def test_the_record_tells_status_and_signal_apart(lab: Lab) -> None:
    lab.fails("a", status=7)
    lab.fails("b", status=-11)
    result = lab.run_tasks("<run>a</run><run>b</run>")
    ends = result.of(RunFinished)
    assert [(end.status, end.signal) for end in ends] == [(7, None), (None, 11)]


@pytest.mark.parametrize("expected", ["", 'expected-status="0 1 127 255"'])
@pytest.mark.parametrize("error", [LaunchError("no such shell"), ConnectionLostError("gone")])
def test_what_did_not_run_has_failed_whatever_is_expected(
    lab: Lab, expected: str, error: LaunchError | ConnectionLostError
) -> None:
    """6.2."""
    lab.breaks("a", error)
    result = lab.run_tasks(f"<run {expected}>a</run>")
    assert result.exit_code == 1
    assert result.reasons() == [str(error)]
    assert result.one(RunFinished).status is None


def test_a_command_that_takes_too_long_has_failed_whatever_is_expected(lab: Lab) -> None:
    """6.2."""
    lab.takes("a", 10)
    result = lab.run_tasks('<run timeout="PT3S" expected-status="0">a</run><run>b</run>')
    assert result.duration == 3
    assert result.outcome("run-1") is Outcome.TIMEOUT
    assert result.commands() == ["a"]
    assert result.reasons() == ["timed out after 3 s"]
    assert result.exit_code == 1


def test_a_command_that_ends_in_time_is_not_stopped(lab: Lab) -> None:
    lab.takes("a", 2.9)
    assert lab.run_tasks('<run timeout="PT3S">a</run>').exit_code == 0


def test_a_command_gets_what_its_attributes_say(lab: Lab) -> None:
    """6.2."""
    path = lab.write("input")
    result = lab.run_tasks(
        '<run stdin="input" directory="/d" stop-signal="INT" leave-running="true"> x &lt; y\n</run>'
    )
    ((target, command),) = result.transport.commands
    assert target == "n1"
    assert command.text == " x < y\n"
    assert command.stdin == path
    assert command.directory == "/d"
    assert command.stop_signal == "INT"
    assert command.leave_running


def test_a_command_reads_nothing_and_stops_with_term_unless_told(lab: Lab) -> None:
    """6.2."""
    ((_, command),) = lab.run_tasks("<run>x</run>").transport.commands
    assert (command.stdin, command.directory, command.stop_signal) == (None, None, "TERM")
    assert not command.leave_running


def test_stdin_that_has_gone_is_a_failure(lab: Lab) -> None:
    """6.2."""
    path = lab.write("input")
    lab.at(1, lambda _run: path.unlink())
    lab.takes("a", 2)
    result = lab.run_tasks('<run>a</run><run stdin="input">b</run>')
    assert result.commands() == ["a"]
    assert result.reasons() == ["the source 'input' does not exist"]


def test_stdin_may_name_variables(lab: Lab) -> None:
    """5.5."""
    path = lab.write("input-n1")
    ((_, command),) = lab.run_tasks('<run stdin="input-${GPLMT_TARGET}">x</run>').transport.commands
    assert command.stdin == path


def test_every_command_has_an_identity_of_its_own(lab: Lab) -> None:
    lab.fails("a")
    result = lab.run_tasks('<par><run>b</run><run expected-status="0" retries="3">a</run></par>')
    identities = {command.identity for _, command in result.transport.commands}
    assert len(identities) == 5


# Retries


def test_a_failure_is_retried_until_an_attempt_succeeds(lab: Lab) -> None:
    """6.2, 7.2: an attempt that a later retry made good does not count."""
    lab.script("a", Script(returncode=1), Script(returncode=2), Script())
    result = lab.run_tasks('<run expected-status="0" retries="5" retry-delay="PT10S">a</run>')
    assert result.when("a") == [0, 10, 20]
    assert result.exit_code == 0
    assert result.reasons() == []
    assert [(event.attempt, event.reason) for event in result.of(AttemptFailed)] == [
        (1, "exited with status 1, expected 0"),
        (2, "exited with status 2, expected 0"),
    ]


def test_the_last_failure_counts_when_no_retry_is_left(lab: Lab) -> None:
    """6.2: N further attempts."""
    lab.script("a", *(Script(returncode=status) for status in (1, 2, 3, 0)))
    result = lab.run_tasks('<run expected-status="0" retries="2">a</run>')
    assert result.commands() == ["a", "a", "a"]
    assert result.reasons() == ["exited with status 3, expected 0"]
    assert result.exit_code == 1
    assert len(result.of(AttemptFailed)) == 2
    assert result.one(RunFinished).status == 3


def test_the_timeout_is_per_attempt(lab: Lab) -> None:
    """6.2."""
    lab.script("a", Script(seconds=10), Script(seconds=2.5))
    result = lab.run_tasks('<run timeout="PT3S" retries="1" retry-delay="PT1S">a</run>')
    assert result.when("a") == [0, 4]
    assert result.duration == 6.5
    assert result.exit_code == 0


def test_the_status_of_an_attempt_is_not_that_of_the_next(lab: Lab) -> None:
    lab.script("a", Script(returncode=4), Script(seconds=9))
    result = lab.run_tasks('<run expected-status="0" timeout="PT3S" retries="1">a</run>')
    assert result.one(RunFinished).status is None
    assert result.one(RunFinished).outcome is Outcome.TIMEOUT


@pytest.mark.parametrize("error", [LaunchError("x"), ConnectionLostError("x")])
def test_any_failure_is_retried(lab: Lab, error: LaunchError | ConnectionLostError) -> None:
    """6.2."""
    lab.script("a", Script(error=error), Script())
    assert lab.run_tasks('<run retries="1">a</run>').exit_code == 0


@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_nothing_is_retried_after_a_stop(lab: Lab, stop_at: int) -> None:
    """6.2: neither when the stop hits an attempt (1, 5) nor the pause between two (3)."""
    lab.fails("a", seconds=2)
    result = lab.run(
        experiment(
            tasklists='<tasklist name="t"><run expected-status="0" retries="9"'
            ' retry-delay="PT2S">a</run></tasklist>',
            steps=f'<step tasklist="t" targets="n1" stop_relative="PT{stop_at}S"/>',
        )
    )
    assert result.duration == stop_at
    assert result.outcome("run-1") is Outcome.STOPPED
    assert result.one(StepFinished).outcome is Outcome.STOPPED
    assert result.exit_code == 0


def test_a_failure_that_comes_of_being_stopped_is_not_retried(lab: Lab) -> None:
    """6.2: a transport may tell of a stop as a failure."""
    lab.script("a", Script(seconds=9, error_when_stopped=CopyError("interrupted")))
    result = lab.run(
        experiment(
            tasklists='<tasklist name="t"><run retries="9">a</run></tasklist>',
            steps='<step tasklist="t" targets="n1" stop_relative="PT1S"/>',
        )
    )
    assert result.commands() == ["a"]
    assert result.outcome("run-1") is Outcome.STOPPED
    assert result.exit_code == 0


# Copies


@pytest.mark.parametrize(
    "element",
    [
        '<put source="f" destination="/d/"/>',
        "<put><source>f</source><destination>/d/</destination></put>",
        '<put source="f"><destination>/d/</destination></put>',
    ],
)
def test_a_put_copies_from_beside_the_document(lab: Lab, element: str) -> None:
    """6.3."""
    path = lab.write("f")
    result = lab.run_tasks(element)
    assert result.transport.copies == [("n1", str(path), "/d/")]
    assert result.one(PutFinished).files == 1


def test_a_get_copies_into_the_working_directory(lab: Lab) -> None:
    """6.3."""
    result = lab.run_tasks(
        '<get source="~/a*" destination="out"/><get source="b" destination="into/"/>'
    )
    assert result.transport.copies == [
        ("n1", "~/a*", f"{lab.directory}/out"),
        ("n1", "b", f"{lab.directory}/into/"),
    ]
    assert [end.files for end in result.of(GetFinished)] == [1, 1]


def test_paths_of_copies_name_variables(lab: Lab) -> None:
    """5.5, 5.3: GPLMT_RUN_DIR on local targets and in local paths."""
    lab.write("f-n1")
    result = lab.run_tasks(
        '<put source="f-$GPLMT_TARGET" destination="/d-${GPLMT_STEP}-$$"/>'
        '<get source="/s/$GPLMT_TARGET" destination="$GPLMT_RUN_DIR/x"/>'
    )
    assert result.transport.copies == [
        ("n1", f"{lab.directory}/f-n1", "/d-step-1-$"),
        ("n1", "/s/n1", f"{lab.directory}/run/x"),
    ]


def test_the_run_directory_stands_in_local_paths_of_remote_targets(lab: Lab) -> None:
    """5.3."""
    result = lab.run(
        '<targets><target name="n" type="ssh"><host>h</host></target></targets>'
        '<tasklists><tasklist name="t"><get source="s" destination="$GPLMT_RUN_DIR/"/></tasklist>'
        '</tasklists><steps><step tasklist="t" targets="n"/></steps>'
    )
    assert result.transport.copies == [("n", "s", f"{lab.directory}/run/")]


def test_a_copy_that_fails_is_retried_and_then_a_failure(lab: Lab) -> None:
    """6.3."""
    lab.fails(f"get s {lab.directory}/d")
    result = lab.run_tasks('<get source="s" destination="d" retries="2" retry-delay="PT1S"/>')
    assert result.when(f"get s {lab.directory}/d") == [0, 1, 2]
    assert result.reasons() == ["s does not exist"]
    assert result.exit_code == 1


def test_a_copy_that_takes_too_long_is_a_failure(lab: Lab) -> None:
    """6.3."""
    lab.takes(f"get s {lab.directory}/d", 9)
    result = lab.run_tasks('<get source="s" destination="d" timeout="PT2S" retries="1"/>')
    assert result.duration == 4
    assert result.outcome("get-1") is Outcome.TIMEOUT


def test_a_source_that_is_not_there_fails_the_put(lab: Lab) -> None:
    """6.3, 12.3: a command may make it, so it is looked for when the put is reached."""
    result = lab.run_tasks('<run>make</run><put source="f" destination="/d"/>')
    assert result.reasons() == ["the source 'f' does not exist"]
    assert result.transport.copies == []


def test_a_source_that_a_command_makes_is_put(lab: Lab) -> None:
    """6.3."""
    lab.takes("make", 2)
    lab.at(1, lambda _run: lab.write("f").touch())
    result = lab.run_tasks('<run>make</run><put source="f" destination="/d"/>')
    assert len(result.transport.copies) == 1


def test_what_must_not_be_kept_is_removed_at_the_end_last_first(lab: Lab) -> None:
    """6.3, 11.1."""
    lab.write("f")
    result = lab.run_tasks(
        '<put source="f" destination="/a" keep="false"/><put source="f" destination="/b"/>'
        '<put source="f" destination="/c" keep="false"/>'
    )
    assert result.transport.removed == [("n1", ("/c",)), ("n1", ("/a",))]
    assert [event.removed for event in result.of(CopiesRemoved)] == [1, 1]


# Fail, names, enabled


def test_a_fail_fails_with_its_text(lab: Lab) -> None:
    """6.6."""
    result = lab.run_tasks('<run>a</run><fail status="no luck"/><run>b</run>')
    assert result.commands() == ["a"]
    assert result.reasons() == ["no luck"]
    assert result.exit_code == 1


def test_a_fail_without_words_is_a_failure_too(lab: Lab) -> None:
    """6.6."""
    result = lab.run_tasks('<fail status=""/>')
    assert result.exit_code == 1
    assert result.reasons() == [""]


@pytest.mark.parametrize(
    "task",
    [
        "<run {}>x</run>",
        '<run stdin="none" {}>x</run>',
        '<put source="f" destination="/d" {}/>',
        '<get source="f" destination="d" {}/>',
        '<call tasklist="other" {}/>',
        '<fail status="x" {}/>',
        "<wait-for {}>x</wait-for>",
        '<wait-for port="80" {}/>',
        '<seq {}><fail status="x"/></seq>',
        '<par {}><fail status="x"/></par>',
    ],
)
def test_what_is_not_enabled_is_skipped(lab: Lab, task: str) -> None:
    """6.7."""
    lab.write("f")
    lab.write("none")
    disabled = task.format('name="off" enabled="false"')
    result = lab.run_tasks(
        f"{disabled}<run>after</run>", others='<tasklist name="other"><run>x</run></tasklist>'
    )
    assert result.commands() == ["after"]
    assert [asked.text for asked in result.asked] == ["after"]
    assert result.exit_code == 0
    assert result.outcome("off") is Outcome.SKIPPED
    assert len(result.of(TaskStarted)) == len(result.of(TaskFinished)) == 2


def test_a_skipped_run_has_no_logs(lab: Lab) -> None:
    result = lab.run_tasks('<run enabled="false">x</run><run>y</run>')
    skipped, done = result.of(RunStarted)
    assert skipped.stdout is None
    assert done.stdout is not None


@pytest.mark.parametrize("enabled", ["true", "1"])
def test_what_is_enabled_explicitly_runs(lab: Lab, enabled: str) -> None:
    """6.7."""
    assert lab.run_tasks(f'<run enabled="{enabled}">x</run>').commands() == ["x"]


# What runs leave behind


def test_what_a_run_left_behind_is_stopped_and_reported(lab: Lab) -> None:
    """6.2, 11.1."""
    lab.script("server &amp;".replace("&amp;", "&"), Script(leaves=("17 server",)))
    result = lab.run_tasks("<run>server &amp;</run><run>b</run>")
    event = result.one(LeftoverStopped)
    assert (event.target, event.task, event.processes) == ("n1", "run-1", ("17 server",))
    assert result.exit_code == 0


def test_what_a_run_leaves_running_on_purpose_is_not_stopped(lab: Lab) -> None:
    """6.2."""
    lab.script("server", Script(leaves=("17 server",)))
    result = lab.run_tasks('<run leave-running="true">server</run>')
    assert result.of(LeftoverStopped) == []
