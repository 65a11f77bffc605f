"""What the record of a run tells (DESIGN: each `…Started` has its `…Finished`).

That spans pair up and form a tree, that reasons are told once and that the exit code agrees is
looked at after every run in the lab: see `tests.support.record`.
"""

from __future__ import annotations

import pytest

from gplmt.events import (
    CallFinished,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    FailFinished,
    Finished,
    GetFinished,
    IterationFinished,
    LoopFinished,
    Outcome,
    ParFinished,
    PutFinished,
    RunFinished,
    RunStarted,
    SeqFinished,
    Started,
    StepFinished,
    StepReached,
    SynchronizeFinished,
    TaskFinished,
    TasklistFinished,
    TeardownFinished,
    TeardownRegistered,
    WaitForFinished,
)
from tests.support.lab import Lab, Result

DOCUMENT = """<experiment>
  <targets>
    <target name="n1" type="local"/>
    <target name="n2" type="local"/>
  </targets>
  <tasklists>
    <tasklist name="all" cleanup="tidy">
      <run>r</run>
      <put source="f" destination="/d"/>
      <get source="s" destination="d"/>
      <wait-for>w</wait-for>
      <seq>
        <par>
          <run
            name="deep">r</run>
        </par>
      </seq>
      <call tasklist="fails"/>
    </tasklist>
    <tasklist name="fails"><fail status="x"/></tasklist>
    <tasklist name="tidy">
      <run>t</run>
    </tasklist>
  </tasklists>
  <steps>
    <register-teardown tasklist="tidy" targets="n1"/>
    <loop repeat="1">
      <step tasklist="all" targets="n1"/>
      <synchronize/>
    </loop>
    <step tasklist="tidy" targets="n1" enabled="false"/>
  </steps>
</experiment>
"""


@pytest.fixture
def result(lab: Lab) -> Result:
    lab.write("f")
    lab.takes("r", 1.5)
    return lab.run(DOCUMENT)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (ExperimentFinished, [1]),
        (RunFinished, [8, 14, 22, 22]),
        (PutFinished, [9]),
        (GetFinished, [10]),
        (WaitForFinished, [11]),
        (SeqFinished, [12]),
        (ParFinished, [13]),
        (CallFinished, [18]),
        (FailFinished, [20]),
        (TeardownFinished, [26]),
        (TeardownRegistered, [26]),
        (LoopFinished, [27]),
        (IterationFinished, [27]),
        (StepReached, [31, 28]),
        (StepFinished, [31, 28]),
        (SynchronizeFinished, [29]),
        (TasklistFinished, [20, 21, 7, 21]),
    ],
)
def test_each_event_names_the_line_it_comes_from(
    result: Result, kind: type[Event], line: list[int]
) -> None:
    places = [getattr(event, "at", "") for event in result.of(kind)]
    assert [int(place.rpartition(":")[2]) for place in places] == line
    assert {place.rpartition("/")[2].partition(":")[0] for place in places} == {"lab.xml"}


def test_the_events_nest_as_the_document_does(result: Result) -> None:
    begun = {
        event.span: event for event in result.events if isinstance(event, Started | StepReached)
    }
    deep = result.one(RunStarted, task="deep")
    path: list[str] = []
    span: int | None = deep.span
    while span is not None:
        path.append(type(begun[span]).__name__.removesuffix("Started"))
        span = begun[span].parent
    assert path == ["Run", "Par", "Seq", "Tasklist", "Step", "Iteration", "Loop", "Experiment"]


def test_tasks_are_told_by_name_or_by_rank(result: Result) -> None:
    labels = [event.task for event in result.of(TaskFinished, tasklist="all")]
    assert labels == ["run-1", "put-2", "get-3", "wait-for-4", "deep", "par-6", "seq-5", "call-8"]


def test_tasks_tell_how_long_they_took(result: Result) -> None:
    assert result.one(RunFinished, task="deep").seconds == 1.5
    assert result.one(SeqFinished).seconds == 1.5


def test_a_run_tells_its_logs_when_it_begins_and_when_it_ends(result: Result) -> None:
    begin, end = result.one(RunStarted, task="deep"), result.one(RunFinished, task="deep")
    assert (begin.stdout, begin.stderr) == ("logs/n1/all.deep.out", "logs/n1/all.deep.err")
    assert (end.stdout, end.stderr) == (begin.stdout, begin.stderr)


def test_the_experiment_tells_its_targets_and_how_it_ended(result: Result) -> None:
    begin, end = result.one(ExperimentStarted), result.one(ExperimentFinished)
    assert begin.targets == ("n1",)
    assert (begin.experiment, begin.run_id) == ("lab", "run")
    assert (end.exit_code, end.failures, end.outcome) == (1, 1, Outcome.FAILED)


def test_only_the_teardown_is_told_under_its_own_name(result: Result) -> None:
    (event,) = result.of(TasklistFinished, step="teardown-1")
    assert (event.tasklist, event.iteration, event.cleanup) == ("tidy", None, False)


def test_outcomes_are_those_of_the_things_themselves(result: Result) -> None:
    """A plain call has done its work, also if what it called has failed."""
    assert {
        type(event).__name__.removesuffix("Finished"): event.outcome
        for event in result.of(Finished)
        if event.outcome is not Outcome.OK
    } == {
        "Fail": Outcome.FAILED,
        "Tasklist": Outcome.FAILED,
        "Iteration": Outcome.FAILED,
        "Loop": Outcome.FAILED,
        "Step": Outcome.FAILED,
        "Experiment": Outcome.FAILED,
    }
