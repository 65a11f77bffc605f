"""A run beside the experiment that it was to be, for the rules to look at."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from gplmt.events import (
    IterationStarted,
    LoopStarted,
    StepReached,
    TaskStarted,
    TeardownStarted,
)
from tests.engine.properties.history import FAILED, Span, seconds
from tests.engine.properties.model import (
    Block,
    Item,
    Loop,
    Step,
    Task,
    Tasklist,
    Teardown,
    tasks_of,
    walk,
)
from tests.engine.properties.running import Ran, Seen

TOLERANCE = 1e-4  # virtual time adds up floats, and events round them


class Case:
    """What the rules are held against."""

    def __init__(self, ran: Ran) -> None:
        self.ran = ran
        self.history = ran.history
        self.events = ran.history.events
        self.scenario = ran.scenario
        self.experiment = ran.scenario.experiment
        items = list(walk(self.experiment.items))
        self._tasklists = {one.name: one for one in self.experiment.tasklists}
        self._steps = {item.name: item for item in items if isinstance(item, Step)}
        self._loops = {item.name: item for item in items if isinstance(item, Loop)}
        self._asked: dict[int, list[Seen]] = {}
        for command, seen in ran.commands():
            self._asked.setdefault(int(command.identity.split(".")[0]), []).append(seen)

    def tasklist(self, span: Span) -> Tasklist:
        """The one that a span runs, or is part of."""
        return self._tasklists[span.tasklist]

    def name_of(self, tasklist: int | None) -> str | None:
        return None if tasklist is None else self.experiment.tasklists[tasklist].name

    def task(self, span: Span) -> Task:
        assert isinstance(span.begin, TaskStarted)
        tasks = tasks_of(self.tasklist(span).tasks)
        return next(task for task in tasks if task.name == span.begin.task)

    def asked(self, span: Span) -> list[Seen]:
        """The commands of a task, in their order."""
        return self._asked.get(span.begin.span, [])

    def block(self, span: Span) -> Block:
        task = self.task(span)
        assert isinstance(task, Block)
        return task

    def step(self, span: Span) -> Step:
        return self._steps[span.step]

    def loop(self, span: Span) -> Loop:
        assert isinstance(span.begin, LoopStarted | IterationStarted)
        return self._loops[span.begin.loop]

    def body(self, span: Span) -> tuple[Item, ...]:
        """The items of an iteration or of the experiment."""
        if isinstance(span.begin, IterationStarted):
            return self.loop(span).body
        return self.experiment.items

    def loops(self) -> list[Span]:
        return self.history.of(LoopStarted)

    def teardown_items(self) -> list[Teardown]:
        return [item for item in walk(self.experiment.items) if isinstance(item, Teardown)]

    @property
    def cut_at(self) -> int | None:
        """The position from which on the ending may be skipped: second signal, cancellation."""
        if self.ran.cancelled_at is not None:
            return self.ran.cancelled_at[1]
        return self.history.signals[1][1] if len(self.history.signals) > 1 else None

    @property
    def foreground_end(self) -> float:
        """When the foreground is ended from outside; infinity if it is not."""
        moments = [moment for moment, _ in self.history.signals]
        if self.ran.cancelled_at is not None:
            moments.append(self.ran.cancelled_at[0])
        if self.experiment.limit is not None:
            moments.append(self.experiment.limit)
        return min(moments, default=inf)

    def foreground(self) -> Iterator[Span]:
        """All steps that are reached, and what is in those that are not in the background."""
        for step in self.history.of(StepReached):
            yield step
            if not self.step(step).background:
                yield from step.inside()

    def start_time(self, step: Span) -> float:
        """The moment before which nothing of a step may begin (8.2)."""
        item = self.step(step)
        if item.start is None:
            return seconds(step.begin)
        if item.start_is_absolute:
            return item.start
        return seconds(step.begin) + item.start

    def stop_time(self, step: Span) -> float:
        """When a step has to stop (8.3); infinity if never."""
        item = self.step(step)
        if item.stop is None:
            return inf
        if item.stop_is_absolute:
            return max(item.stop, seconds(step.begin))
        if step.started is None:
            return inf if item.stop else self.start_time(step)
        return seconds(step.started) + item.stop

    def is_far_failure(self, span: Span) -> bool:
        """Whether a tasklist's failure stops more than itself, a quorum aside (7.1)."""
        if not span.is_tasklist or span.belongs_to_cleanup() or span.outcome not in FAILED:
            return False
        return self.tasklist(span).reaches_further

    def stops_experiment(self, span: Span) -> bool:
        return self.is_far_failure(span) and self.tasklist(span).on_error == "stop-experiment"

    def holds_far_failure(self, span: Span) -> bool:
        return any(self.is_far_failure(one) for one in span.inside())

    def is_teardown(self, span: Span | None) -> bool:
        return span is not None and isinstance(span.begin, TeardownStarted)
