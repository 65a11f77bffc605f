"""How far a run is just now, as its events tell it; its memory does not grow with the run."""

from __future__ import annotations

from collections import Counter, deque
from itertools import islice
from threading import Lock

from msgspec.structs import replace

from gplmt.events import (
    Event,
    ExperimentFinished,
    ExperimentStarted,
    Finished,
    GetFinished,
    GetStarted,
    IterationFinished,
    IterationStarted,
    LoopFinished,
    LoopStarted,
    Outcome,
    PutFinished,
    PutStarted,
    RunFinished,
    RunStarted,
    SignalReceived,
    Started,
    StepFinished,
    StepReached,
    StepStarted,
    TasklistFinished,
    TasklistStarted,
    TaskStarted,
    TeardownFinished,
    TeardownStarted,
    WaitForFinished,
    WaitForStarted,
)
from gplmt.recording.failures import Failure, failure_of
from gplmt.recording.summary import STEP_WORDS
from gplmt.reporting.glimpse import Glimpse, LoopStanding, TargetState, WorkStanding
from gplmt.reporting.tallies import StepTally, TargetTally

_MOST_FAILURES = 20
_STATES = {
    Outcome.OK: TargetState.OK,
    Outcome.SKIPPED: TargetState.OK,
    Outcome.FAILED: TargetState.FAILED,
    Outcome.TIMEOUT: TargetState.FAILED,
    Outcome.STOPPED: TargetState.STOPPED,
    Outcome.CANCELLED: TargetState.STOPPED,
}


class Standing:
    """Follows a run; a `Sink`. `glimpse` may be called by any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._beginning: ExperimentStarted | None = None
        self._targets: dict[str, TargetTally] = {}
        self._steps: dict[int, StepTally] = {}
        self._loops: dict[int, LoopStanding] = {}
        self._work: dict[int, WorkStanding] = {}
        self._in_background: set[int] = set()  # open spans of background steps, those included
        self._step_ends = Counter[str]()
        self._failures = deque[Failure](maxlen=_MOST_FAILURES)
        self._failure_count = 0
        self._signal_count = 0
        self._has_ended = False

    def receive(self, event: Event) -> None:
        """Take what matters of an event."""
        with self._lock:
            if isinstance(event, Started):
                self._begin(event)
            elif isinstance(event, Finished):
                self._end(event)
            elif isinstance(event, StepReached):
                self._reach(event)
            elif isinstance(event, SignalReceived):
                self._signal_count = event.count

    def close(self) -> None:
        """Nothing to give back."""

    def glimpse(self, *, most_work: int = 0) -> Glimpse | None:
        """What there is to see now; None before the experiment starts and after it has ended."""
        with self._lock:
            beginning = self._beginning
            if beginning is None or self._has_ended:
                return None
            steps = [step.standing() for step in self._steps.values()]
            return Glimpse(
                experiment=beginning.experiment,
                began=beginning.time,
                planned_end=beginning.planned_end,
                step_total=beginning.steps,
                step_ends=self._step_ends.copy(),
                targets=Counter(target.state for target in self._targets.values()),
                loops=tuple(self._loops.values()),
                steps=tuple(sorted(steps, key=lambda step: step.is_background)),
                work=self._oldest_work(most_work),
                failures=tuple(self._failures),
                failure_count=self._failure_count,
                signal_count=self._signal_count,
            )

    def _begin(self, event: Started) -> None:
        if event.parent in self._in_background:
            self._in_background.add(event.span)
        match event:
            case TasklistStarted():
                self._target(event.target).open_tasklists += 1
                if event.parent in self._steps:
                    self._steps[event.parent].running += 1
            case RunStarted() | PutStarted() | GetStarted() | WaitForStarted():
                self._work[event.span] = self._work_of(event)
            case StepStarted():
                self._steps[event.span].began = event.time
            case TeardownStarted():
                self._steps[event.span] = StepTally.of_teardown(event)
            case IterationStarted():
                self._iterate(event)
            case LoopStarted():
                self._loops[event.span] = LoopStanding(
                    name=event.loop,
                    at=event.at or "?",
                    began=event.time,
                    count=event.iterations,
                    planned_end=event.planned_end,
                )
            case ExperimentStarted():
                self._beginning = event
                self._targets = {name: TargetTally() for name in event.targets}

    def _end(self, event: Finished) -> None:
        self._in_background.discard(event.span)
        failure = failure_of(event)
        if failure is not None:
            self._note_failure(failure)
        match event:
            case TasklistFinished():
                self._end_tasklist(event)
            case RunFinished() | PutFinished() | GetFinished() | WaitForFinished():
                self._work.pop(event.span, None)
                if event.lost or event.outcome in (Outcome.OK, Outcome.FAILED):
                    self._target(event.target).is_lost = event.lost
            case StepFinished():
                self._steps.pop(event.span, None)
                self._step_ends[STEP_WORDS[event.outcome]] += 1
            case TeardownFinished():
                self._steps.pop(event.span, None)
            case IterationFinished() if event.parent in self._loops:
                loop = self._loops[event.parent]
                self._loops[event.parent] = replace(loop, done=loop.done + 1)
            case LoopFinished():
                self._loops.pop(event.span, None)
            case ExperimentFinished():
                self._has_ended = True

    def _reach(self, event: StepReached) -> None:
        if event.background:
            self._in_background.add(event.span)
        self._steps[event.span] = StepTally.of_step(event)

    def _end_tasklist(self, event: TasklistFinished) -> None:
        target = self._target(event.target)
        target.open_tasklists -= 1
        target.has_ended = True
        if event.parent in self._steps:
            step = self._steps[event.parent]
            state = TargetState.LOST if target.is_lost else _STATES[event.outcome]
            step.running -= 1
            step.ends[state] += 1

    def _iterate(self, event: IterationStarted) -> None:
        if event.parent in self._loops:
            self._loops[event.parent] = replace(
                self._loops[event.parent], iteration=event.iteration, parameters=event.parameters
            )

    def _note_failure(self, failure: Failure) -> None:
        self._failures.append(failure)
        self._failure_count += 1
        if failure.target is not None:
            self._target(failure.target).has_failed = True

    def _work_of(self, event: TaskStarted) -> WorkStanding:
        return WorkStanding(
            target=event.target,
            task=f"{event.tasklist}.{event.task}",
            at=event.at or "?",
            began=event.time,
            is_background=event.span in self._in_background,
        )

    def _target(self, name: str) -> TargetTally:
        target = self._targets.get(name)
        if target is None:
            target = self._targets[name] = TargetTally()
        return target

    def _oldest_work(self, most: int) -> tuple[WorkStanding, ...]:
        """In the order in which they began; those of background steps only if there is room."""
        foreground = (work for work in self._work.values() if not work.is_background)
        background = (work for work in self._work.values() if work.is_background)
        found = list(islice(foreground, most))
        return (*found, *islice(background, most - len(found)))
