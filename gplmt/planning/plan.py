"""What will happen: steps resolved to nodes and environments, before anything is started."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from gplmt.diagnostics import Location
from gplmt.inventory import Inventory, Member, evaluate
from gplmt.language.experiment import Experiment
from gplmt.language.steps import (
    Item,
    Iterations,
    Loop,
    MinSuccess,
    RegisterTeardown,
    Step,
    Synchronize,
)
from gplmt.language.targets import ExportEnv
from gplmt.language.tasks import Call, Par, Seq, Task, Tasklist


class Launch(Struct, frozen=True, kw_only=True):
    """A step on its nodes; `start` and `stop` are relative (timedelta) or absolute (aware)."""

    at: Location
    name: str
    tasklist: str
    members: tuple[Member, ...]
    environment: Mapping[str, str]
    start: timedelta | datetime | None
    stop: timedelta | datetime | None
    background: bool
    max_parallel: int | None
    min_success: MinSuccess | None
    enabled: bool


class Barrier(Struct, frozen=True, kw_only=True):
    """A synchronize; `nodes` None waits for all that was reached before."""

    at: Location
    nodes: tuple[str, ...] | None


class Repeat(Struct, frozen=True, kw_only=True):
    """A loop; `nodes` are those that have a part in its end, nested loops included."""

    at: Location
    label: str
    iterations: Iterations
    environment: Mapping[str, str]
    body: tuple[PlanItem, ...]
    nodes: frozenset[str]
    enabled: bool


class Teardown(Struct, frozen=True, kw_only=True):
    """A tasklist that runs at the end on its nodes, once this item has been reached."""

    at: Location
    tasklist: str
    members: tuple[Member, ...]
    environment: Mapping[str, str]


PlanItem = Launch | Barrier | Repeat | Teardown


class Plan(Struct, frozen=True, kw_only=True):
    """A whole experiment, ready to run."""

    at: Location
    name: str
    description: str | None
    timeout: timedelta | None
    items: tuple[PlanItem, ...]
    tasklists: Mapping[str, Tasklist]

    def members(self) -> dict[str, Member]:
        """The nodes that steps and teardowns use, by name, in order of first use."""
        return _members(walk(self.items))

    def enabled_members(self) -> dict[str, Member]:
        """Those of `members` on which something is to run: what is not enabled uses none."""
        return _members(_enabled(self.items))


def walk(items: tuple[PlanItem, ...]) -> Iterator[PlanItem]:
    """All items in document order, a loop before its body."""
    for item in items:
        yield item
        if isinstance(item, Repeat):
            yield from walk(item.body)


def lasting_tasklists(plan: Plan) -> tuple[Tasklist, ...]:
    """The tasklists that are to run however the run ends: cleanups, teardowns, what they call."""
    cleanups = (each.cleanup for each in plan.tasklists.values() if each.cleanup is not None)
    teardowns = (item.tasklist for item in walk(plan.items) if isinstance(item, Teardown))
    return reachable_tasklists(plan.tasklists, [*cleanups, *teardowns])


def reachable_tasklists(
    tasklists: Mapping[str, Tasklist], names: Iterable[str]
) -> tuple[Tasklist, ...]:
    """These tasklists, all they call and all that clean up after them, in document order."""
    reached: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in reached:
            continue
        reached.add(name)
        tasklist = tasklists[name]
        pending += _called(tasklist.tasks)
        if tasklist.cleanup is not None:
            pending.append(tasklist.cleanup)
    return tuple(tasklist for name, tasklist in tasklists.items() if name in reached)


def _called(tasks: tuple[Task, ...]) -> Iterator[str]:
    for task in tasks:
        if isinstance(task, Call):
            yield task.tasklist
        elif isinstance(task, Seq | Par):
            yield from _called(task.tasks)


def _enabled(items: tuple[PlanItem, ...]) -> Iterator[PlanItem]:
    for item in items:
        match item:
            case Repeat():
                yield from _enabled(item.body) if item.enabled else ()
            case Launch(enabled=False):
                pass
            case _:
                yield item


def _members(items: Iterable[PlanItem]) -> dict[str, Member]:
    found: dict[str, Member] = {}
    for item in items:
        if isinstance(item, Launch | Teardown):
            for member in item.members:
                found.setdefault(member.node.name, member)
    return found


def make_plan(experiment: Experiment, inventory: Inventory) -> Plan:
    """Resolve the steps of a checked experiment."""
    planner = _Planner(inventory)
    return Plan(
        at=experiment.at,
        name=experiment.name,
        description=experiment.description,
        timeout=experiment.timeout,
        items=planner.items(experiment.steps),
        tasklists=experiment.tasklists,
    )


class _Planner:
    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def items(self, items: tuple[Item, ...]) -> tuple[PlanItem, ...]:
        return tuple(self._item(item) for item in items)

    def _item(self, item: Item) -> PlanItem:
        match item:
            case Step():
                return self._launch(item)
            case Synchronize():
                return Barrier(at=item.at, nodes=self._nodes(item.targets))
            case RegisterTeardown():
                return Teardown(
                    at=item.at,
                    tasklist=item.tasklist,
                    members=self._inventory.members(item.targets),
                    environment=self._values(item.environment),
                )
            case Loop():
                return self._repeat(item)

    def _launch(self, step: Step) -> Launch:
        return Launch(
            at=step.at,
            name=step.name,
            tasklist=step.tasklist,
            members=self._inventory.members(step.targets),
            environment=self._values(step.environment),
            start=step.start,
            stop=step.stop,
            background=step.background,
            max_parallel=step.max_parallel,
            min_success=step.min_success,
            enabled=step.enabled,
        )

    def _repeat(self, loop: Loop) -> Repeat:
        body = self.items(loop.body)
        return Repeat(
            at=loop.at,
            label=loop.label,
            iterations=loop.iterations,
            environment=self._values(loop.environment),
            body=body,
            nodes=frozenset(_involved(body)),
            enabled=loop.enabled,
        )

    def _nodes(self, targets: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if targets is None:
            return None
        return tuple(member.node.name for member in self._inventory.members(targets))

    def _values(self, environment: tuple[ExportEnv, ...]) -> Mapping[str, str]:
        return evaluate(environment, self._inventory.host_environment)[0] if environment else {}


def _involved(items: tuple[PlanItem, ...]) -> Iterator[str]:
    """The nodes that somebody may have to wait for; background steps are nobody's (9.4)."""
    for item in items:
        match item:
            case Launch(enabled=True, background=False):
                yield from (member.node.name for member in item.members)
            case Repeat(enabled=True):
                yield from item.nodes
