"""Values that are hard to write down load again as they were."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gplmt.language.experiment import Experiment
from gplmt.language.steps import Loop, Step
from gplmt.language.tasks import Run
from gplmt.loading import load
from gplmt.recording.render import render

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _load(file: Path) -> Experiment:
    return load(str(file), host_environment={}, working_directory=file.parent, now=NOW).experiment


def _twice(directory: Path, *, steps: str = "", tasks: str = "") -> tuple[Experiment, Experiment]:
    """What a document means, and what its rendering means."""
    file = directory / "lab.xml"
    file.write_text(
        "<experiment><description/><targets><target name='a' type='local'/></targets><tasklists>"
        f"<tasklist name='t'>{tasks}</tasklist></tasklists><steps>{steps}</steps></experiment>"
    )
    once = _load(file)
    again = directory / "experiment.xml"
    again.write_text(render(once, directory=directory))
    return once, _load(again)


@pytest.mark.parametrize(
    "duration",
    [
        "P200000DT0.123456S",
        "PT9007199254.740993S",
        "P999999999DT86399.999999S",
        "P999999999D",
        "PT0.000001S",
        "P99999DT1S",
    ],
)
def test_durations_are_exact(tmp_path: Path, duration: str) -> None:
    once, again = _twice(tmp_path, tasks=f'<run timeout="{duration}"/>')

    (run,), (run_again,) = once.tasklists["t"].tasks, again.tasklists["t"].tasks
    assert isinstance(run, Run)
    assert isinstance(run_again, Run)
    assert run.timeout == run_again.timeout


@pytest.mark.parametrize(
    "least", ["999999999999999999", "33.333333333333336%", "0.0000000000000001%", "0%", "100%"]
)
def test_quorums_are_exact(tmp_path: Path, least: str) -> None:
    once, again = _twice(
        tmp_path,
        steps=f'<step tasklist="t" targets="a" enabled="false" min-success="{least}"/>',
    )

    (step,), (step_again,) = once.steps, again.steps
    assert isinstance(step, Step)
    assert isinstance(step_again, Step)
    assert step.min_success == step_again.min_success


def test_moments_before_there_were_time_zones_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "LMT-00:53:28")
    time.tzset()
    try:
        once, again = _twice(
            tmp_path,
            steps='<step tasklist="t" targets="a" start_absolute="1850-01-01T00:00:00"/>'
            '<loop until="1850-01-01T00:00:00"><step tasklist="t" targets="a"/></loop>',
        )
    finally:
        monkeypatch.undo()
        time.tzset()

    (step, loop), (step_again, loop_again) = once.steps, again.steps
    assert isinstance(step, Step)
    assert isinstance(step_again, Step)
    assert step.start == step_again.start
    assert isinstance(loop, Loop)
    assert isinstance(loop_again, Loop)
    assert loop.iterations == loop_again.iterations


def test_a_range_stays_a_range_whatever_space_is_around_it(tmp_path: Path) -> None:
    once, again = _twice(
        tmp_path,
        steps='<loop param="P" list="&#160;1:5"><step tasklist="t" targets="a"/></loop>',
    )

    (loop,), (loop_again,) = once.steps, again.steps
    assert isinstance(loop, Loop)
    assert isinstance(loop_again, Loop)
    assert loop.iterations == loop_again.iterations


def test_labels_that_were_chosen_stay_the_same(tmp_path: Path) -> None:
    name = "x" * 100
    once, again = _twice(
        tmp_path,
        tasks=f'<run name="run"/><run/><run name="run"/><run name="{name}"/><run name="{name}"/>',
    )

    assert [task.label for task in once.tasklists["t"].tasks] == [
        task.label for task in again.tasklists["t"].tasks
    ]


def test_a_description_that_is_empty_is_there(tmp_path: Path) -> None:
    once, again = _twice(tmp_path)

    assert (once.description, again.description) == ("", "")
