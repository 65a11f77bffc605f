"""Strategies for whole scenarios: an experiment, how its commands go, and what comes from outside.

Numbers are small and whole, so that much happens at the same moments.
"""

from __future__ import annotations

from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from tests.engine.properties.drawing_steps import items
from tests.engine.properties.drawing_tasks import COMMANDS, PATHS, tasklists
from tests.engine.properties.model import (
    NODES,
    Behaviour,
    Block,
    Experiment,
    Fail,
    Item,
    Loop,
    Run,
    Step,
    Task,
)
from tests.engine.properties.naming import named
from tests.engine.properties.rendering import render

_DURATIONS = (0, 1, 1, 2, 2, 3, 5, 8)
_SECONDS = (0, 0, 1, 1, 1, 2, 2, 3, 4, 6, 9, 13)  # most runs are short
_TURNS = (0, 0, 1, 2, 3, 5, 8, 13)


class Scenario(Struct, frozen=True, kw_only=True):
    """A moment is so many seconds, and then so many turns of the event loop, after the start."""

    experiment: Experiment
    behaviours: dict[str, Behaviour]
    signals: tuple[tuple[float, int], ...] = ()
    cancelled_at: tuple[float, int] | None = None
    stop_seconds: float = 0

    def behaviour(self, node: str, command: str) -> Behaviour:
        """How a command goes on a node; what is said of it on this node comes first."""
        for key in (f"{command}@{node}", command):
            if key in self.behaviours:
                return self.behaviours[key]
        return Behaviour(seconds=1) if command == "tick" else Behaviour()

    def __repr__(self) -> str:
        document = render(self.experiment)
        behaviours = "\n".join(
            f"  {name}: {one}"
            for name, one in self.behaviours.items()
            if name.split("@")[0] in document and one != Behaviour()
        )
        return (
            f"\n{document}\n{behaviours}\nsignals={self.signals} "
            f"cancelled_at={self.cancelled_at} stop_seconds={self.stop_seconds}"
        )


@st.composite
def scenarios(draw: st.DrawFn, *, is_cancelled: bool = False) -> Scenario:
    """Any experiments of the whole language; with signals, or cancelled from outside."""
    return replace(draw(_scenarios(is_cancelled=is_cancelled)))  # a copy is shown as XML


@st.composite
def knowable_scenarios(draw: st.DrawFn) -> Scenario:
    """Those that the oracle knows: no command takes as long as another."""
    experiment = draw(experiments())
    behaviours = {"tick": Behaviour(seconds=1.0073)}
    for rank, name in enumerate((*COMMANDS, *PATHS)):
        one = draw(_behaviours())
        bad = draw(st.sampled_from((NODES, NODES, NODES, ("n1",), ("n2",))))
        for place, node in enumerate(NODES):
            fraction = ((3 * rank + place) * 37 % 101 + 1) / 1000
            behaviours[f"{name}@{node}"] = replace(
                one if node in bad else Behaviour(),
                seconds=one.seconds + fraction,
                is_lost_when_stopped=False,
                leaves=False,
            )
    return Scenario(
        experiment=_knowable(experiment),
        behaviours=behaviours,
        signals=tuple((moment + 0.437, 0) for moment, _ in draw(_signals(1))),
    )


def _knowable(experiment: Experiment) -> Experiment:
    """Without what the oracle does not know, and with little that meets at one moment."""
    limit = None if experiment.limit is None else experiment.limit + 0.291
    items = tuple(_knowable_item(item) for item in experiment.items)
    tasklists = tuple(
        replace(one, tasks=tuple(_knowable_task(task, rank) for task in one.tasks))
        for rank, one in enumerate(experiment.tasklists)
    )
    return replace(experiment, items=items, tasklists=tasklists, limit=limit)


def _knowable_item(item: Item) -> Item:
    if isinstance(item, Step):
        return replace(item, max_parallel=None, min_success=None)
    if isinstance(item, Loop):
        return replace(item, body=tuple(_knowable_item(one) for one in item.body))
    return item


def _knowable_task(task: Task, rank: int) -> Task:
    match task:
        case Fail():  # at once, on all targets and in all branches
            command = COMMANDS[rank % len(COMMANDS)]
            return Run(name=task.name, command=command, expected=0, enabled=task.enabled)
        case Block():
            tasks = tuple(_knowable_task(one, rank) for one in task.tasks)
            return replace(task, max_parallel=None, tasks=tasks)
        case _:
            return task


def _scenarios(*, is_cancelled: bool) -> st.SearchStrategy[Scenario]:
    signals = _signals(2)
    return st.builds(
        Scenario,
        experiment=experiments(),
        behaviours=st.fixed_dictionaries({name: _behaviours() for name in (*COMMANDS, *PATHS)}),
        signals=st.just(()) if is_cancelled else signals,
        cancelled_at=_moments() if is_cancelled else st.none(),
        stop_seconds=st.sampled_from((0, 0, 2, 6)),
    )


def experiments() -> st.SearchStrategy[Experiment]:
    """Small experiments that make use of everything."""
    return st.builds(
        Experiment,
        items=items(depth=2),
        tasklists=tasklists(),
        limit=st.one_of(st.none(), st.none(), st.none(), st.integers(1, 20)),
    ).map(named)


def _signals(most: int) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    counts = [st.lists(_moments(), min_size=count, max_size=count) for count in range(most + 1)]
    return st.one_of(*counts).map(lambda moments: tuple(sorted(moments)))


def _moments() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.sampled_from(_SECONDS), st.sampled_from(_TURNS))


def _behaviours() -> st.SearchStrategy[Behaviour]:
    return st.builds(
        Behaviour,
        seconds=st.sampled_from(_DURATIONS),
        status=st.sampled_from((0, 0, 1, 1)),
        good_from=st.sampled_from((1000, 1000, 2, 5)),
        is_lost=st.sampled_from((False, False, False, False, True)),
        is_lost_when_stopped=st.sampled_from((False, False, False, True)),
        leaves=st.sampled_from((False, False, False, True)),
    )
