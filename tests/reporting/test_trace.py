"""Chrome traces: what Perfetto and its like are given to open."""

from __future__ import annotations

import json
import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gplmt.cli.main import main
from gplmt.events import (
    Event,
    ExperimentFinished,
    ExperimentStarted,
    Outcome,
    RunFinished,
    RunStarted,
    StepFinished,
    StepReached,
    StepStarted,
    TasklistFinished,
    TasklistStarted,
)
from gplmt.recording.jsonl import JsonLines
from gplmt.reporting.recorded import RecordedRun
from gplmt.reporting.trace import render_trace
from tests.reporting.conftest import Recorded
from tests.support.program import Program, document, one

COLOURS = {"good", "bad", "terrible", "grey", "white", "yellow", "black"}
KEYS = {
    "X": {"name", "cat", "ph", "ts", "dur", "pid", "tid", "cname", "args"},
    "i": {"name", "cat", "ph", "ts", "pid", "tid", "s", "args"},
    "M": {"name", "ph", "pid", "tid", "args"},
}
TracedEvent = dict[str, object]


class Traced:
    """A trace, after it has been held against the format."""

    def __init__(self, run: RecordedRun) -> None:
        content = json.loads(render_trace(run))
        assert set(content) == {"traceEvents", "displayTimeUnit", "otherData"}
        self.about = content["otherData"]
        self.events: list[dict[str, object]] = content["traceEvents"]
        for event in self.events:
            check(event)
        self.slices = [event for event in self.events if event["ph"] == "X"]
        check_nesting(self.slices)
        self._check_names()

    def _check_names(self) -> None:
        named = {(e["pid"], e["tid"]) for e in self.events if e["name"] == "thread_name"}
        assert {(e["pid"], e["tid"]) for e in self.events if e["ph"] != "M"} <= named
        assert {pid for pid, _ in named} == set(self.processes.values())

    @property
    def processes(self) -> dict[str, int]:
        """The processes by name."""
        return {
            str(dict_of(event)["name"]): number(event, "pid")
            for event in self.events
            if event["name"] == "process_name"
        }

    def of(self, process: str) -> list[TracedEvent]:
        """The slices of a process."""
        return [each for each in self.slices if each["pid"] == self.processes[process]]

    def one(self, name: str, cat: str | None = None) -> TracedEvent:
        """The only event of this name."""
        (found,) = (e for e in self.events if e["name"] == name and cat in (None, e.get("cat")))
        return found

    def instants(self, cat: str) -> list[TracedEvent]:
        """What happened, of one kind."""
        return [event for event in self.events if event["ph"] == "i" and event["cat"] == cat]


def dict_of(event: TracedEvent) -> dict[str, object]:
    args = event["args"]
    assert isinstance(args, dict)
    return args


def number(event: TracedEvent, key: str) -> int:
    value = event[key]
    assert isinstance(value, int)
    return value


def check(event: TracedEvent) -> None:
    """Whether an event is as the format wants it."""
    phase = str(event["ph"])
    assert set(event) == KEYS[phase]
    assert isinstance(event["name"], str)
    assert event["name"]
    assert all(number(event, key) >= 0 for key in ("ts", "dur", "pid", "tid") if key in event)
    assert event.get("cname", "good") in COLOURS
    assert event.get("s", "t") in ("g", "p", "t")
    dict_of(event)


def check_nesting(slices: list[TracedEvent]) -> None:
    """Whether slices of each track lie one in another or apart, as viewers take for granted."""
    tracks = defaultdict(list)
    for each in slices:
        begin = number(each, "ts")
        tracks[each["pid"], each["tid"]].append((begin, -begin - number(each, "dur")))
    for on_track in tracks.values():
        around: list[int] = []
        for begin, minus_end in sorted(on_track):
            while around and around[-1] <= begin:
                around.pop()
            assert not around or -minus_end <= around[-1]
            around.append(-minus_end)


def test_a_target_is_a_process_and_tasks_lie_in_their_tasklists(recorded: Recorded) -> None:
    text = document(
        targets="n2 n1",
        tasklists='<tasklist name="t"><run name="a">true</run><call tasklist="u"/></tasklist>'
        '<tasklist name="u"><run name="b" expected-status="3">exit 3</run></tasklist>',
        steps='<step name="s" tasklist="t" targets="n2 n1"/><synchronize/>',
    )
    traced = Traced(recorded(text))
    assert list(traced.processes) == ["experiment", "n2", "n1"]
    for target in ("n1", "n2"):
        slices = traced.of(target)
        assert [each["name"] for each in slices] == ["t", "a", "call-2 u", "u", "b"]
        assert {each["tid"] for each in slices} == {1}
        assert {each["cname"] for each in slices} == {"good"}
        args = dict_of(slices[-1])
        assert (args["status"], args["outcome"], args["at"]) == (3, "ok", "lab.xml:3")
        assert args["stdout"] == f"logs/{target}/0002-u.b.out"
    assert {each["name"] for each in traced.of("experiment")} == {"lab", "s", "synchronize"}
    assert traced.about["outcome"] == "ok"


def test_what_goes_on_at_once_is_on_several_tracks(recorded: Recorded) -> None:
    branch = "<seq><run>sleep 0.2</run><run>true</run></seq>"
    text = document(
        tasklists=f'<tasklist name="p"><par>{branch * 3}</par><run>true</run></tasklist>'
        '<tasklist name="server"><run>sleep 60</run></tasklist>',
        steps='<step tasklist="server" targets="n1" background="true"/>'
        '<step tasklist="p" targets="n1"/><step tasklist="p" targets="n1"/>',
    )
    traced = Traced(recorded(text))
    tracks = {each["tid"] for each in traced.of("n1") if dict_of(each)["tasklist"] == "p"}
    assert len(tracks) == 6
    for seq in (each for each in traced.of("n1") if each["cat"] == "seq"):
        inside = [each for each in traced.of("n1") if lies_in(each, seq)]
        assert len(inside) == 2
    (server,) = (each for each in traced.of("n1") if each["name"] == "server")
    assert (server["cname"], dict_of(server)["outcome"]) == ("grey", "stopped")


def lies_in(inner: TracedEvent, outer: TracedEvent) -> bool:
    begin, end = number(outer, "ts"), number(outer, "ts") + number(outer, "dur")
    return (
        inner is not outer
        and inner["tid"] == outer["tid"]
        and begin <= number(inner, "ts")
        and number(inner, "ts") + number(inner, "dur") <= end
    )


def test_loops_and_their_iterations_lie_around_steps(recorded: Recorded) -> None:
    text = document(
        tasklists='<tasklist name="t"><run>true</run></tasklist>',
        steps='<loop list="7 8" param="TOKEN"><step name="s" tasklist="t" targets="n1"/></loop>'
        '<step name="late" tasklist="t" targets="n1" start_relative="PT0.2S"/>',
    )
    traced = Traced(recorded(text))
    second = traced.one("iteration 1")
    assert dict_of(second)["parameters"] == {"TOKEN": "***"}
    assert lies_in(traced.one("s in iteration 1"), second)
    waiting, late = traced.one("waiting for its start time"), traced.one("late")
    assert lies_in(waiting, late)
    assert number(waiting, "dur") >= 200_000


def test_failures_warnings_and_teardowns_are_marked_where_they_happened(
    recorded: Recorded,
) -> None:
    text = document(
        targets="n1 n2",
        tasklists='<tasklist name="t"><run name="x" expected-status="0">'
        "test $GPLMT_TARGET = n1</run></tasklist><tasklist name='idle'/>"
        '<tasklist name="bad"><run timeout="PT0.1S">sleep 9</run></tasklist>',
        steps='<register-teardown tasklist="t" targets="n1"/>'
        '<step tasklist="t" targets="n1 n2" min-success="1"/><step tasklist="bad" targets="n1"/>',
    )
    traced = Traced(recorded(text, exit_code=1))
    failure, tolerated = traced.one("failure"), traced.one("tolerated failure")
    assert failure["pid"] == traced.processes["n1"]
    assert tolerated["pid"] == traced.processes["n2"]
    assert "timed out after 0.1 s" in str(dict_of(failure)["what"])
    slow = next(each for each in traced.of("n1") if dict_of(each)["outcome"] == "timeout")
    assert (slow["cname"], number(failure, "ts")) == (
        "bad",
        number(slow, "ts") + number(slow, "dur"),
    )
    (warning,) = traced.instants("warning")
    assert "idle" in str(dict_of(warning)["message"])
    assert dict_of(traced.one("teardown-1 registered"))["tasklist"] == "t"
    assert traced.one("teardown-1 t")["cat"] == "teardown"


def test_what_a_killed_run_had_begun_lasts_until_its_record_ends(program: Program) -> None:
    run = program.start(one("<run name='x'>echo begun; sleep 60</run>"), "--no-report")
    run.until_shown("n1 | begun").send(signal.SIGKILL)
    run.process.wait()
    traced = Traced(RecordedRun(run.run_directory))
    assert {dict_of(each)["outcome"] for each in traced.slices} == {"unfinished"}
    ends = {number(each, "ts") + number(each, "dur") for each in traced.slices}
    assert len(ends) == 1
    assert traced.about["outcome"] == "unfinished"


def test_signals_are_marked(program: Program) -> None:
    run = program.start(one("<run name='x'>echo begun; sleep 60</run>"), "--no-report")
    run.until_shown("n1 | begun").send(signal.SIGTERM).wait()
    traced = Traced(RecordedRun(run.run_directory))
    (mark,) = traced.instants("signal")
    assert (mark["name"], mark["s"], dict_of(mark)["count"]) == ("SIGTERM", "g", 1)
    assert traced.one("x")["cname"] == "yellow"


def test_what_gplmt_cleanup_did_is_there(
    program: Program, capfd: pytest.CaptureFixture[str]
) -> None:
    text = document(
        tasklists='<tasklist name="t" cleanup="tidy"><run>echo begun; sleep 60</run></tasklist>'
        '<tasklist name="tidy"><run>true</run></tasklist>',
        steps='<step tasklist="t" targets="n1"/>',
    )
    run = program.start(text, "--no-report").until_shown("n1 | begun").send(signal.SIGKILL)
    run.process.wait()
    assert main(["cleanup", str(run.run_directory)]) == 0, capfd.readouterr().err
    traced = Traced(RecordedRun(run.run_directory))
    assert traced.one("gplmt cleanup")["pid"] == traced.processes["experiment"]
    assert dict_of(traced.one("tidy (cleanup)"))["outcome"] == "ok"


def crowd(targets: int, tasks: int) -> Iterator[Event]:
    """The record of a step on many targets, all at once, with several tasks on each."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    names = tuple(f"n{number}" for number in range(targets))
    yield ExperimentStarted(time=now, span=1, experiment="lab", run_id="lab-1", targets=names)
    yield StepReached(
        time=now, span=2, parent=1, at="lab.xml:3", step="s", tasklist="t", targets=names
    )
    yield StepStarted(time=now, span=2, parent=1, step="s", tasklist="t")
    last = now + timedelta(seconds=tasks + 1)
    for index, target in enumerate(names):
        yield from crowded(target, 3 + index * (tasks + 1), tasks, now, last)
    ok = Outcome.OK
    yield StepFinished(time=last, span=2, parent=1, step="s", tasklist="t", outcome=ok)
    yield ExperimentFinished(
        time=last, span=1, outcome=ok, experiment="lab", exit_code=0, failures=0
    )


def crowded(target: str, span: int, tasks: int, first: datetime, last: datetime) -> Iterator[Event]:
    """What goes on on one of the targets."""
    yield TasklistStarted(time=first, span=span, parent=2, target=target, step="s", tasklist="t")
    for rank in range(1, tasks + 1):
        began = first + timedelta(seconds=rank)
        task, own = f"run-{rank}", span + rank
        yield RunStarted(
            time=began, span=own, parent=span, target=target, step="s", tasklist="t", task=task
        )
        yield RunFinished(
            time=began + timedelta(milliseconds=900),
            span=own,
            parent=span,
            target=target,
            step="s",
            tasklist="t",
            task=task,
            outcome=Outcome.OK,
            seconds=0.9,
            status=0,
        )
    yield TasklistFinished(
        time=last,
        span=span,
        parent=2,
        target=target,
        step="s",
        tasklist="t",
        outcome=Outcome.OK,
    )


def test_the_command_writes_it_into_the_run_directory(recorded: Recorded) -> None:
    run = recorded(one("<run>true</run>"))
    assert main(["report", "gplmt-runs/latest", "--format", "trace"]) == 0
    assert (run.path / "trace.json").read_bytes() == render_trace(run)


def replaced(run: RecordedRun, events: Iterable[Event]) -> RecordedRun:
    """The run as if these were the events of it."""
    (run.path / "events.jsonl").unlink()
    record = JsonLines(run.path / "events.jsonl")
    for event in events:
        record.receive(event)
    record.close()
    return RecordedRun(run.path)


def test_a_clock_that_was_set_back_harms_nothing(recorded: Recorded) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    moments = ((2, 0, 100), (3, 0, 100), (4, 200, 210), (5, 50, 150))  # spans, begins, ends
    times = [
        *((span, began, True) for span, began, _ in moments[:2]),
        *((span, ended, False) for span, _, ended in moments[:2]),
        *((4, 200, True), (4, 210, False), (5, 50, True), (5, 150, False)),
    ]
    place = {"target": "n1", "step": "s", "tasklist": "t"}
    events: list[Event] = [
        ExperimentStarted(time=now, span=1, experiment="lab", run_id="lab-1", targets=("n1",))
    ]
    for span, seconds, is_beginning in times:
        time_ = now + timedelta(seconds=seconds)
        events.append(
            TasklistStarted(time=time_, span=span, parent=1, **place)  # type: ignore[arg-type]
            if is_beginning
            else TasklistFinished(
                time=time_,
                span=span,
                parent=1,
                outcome=Outcome.OK,
                **place,  # type: ignore[arg-type]
            )
        )
    traced = Traced(replaced(recorded(one("<run>true</run>")), events))
    assert len(traced.of("n1")) == 4


def test_a_thousand_targets_take_no_minute(recorded: Recorded) -> None:
    run = replaced(recorded(one("<run>true</run>")), crowd(1000, 10))
    began = time.monotonic()
    content = render_trace(RecordedRun(run.path))
    assert time.monotonic() - began < 20  # a second where nothing else runs
    assert len(json.loads(content)["traceEvents"]) == 11_002 + 4 * 1000 + 4
