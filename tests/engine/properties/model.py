"""Generated experiments as values of our own, which neither the loader nor the planner has seen.

All moments and durations are seconds; absolute ones count from the start of the run. Names are
given by `naming`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

NODES = ("n1", "n2", "n3")
GROUPS = {"pair": ("n2", "n3"), "all": ("pair", "n1", "n3")}
EVERY_NODE = "n*"


class Run(Struct, frozen=True, kw_only=True):
    name: str = ""
    command: str = "c0"
    expected: int | None = None
    limit: float | None = None
    retries: int = 0
    delay: float = 0
    enabled: bool = True


class WaitFor(Struct, frozen=True, kw_only=True):
    """With `is_port`, waits for a port that the command's text stands for."""

    name: str = ""
    command: str = "c0"
    is_port: bool = False
    limit: float = 3
    interval: float = 1
    enabled: bool = True


class Copy(Struct, frozen=True, kw_only=True):
    name: str = ""
    is_put: bool = True
    path: str = "/p0"
    keep: bool = True
    limit: float | None = None
    retries: int = 0
    delay: float = 0
    enabled: bool = True


class Call(Struct, frozen=True, kw_only=True):
    name: str = ""
    tasklist: int = 0
    expects_success: bool | None = None
    enabled: bool = True


class Fail(Struct, frozen=True, kw_only=True):
    name: str = ""
    enabled: bool = True


class Block(Struct, frozen=True, kw_only=True):
    """A seq or a par."""

    name: str = ""
    tasks: tuple[Task, ...] = ()
    is_par: bool = False
    max_parallel: int | None = None
    enabled: bool = True


Task = Run | WaitFor | Copy | Call | Fail | Block


class Tasklist(Struct, frozen=True, kw_only=True):
    name: str = ""
    tasks: tuple[Task, ...] = ()
    on_error: str = "stop-tasklist"
    cleanup: int | None = None
    limit: float | None = None

    @property
    def reaches_further(self) -> bool:
        return self.on_error in ("stop-step", "stop-experiment")


class Step(Struct, frozen=True, kw_only=True):
    name: str = ""
    tasklist: int = 0
    targets: tuple[str, ...] = ("n1",)
    background: bool = False
    start: float | None = None
    start_is_absolute: bool = False
    stop: float | None = None
    stop_is_absolute: bool = False
    max_parallel: int | None = None
    min_success: str | None = None
    enabled: bool = True

    @property
    def nodes(self) -> tuple[str, ...]:
        return nodes_of(self.targets)

    @property
    def required(self) -> int:
        """How many targets must not fail (7.6)."""
        count = len(self.nodes)
        if self.min_success is None:
            return count
        if self.min_success.endswith("%"):
            return -(-count * int(self.min_success[:-1]) // 100)
        return int(self.min_success)


class Barrier(Struct, frozen=True, kw_only=True):
    targets: tuple[str, ...] | None = None


class Teardown(Struct, frozen=True, kw_only=True):
    tasklist: int = 0
    targets: tuple[str, ...] = ("n1",)
    value: str | None = None


class Loop(Struct, frozen=True, kw_only=True):
    """Exactly one of `times`, `duration`, `until` and `sweep` is given."""

    name: str = ""
    body: tuple[Item, ...] = ()
    times: int | None = None
    duration: float | None = None
    until: float | None = None
    sweep: tuple[tuple[str, ...], ...] = ()
    enabled: bool = True


Item = Step | Barrier | Teardown | Loop


class Experiment(Struct, frozen=True, kw_only=True):
    tasklists: tuple[Tasklist, ...]
    items: tuple[Item, ...]
    limit: float | None = None


class Behaviour(Struct, frozen=True, kw_only=True):
    """How a command goes on a node: its status is 0 when it starts at `good_from` or later."""

    status: int = 0
    seconds: float = 0
    good_from: float = 1000
    is_lost: bool = False
    is_lost_when_stopped: bool = False
    leaves: bool = False

    def fails(self, begin: float) -> bool:
        return begin < self.good_from and (self.status != 0 or self.is_lost)


def nodes_of(words: Sequence[str]) -> tuple[str, ...]:
    """The nodes that words mean, in their order, each once (4.3, 4.5)."""
    return tuple(dict.fromkeys(node for word in words for node in _meant(word)))


def _meant(word: str) -> Iterator[str]:
    if word == EVERY_NODE:
        yield from NODES
    elif word in GROUPS:
        for member in GROUPS[word]:
            yield from _meant(member)
    else:
        yield word


def walk(items: Sequence[Item]) -> Iterator[Item]:
    """All items, a loop before its body."""
    for item in items:
        yield item
        if isinstance(item, Loop):
            yield from walk(item.body)


def involved(loop: Loop) -> set[str]:
    """The nodes for which a synchronize waits for a loop (9.1, 9.4)."""
    found: set[str] = set()
    for item in loop.body if loop.enabled else ():
        if isinstance(item, Step) and item.enabled and not item.background:
            found |= set(item.nodes)
        elif isinstance(item, Loop):
            found |= involved(item)
    return found


def tasks_of(tasks: Sequence[Task]) -> Iterator[Task]:
    """All tasks, one before those in it."""
    for task in tasks:
        yield task
        if isinstance(task, Block):
            yield from tasks_of(task.tasks)
