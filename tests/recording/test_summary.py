from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gplmt.events import (
    AttemptFailed,
    CallFinished,
    CopiesRemoved,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    FailFinished,
    IterationStarted,
    LeftoverStopped,
    Outcome,
    RunFinished,
    RunStarted,
    SignalReceived,
    StepFinished,
    StepReached,
    StepStarted,
    SynchronizeStarted,
    TasklistFinished,
    TasklistStarted,
    TeardownFinished,
    TeardownStarted,
    WaitForFinished,
    WarningIssued,
)
from gplmt.recording.jsonl import JsonLines, read_events
from gplmt.recording.logs import tail
from gplmt.recording.progress import Progress
from gplmt.recording.summary import Summary, render_summary

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
OK, FAILED = Outcome.OK, Outcome.FAILED


def _started() -> ExperimentStarted:
    return ExperimentStarted(
        time=NOW,
        span=1,
        at="lab.xml:1",
        experiment="lab",
        run_id="lab-20261123T101500Z",
        targets=("n1", "n2"),
    )


def _ended(
    outcome: Outcome = OK, *, exit_code: int = 0, reason: str | None = None, seconds: float = 83.25
) -> ExperimentFinished:
    return ExperimentFinished(
        time=NOW + timedelta(seconds=seconds),
        span=1,
        at="lab.xml:1",
        experiment="lab",
        outcome=outcome,
        reason=reason,
        exit_code=exit_code,
        failures=0,
    )


def _reached(span: int, name: str = "build") -> StepReached:
    return StepReached(
        time=NOW, span=span, parent=1, at="lab.xml:9", step=name, tasklist="t", targets=("n1", "n2")
    )


def _step(
    span: int, outcome: Outcome = OK, *, name: str = "build", tolerated: tuple[str, ...] = ()
) -> StepFinished:
    return StepFinished(
        time=NOW,
        span=span,
        parent=1,
        at="lab.xml:9",
        step=name,
        tasklist="t",
        outcome=outcome,
        tolerated=tolerated,
    )


def _run(
    *,
    span: int = 5,
    parent: int | None = None,
    target: str = "node3",
    outcome: Outcome = FAILED,
    reason: str | None = "exited with status 2, expected 0",
    iteration: str | None = None,
    excused: bool = False,
) -> RunFinished:
    return RunFinished(
        time=NOW,
        span=span,
        parent=parent,
        at="lab.xml:31",
        target=target,
        step="build",
        iteration=iteration,
        tasklist="compile",
        task="1",
        seconds=0.5,
        outcome=outcome,
        reason=reason,
        excused=excused,
        stdout=f"logs/{target}/0007-compile.1.out",
        stderr=f"logs/{target}/0007-compile.1.err",
    )


def _tasklist(span: int, parent: int, target: str) -> TasklistStarted:
    return TasklistStarted(
        time=NOW, span=span, parent=parent, target=target, step="build", tasklist="compile"
    )


def _summary(events: Iterable[Event], logs: dict[str, bytes] | None = None) -> str:
    summary = Summary()
    for event in events:
        summary.receive(event)
    summary.close()
    texts = logs or {}
    return render_summary(
        summary,
        run_directory="gplmt-runs/lab-20261123T101500Z",
        read_tail=lambda log: texts.get(log, b""),
    )


def test_a_run_without_failures_is_told_in_four_lines() -> None:
    events = [_started(), _reached(2), _step(2), _reached(3), _step(3), _ended()]
    assert _summary(events) == (
        "steps: 2 ok\n"
        "time: 1 min 23.2 s\n"
        "result: ok (exit code 0)\n"
        "run directory: gplmt-runs/lab-20261123T101500Z"
    )


def test_a_failure_is_told_with_place_target_status_log_and_last_lines() -> None:
    events = [
        _started(),
        _reached(2),
        _run(),
        _step(2, FAILED),
        _step(3, Outcome.STOPPED),
        _step(4, Outcome.SKIPPED),
        _ended(FAILED, exit_code=1, seconds=2.5),
    ]
    logs = {"logs/node3/0007-compile.1.err": b"gcc: no input\n\x1b[31mfatal\x1b[0m\n\xff\tlast"}
    assert _summary(events, logs) == (
        "lab.xml:31: error: run 'compile.1' on node3 exited with status 2, expected 0; "
        "see logs/node3/0007-compile.1.err\n"
        "    gcc: no input\n"
        "    ?[31mfatal?[0m\n"
        "    �       last\n"
        "steps: 1 failed, 1 stopped, 1 skipped\n"
        "time: 2.5 s\n"
        "result: failed (exit code 1)\n"
        "run directory: gplmt-runs/lab-20261123T101500Z"
    )


def test_where_stderr_is_empty_stdout_is_shown() -> None:
    text = _summary([_run()], {"logs/node3/0007-compile.1.out": b"1 test failed\n"})
    assert "see logs/node3/0007-compile.1.out\n    1 test failed\n" in text


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (_run(reason="timed out after 5 s", outcome=Outcome.TIMEOUT), "node3 timed out after 5 s;"),
        (_run(reason="cannot write logs/x: no space"), "node3 failed: cannot write logs/x: no sp"),
        (_run(iteration="2.0"), "node3 in iteration 2.0 exited with status 2"),
        (
            FailFinished(
                time=NOW,
                span=3,
                at="lab.xml:4",
                target="n1",
                step="s",
                tasklist="t",
                task="fail-1",
                seconds=0,
                outcome=FAILED,
                reason="",
            ),
            "lab.xml:4: error: fail 't.fail-1' on n1 failed\n",
        ),
        (
            WaitForFinished(
                time=NOW,
                span=3,
                at="lab.xml:4",
                target="n1",
                step="s",
                tasklist="t",
                task="up",
                seconds=0,
                attempts=9,
                outcome=Outcome.TIMEOUT,
                reason="localhost:80 took no connection within 30 s",
            ),
            "lab.xml:4: error: wait-for 't.up' on n1 failed: localhost:80 took no connection",
        ),
        (
            TasklistFinished(
                time=NOW,
                span=3,
                at="lab.xml:4",
                target="n1",
                step="s",
                tasklist="wipe",
                cleanup=True,
                outcome=Outcome.TIMEOUT,
                reason="timed out after 1 min",
            ),
            "lab.xml:4: error: cleanup 'wipe' on n1 timed out after 1 min\n",
        ),
    ],
)
def test_every_kind_of_failure_reads_as_a_sentence(event: Event, line: str) -> None:
    assert line in _summary([event])


@pytest.mark.parametrize(
    "event",
    [
        # the failure of an inner task passes through a call and a tasklist
        CallFinished(
            time=NOW,
            span=3,
            target="n1",
            step="s",
            tasklist="t",
            task="call-1",
            seconds=0,
            calls="u",
            outcome=FAILED,
        ),
        TasklistFinished(
            time=NOW, span=3, target="n1", step="s", tasklist="t", outcome=Outcome.TIMEOUT
        ),
        # 7.2: a call with expected-status="1" asked for it
        _run(excused=True),
        # 7.2: being stopped is no failure
        _run(outcome=Outcome.STOPPED, reason="stopped"),
        # 7.2: a later attempt may make it good
        AttemptFailed(
            time=NOW,
            span=3,
            at="lab.xml:1",
            target="n1",
            step="s",
            tasklist="t",
            task="run-1",
            attempt=1,
            reason="exited with status 1",
        ),
    ],
)
def test_what_is_no_failure_of_its_own_is_not_told(event: Event) -> None:
    assert "error" not in _summary([event])


def test_failures_within_a_met_quorum_are_warnings() -> None:
    # 7.6
    text = _summary(
        [
            _started(),
            _reached(2),
            _reached(3),  # another step of the same name, on the same target, whose failure counts
            StepStarted(time=NOW, span=2, step="build", tasklist="t"),
            _tasklist(10, 2, "n1"),
            _tasklist(11, 3, "n1"),
            _run(span=20, parent=10, target="n1"),
            _run(span=21, parent=11, target="n1"),
            _step(3, FAILED),
            _step(2, tolerated=("n1",)),
            _ended(FAILED, exit_code=1),
        ]
    )
    failure = "run 'compile.1' on n1 exited with status 2, expected 0; see logs/n1/"
    assert text.count(f"lab.xml:31: error: {failure}") == 1
    assert text.count(f"lab.xml:31: warning: tolerated: {failure}") == 1


def test_of_many_failures_the_first_are_told_and_the_rest_counted() -> None:
    text = _summary(_run(span=span, target=f"n{span}") for span in range(5000))
    assert text.count("error:") == 20
    assert "\nand 4980 more failures; see events.jsonl\n" in text


def test_memory_does_not_grow_with_the_number_of_failures() -> None:
    summary = Summary()
    for span in range(0, 20_000, 4):
        summary.receive(_reached(span))
        summary.receive(_tasklist(span + 1, span, "n1"))
        summary.receive(
            RunStarted(
                time=NOW, span=span + 2, parent=span + 1, target="n1", step="", tasklist="", task=""
            )
        )
        summary.receive(_run(span=span + 2, parent=span + 1, target="n1"))
        summary.receive(
            TasklistFinished(
                time=NOW, span=span + 1, target="n1", step="", tasklist="", outcome=FAILED
            )
        )
        summary.receive(_step(span, tolerated=("n1",) if span % 8 else ()))
    assert (summary.failure_count, summary.tolerated_count) == (2500, 2500)
    assert len(summary.failures) == 1000
    assert len(summary.tolerated) <= 1000
    assert not summary._open._parents
    assert not summary._open._steps
    assert not summary._counts


def test_what_was_left_behind_is_told() -> None:
    text = _summary(
        [
            LeftoverStopped(
                time=NOW,
                at="lab.xml:7",
                target="n1",
                step="s",
                tasklist="serve",
                task="run-1",
                processes=("123 sleep", "124 python3"),
            ),
            CopiesRemoved(time=NOW, at="lab.xml:8", target="n1", removed=3),
            CopiesRemoved(time=NOW, at="lab.xml:8", target="n2", removed=3, remaining=("/a b",)),
        ]
    )
    assert text.startswith(
        "lab.xml:7: note: stopped what run 'serve.run-1' had left running on n1: "
        "123 sleep, 124 python3\n"
        "lab.xml:8: warning: could not remove from n2: /a b\n"
        "steps: none\n"
    )


@pytest.mark.parametrize(
    ("ending", "result"),
    [
        (
            _ended(Outcome.CANCELLED, exit_code=130, reason="interrupted by SIGINT"),
            "interrupted by SIGINT (exit code 130)",
        ),
        (
            _ended(FAILED, exit_code=1, reason="the experiment ran over its timeout of 5 s"),
            "failed: the experiment ran over its timeout of 5 s (exit code 1)",
        ),
    ],
)
def test_the_result_says_why_it_is_not_ok(ending: ExperimentFinished, result: str) -> None:
    assert f"\nresult: {result}\n" in _summary([_started(), ending])


def test_a_record_that_ends_early_has_a_summary_too() -> None:
    assert _summary([_started(), _reached(2), _run()]).endswith(
        "steps: none\n"
        "time: not known\n"
        "result: the record ends before the experiment does\n"
        "run directory: gplmt-runs/lab-20261123T101500Z"
    )


def test_the_summary_of_an_old_run_comes_from_its_files_alone(tmp_path: Path) -> None:
    record = JsonLines(tmp_path / "events.jsonl")
    steps = [_reached(2), _run(), _step(2, FAILED)]
    for written in [_started(), *steps, _ended(FAILED, exit_code=1)]:
        record.receive(written)
    record.close()
    log = tmp_path / "logs/node3/0007-compile.1.err"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"1\n2\n3\n4\n")
    summary = Summary()
    for event in read_events(tmp_path / "events.jsonl"):
        summary.receive(event)
    text = render_summary(
        summary,
        run_directory=str(tmp_path),
        read_tail=lambda path: tail(tmp_path / path, max_lines=3, max_bytes=4096),
    )
    assert "0007-compile.1.err\n    2\n    3\n    4\nsteps: 1 failed\n" in text


def _told(*events: Event, tells_facts: bool) -> list[str]:
    lines: list[str] = []
    progress = Progress(lines.append, tells_facts=tells_facts)
    for event in events:
        progress.receive(event)
    progress.close()
    return lines


def test_warnings_and_signals_are_told_always() -> None:
    assert _told(
        _started(),
        WarningIssued(time=NOW, at="lab.xml:3", message="nothing uses target 'x'"),
        WarningIssued(time=NOW, message="the clock jumped"),
        _run(),
        SignalReceived(time=NOW, signal="SIGINT", count=1),
        SignalReceived(time=NOW, signal="SIGTERM", count=2),
        tells_facts=False,
    ) == [
        "lab.xml:3: warning: nothing uses target 'x'",
        "warning: the clock jumped",
        "got SIGINT; ending the experiment, once more to kill what runs",
        "got SIGTERM; killing what runs, skipping the rest of the ending",
    ]


def test_each_step_and_failure_is_told_in_a_line_where_that_is_wanted() -> None:
    later = NOW + timedelta(seconds=12.5)
    lines = _told(
        _started(),
        _reached(2),
        StepReached(
            time=NOW,
            span=3,
            at="lab.xml:10",
            step="late",
            tasklist="t",
            targets=("n1",),
            planned_start=datetime(2027, 1, 31, 18, tzinfo=UTC),
        ),
        StepReached(
            time=NOW,
            span=3,
            at="lab.xml:10",
            step="past",
            tasklist="t",
            targets=("n1",),
            planned_start=NOW - timedelta(days=1),
        ),
        StepStarted(time=NOW, span=2, at="lab.xml:9", step="build", tasklist="t", iteration="2"),
        IterationStarted(
            time=NOW,
            span=4,
            at="lab.xml:11",
            loop="loop-1",
            iteration="0",
            parameters={"SIZE": "10", "API_KEY": "hidden"},
        ),
        SynchronizeStarted(time=NOW, span=5, at="lab.xml:12"),
        SynchronizeStarted(time=NOW, span=6, at="lab.xml:13", targets=("n1", "n2")),
        AttemptFailed(
            time=NOW,
            span=7,
            at="lab.xml:31",
            target="n1",
            step="build",
            tasklist="compile",
            task="1",
            attempt=1,
            reason="timed out after 5 s",
        ),
        _run(),
        StepFinished(
            time=later,
            span=2,
            at="lab.xml:9",
            step="build",
            tasklist="t",
            outcome=FAILED,
            failed=tuple(f"n{i}" for i in range(12)),
        ),
        _step(3, tolerated=("n1",)),
        TeardownStarted(
            time=NOW, span=8, at="lab.xml:14", step="teardown-1", tasklist="off", targets=("n1",)
        ),
        TeardownFinished(
            time=NOW, span=8, at="lab.xml:14", step="teardown-1", tasklist="off", outcome=OK
        ),
        tells_facts=True,
    )
    assert lines == [
        "[    0.000 s] lab.xml:1: lab starts on n1, n2",
        "[    0.000 s] lab.xml:10: step 'late' waits until 2027-01-31 18:00:00 UTC",
        "[    0.000 s] lab.xml:9: step 'build' in iteration 2 starts",
        "[    0.000 s] lab.xml:11: loop-1 iteration 0 with SIZE=10, API_KEY=***",
        "[    0.000 s] lab.xml:12: waiting for all",
        "[    0.000 s] lab.xml:13: waiting for n1, n2",
        "[    0.000 s] lab.xml:31: attempt 1 of 'compile.1' on n1: timed out after 5 s; "
        "trying again",
        "[    0.000 s] lab.xml:31: run 'compile.1' on node3 exited with status 2, expected 0",
        "[   12.500 s] lab.xml:9: step 'build' has failed on n0, n1, n2, n3, n4, n5, n6, n7, n8, "
        "n9 and 2 more",
        "[    0.000 s] lab.xml:9: step 'build' is done, tolerating failures on n1",
        "[    0.000 s] lab.xml:14: teardown-1 'off' starts on n1",
        "[    0.000 s] lab.xml:14: teardown-1 'off' is done",
    ]
