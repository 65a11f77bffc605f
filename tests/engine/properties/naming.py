"""Drawn experiments made whole: names for everything, and references that lead somewhere.

Strategies draw any numbers as references, so that what they draw can be cut down anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from msgspec.structs import replace

from tests.engine.properties.model import (
    Barrier,
    Block,
    Call,
    Experiment,
    Item,
    Loop,
    Run,
    Step,
    Task,
    Tasklist,
)

_TICK = Run(name="tick", command="tick")


def named(experiment: Experiment) -> Experiment:
    """Calls and cleanups lead to later tasklists only; the last tasklist takes a second."""
    tasklists = experiment.tasklists
    whole = tuple(_tasklist(one, rank, len(tasklists)) for rank, one in enumerate(tasklists))
    tick = Tasklist(name="tick", tasks=(_TICK,))
    return replace(
        experiment,
        tasklists=(*whole, tick),
        items=_Items(len(tasklists)).named(experiment.items),
    )


def _tasklist(tasklist: Tasklist, rank: int, total: int) -> Tasklist:
    later = total - rank - 1
    cleanup = tasklist.cleanup
    if cleanup is not None:
        cleanup = rank + 1 + cleanup % later if later else None
    numbers = count(1)
    return replace(
        tasklist,
        name=f"t{rank}",
        cleanup=cleanup,
        tasks=_tasks(tasklist.tasks, rank, total, numbers),
    )


def _tasks(tasks: Sequence[Task], rank: int, total: int, numbers: count[int]) -> tuple[Task, ...]:
    return tuple(_task(task, rank, total, numbers) for task in tasks)


def _task(task: Task, rank: int, total: int, numbers: count[int]) -> Task:
    name, later = f"a{next(numbers)}", total - rank - 1
    match task:
        case Call() if later:
            return replace(task, name=name, tasklist=rank + 1 + task.tasklist % later)
        case Call():
            return Run(name=name, enabled=task.enabled)
        case Block():
            return replace(task, name=name, tasks=_tasks(task.tasks, rank, total, numbers))
        case _:
            return replace(task, name=name)


class _Items:
    def __init__(self, tasklists: int) -> None:
        self._tasklists = tasklists
        self._steps, self._loops = count(1), count(1)

    def named(self, items: Sequence[Item]) -> tuple[Item, ...]:
        return tuple(self._item(item) for item in items)

    def _item(self, item: Item) -> Item:
        match item:
            case Step():
                return self._step(item)
            case Loop():
                name = f"loop-{next(self._loops)}"
                body = self.named(item.body)
                if item.duration is not None or item.until is not None:
                    body = (self._tick(), *body)  # time must pass
                return replace(item, name=name, body=body)
            case Barrier():
                return item
            case _:
                return replace(item, tasklist=item.tasklist % self._tasklists)

    def _tick(self) -> Step:
        return Step(name=f"s{next(self._steps)}", tasklist=self._tasklists)

    def _step(self, step: Step) -> Step:
        required = step.min_success
        if required is not None and not required.endswith("%"):
            required = str(min(int(required), len(step.nodes)))
        return replace(
            step,
            name=f"s{next(self._steps)}",
            tasklist=step.tasklist % self._tasklists,
            min_success=required,
        )
