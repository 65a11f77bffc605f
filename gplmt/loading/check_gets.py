"""Gets that several targets of a step would write to the same file (LANGUAGE.md 12.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from gplmt.diagnostics import Faults
from gplmt.inventory import Inventory, Member, SliceAddress
from gplmt.language.paths import expand, variables_in
from gplmt.language.tasks import Get
from gplmt.loading.files import is_directory
from gplmt.loading.survey import CallGraph
from gplmt.loading.uses import Use

_MAX_LOOKS = 300_000  # at nodes and tasklists; what is left then is not warned of
_DISTINGUISHING = frozenset(("GPLMT_TARGET", "GPLMT_TARGET_INDEX"))


class GetChecks:
    """Warns of gets that overwrite what they got from another target of the step."""

    def __init__(
        self, *, graph: CallGraph, inventory: Inventory, working_directory: Path, faults: Faults
    ) -> None:
        self._graph = graph
        self._inventory = inventory
        self._working_directory = working_directory
        self._faults = faults
        self._gets = graph.gathered(
            {
                name: 1
                for name, survey in graph.surveys.items()
                if any(isinstance(copy, Get) for copy in survey.copies)
            }
        )
        self._left = _MAX_LOOKS
        self._visited: dict[tuple[tuple[str, ...], frozenset[str]], set[str]] = {}

    def check(self, use: Use) -> None:
        """Check one step or teardown."""
        if not self._gets.get(use.item.tasklist) or self._left < 0:
            return
        self._left -= len(self._inventory.members(use.item.targets))
        members = list(_several(self._inventory.members(use.item.targets)))
        if len(members) < 2:
            return
        key = (use.item.targets, use.surroundings.variables)
        visited = self._visited.setdefault(key, set())
        for survey in self._graph.reachable(use.item.tasklist, visited):
            self._left -= 1
            for copy in survey.copies:
                if isinstance(copy, Get) and self._left >= 0:
                    self._check_get(copy, members, use)

    def _check_get(self, get: Get, members: Sequence[tuple[str, Member]], use: Use) -> None:
        is_faulty = not get.destination
        if is_faulty or _DISTINGUISHING.intersection(variables_in(get.destination)):
            return
        written: dict[str, str] = {}
        for name, member in members:
            self._left -= 1
            first = written.setdefault(self._written(get, name, member, use), name)
            if first != name:
                problem = (
                    f"get '{get.label}' writes '{get.destination}' for several targets of "
                    f"{use.title}, like '{first}' and '{name}'"
                )
                self._faults.warning(get.at, problem, "put $GPLMT_TARGET into the destination")
                return

    def _written(self, get: Get, name: str, member: Member, use: Use) -> str:
        """The file that a get writes, what all targets have in common left blank."""
        variables = {*variables_in(get.source), *variables_in(get.destination)}
        own = variables & (member.environment.keys() - use.surroundings.variables)
        values = dict.fromkeys(variables, "") | {name: member.environment[name] for name in own}
        values["GPLMT_TARGET"] = values["GPLMT_TARGET_INDEX"] = name
        destination = expand(get.destination, values)
        if "$" in get.source and self._is_directory(destination):
            return f"{destination}/{PurePosixPath(expand(get.source, values)).name}"
        return destination

    def _is_directory(self, destination: str) -> bool:
        return destination.endswith("/") or is_directory(self._working_directory, destination)


def _several(members: Sequence[Member]) -> Iterator[tuple[str, Member]]:
    """The nodes by name; a slice, whose nodes are not known yet, stands for two."""
    for member in members:
        name = member.node.name
        if isinstance(member.node.address, SliceAddress):
            yield f"{name}.1", member
            yield f"{name}.2", member
        else:
            yield name, member
