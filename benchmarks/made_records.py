"""Run directories of runs that never took place, of any size, made with gplmt's own classes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gplmt.events import (
    Event,
    ExperimentFinished,
    ExperimentStarted,
    Outcome,
    RecordOpened,
    RunFinished,
    RunStarted,
    StepFinished,
    StepReached,
    StepStarted,
    TasklistFinished,
    TasklistStarted,
)
from gplmt.loading import load
from gplmt.recording.jsonl import JsonLines
from gplmt.recording.logs import LogFiles
from gplmt.recording.rundir import RunDirectory

_BEGIN = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
_PLANNED_AFTER = timedelta(seconds=10)
_FAILS_EACH = 29  # targets
_OUTPUT = b"probe: opening the device\nprobe: cannot open net0: no such device\n"


def make_run(root: Path, *, targets: int, tasks: int) -> Path:
    """The directory of a run of two steps with `tasks` commands in all on each target.

    The second step has a planned start. On one target in 29 its first command fails.
    """
    root.mkdir(parents=True, exist_ok=True)
    names = [f"node{number:04d}" for number in range(targets)]
    counts = {"prepare": tasks // 3, "measure": tasks - tasks // 3}
    file = root / "lab.xml"
    file.write_text(_document(names, counts))
    loaded = load(
        str(file), include_directories=(), host_environment={}, working_directory=root, now=_BEGIN
    )
    directory = RunDirectory.create(root, loaded.experiment, now=_BEGIN, arguments=["run", "lab"])
    story = _Story(str(file), names, LogFiles(directory.path))
    events = sorted(story.events(counts), key=lambda event: event.time)
    record = JsonLines(directory.events)
    for event in events:
        record.receive(event)
    record.close()
    directory.finish(Outcome.FAILED, exit_code=1, now=events[-1].time)
    return directory.path


def _document(names: Sequence[str], counts: dict[str, int]) -> str:
    lines = ["<experiment>", "<targets>"]
    lines += [f'<target name="{name}" type="local"/>' for name in names]
    lines += ["</targets>", "<tasklists>"]
    for tasklist, count in counts.items():
        lines.append(f'<tasklist name="{tasklist}">')
        lines += [f'<run expected-status="0">probe {number}</run>' for number in range(count)]
        lines.append("</tasklist>")
    lines += ["</tasklists>", "<steps>"]
    lines += [f'<step name="{each}" tasklist="{each}" targets="*"/>' for each in counts]
    return "\n".join([*lines, "</steps>", "</experiment>", ""])


class _Story:
    """What the run is told to have done; `file` is the experiment's."""

    def __init__(self, file: str, names: Sequence[str], logs: LogFiles) -> None:
        self._file = file
        self._names = names
        self._logs = logs
        self._chance = random.Random(1)
        self._spans = iter(range(1, 10**9))
        self._line = len(names) + 5  # of the first tasklist

    def events(self, counts: dict[str, int]) -> Iterator[Event]:
        """All of the run, not in their order."""
        at, whole, now = f"{self._file}:1", next(self._spans), _BEGIN
        yield RecordOpened(time=_BEGIN, format=1, gplmt="0.1.0")
        yield ExperimentStarted(
            time=_BEGIN,
            span=whole,
            at=at,
            experiment="lab",
            run_id="lab",
            targets=tuple(self._names),
            steps=len(counts),
        )
        for step, count in counts.items():
            for event in self._step(step, count, now, parent=whole):
                yield event
                now = max(now, event.time)
        yield ExperimentFinished(
            time=now,
            span=whole,
            at=at,
            outcome=Outcome.FAILED,
            experiment="lab",
            exit_code=1,
            failures=len(self._failing("measure")),
        )

    def _failing(self, step: str) -> tuple[str, ...]:
        return tuple(self._names[::_FAILS_EACH]) if step == "measure" else ()

    def _step(self, step: str, count: int, now: datetime, *, parent: int) -> Iterator[Event]:
        span, at = next(self._spans), f"{self._file}:{self._line}"
        planned = now + _PLANNED_AFTER if step == "measure" else None
        start = now if planned is None else planned + timedelta(milliseconds=3)
        yield StepReached(
            time=now,
            span=span,
            parent=parent,
            at=at,
            step=step,
            tasklist=step,
            targets=tuple(self._names),
            planned_start=planned,
        )
        yield StepStarted(time=start, span=span, parent=parent, at=at, step=step, tasklist=step)
        end = start
        for name in self._names:
            for event in self._tasklist(step, count, name, start, parent=span):
                yield event
                end = max(end, event.time)
        failed = self._failing(step)
        yield StepFinished(
            time=end,
            span=span,
            parent=parent,
            at=at,
            outcome=Outcome.FAILED if failed else Outcome.OK,
            step=step,
            tasklist=step,
            failed=failed,
        )
        self._line += count + 2

    def _tasklist(
        self, step: str, count: int, target: str, start: datetime, *, parent: int
    ) -> Iterator[Event]:
        span, at = next(self._spans), f"{self._file}:{self._line}"
        now = start + timedelta(milliseconds=self._chance.uniform(0, 400))
        yield TasklistStarted(
            time=now, span=span, parent=parent, at=at, target=target, step=step, tasklist=step
        )
        is_failing = target in self._failing(step)
        for number in range(count):
            took = self._chance.expovariate(1 / 2.0) + 0.05
            yield from self._run(step, number, target, now, took, parent=span, fails=is_failing)
            now += timedelta(seconds=took)
            if is_failing:
                break
        yield TasklistFinished(
            time=now,
            span=span,
            parent=parent,
            at=at,
            outcome=Outcome.FAILED if is_failing else Outcome.OK,
            target=target,
            step=step,
            tasklist=step,
        )

    def _run(
        self,
        step: str,
        number: int,
        target: str,
        now: datetime,
        took: float,
        *,
        parent: int,
        fails: bool,
    ) -> Iterator[Event]:
        span, at = next(self._spans), f"{self._file}:{self._line + number + 1}"
        task = f"run-{number + 1}"
        paths = self._logs.assign(target=target, tasklist=step, task=task)
        if fails:
            for log, output in zip(self._logs.open(paths), (b"", _OUTPUT), strict=True):
                log.write(output)
                log.close()
        yield RunStarted(
            time=now,
            span=span,
            parent=parent,
            at=at,
            target=target,
            step=step,
            tasklist=step,
            task=task,
            stdout=paths.stdout,
            stderr=paths.stderr,
        )
        yield RunFinished(
            time=now + timedelta(seconds=took),
            span=span,
            parent=parent,
            at=at,
            outcome=Outcome.FAILED if fails else Outcome.OK,
            reason="exited with status 1, expected 0" if fails else None,
            target=target,
            step=step,
            tasklist=step,
            task=task,
            seconds=took,
            status=int(fails),
            stdout=paths.stdout,
            stderr=paths.stderr,
        )
