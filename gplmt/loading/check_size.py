"""Steps, nodes and variables multiply: what an experiment comes to has a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gplmt.diagnostics import Faults
from gplmt.inventory import Inventory, is_pattern
from gplmt.language.experiment import Experiment
from gplmt.language.steps import Item, Loop, RegisterTeardown, Step, Sweep, Synchronize
from gplmt.language.targets import GroupTarget, name_of

MAX_SIZE = 10_000_000  # each takes some 50 bytes, and up to a microsecond
_SIZE_PER_BYTE = 10  # of the documents: what they write out may be as much as they like
_NODE = 10
_COMPARISON = 4  # of a name with a pattern


class Size:
    """Adds up what the steps of an experiment reach, without building any of it."""

    def __init__(self, experiment: Experiment, inventory: Inventory, faults: Faults) -> None:
        self._targets = experiment.targets
        self._inventory = inventory
        self._faults = faults
        written = sum(len(source.content) for source in experiment.sources)
        self._left = MAX_SIZE + _SIZE_PER_BYTE * written
        self._nodes: dict[tuple[str, ...], int] = {}

    def admits(self, items: Sequence[Item], *, depth: int = 0, variables: int = 0) -> bool:
        """Whether the checks, and a plan, can afford these items; where not is told, once.

        They stand in `depth` loops, which set so many `variables`.
        """
        for item in items:
            match item:
                case Step() | RegisterTeardown():
                    nodes = self._node_count(item.targets)
                    self._left -= nodes * depth
                    if item.environment:
                        self._left -= variables + len(item.environment)
                case Synchronize():
                    nodes = self._node_count(item.targets or ())
                    self._left -= nodes
                case Loop():
                    inner = variables + _variable_count(item)
                    self._left -= inner
                    if not self.admits(item.body, depth=depth + 1, variables=inner):
                        return False
            if self._left < 0:
                problem = f"all steps on all their nodes come to more than {MAX_SIZE} here"
                self._faults.error(item.at, problem, "divide the experiment into several")
                return False
        return True

    def _node_count(self, words: tuple[str, ...]) -> int:
        count = self._nodes.get(words)
        if count is None:
            count = self._nodes[words] = sum(1 for _ in self._reach(words))
        return count

    def _reach(self, words: tuple[str, ...]) -> Iterator[str]:
        """The nodes that the inventory would find, their variables only counted."""
        reached: set[str] = set()
        waiting = [(name, 0) for name in self._matches(words)]
        while waiting and self._left >= 0:
            name, variables = waiting.pop()
            target = self._targets.get(name)
            if target is None or name in reached:
                continue
            reached.add(name)
            variables += len(target.environment)
            if isinstance(target, GroupTarget):
                waiting += [(name_of(member), variables) for member in reversed(target.members)]
            else:
                self._left -= _NODE + variables + len(target.document_environment)
                yield name

    def _matches(self, words: tuple[str, ...]) -> list[str]:
        """The names that words mean, the last one first."""
        names: list[str] = []
        for word in words:
            if is_pattern(word):
                self._left -= _COMPARISON * len(self._targets)
            if self._left < 0:
                break
            names += self._inventory.match(word)
        names.reverse()
        return names


def _variable_count(loop: Loop) -> int:
    swept = loop.iterations.parameters if isinstance(loop.iterations, Sweep) else ()
    return len(loop.environment) + len(swept)
