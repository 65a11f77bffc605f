"""Which files an experiment itself may make on the execution host before it needs them."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from gplmt.inventory import Inventory, LocalAddress, Member
from gplmt.language.tasks import Get, Put
from gplmt.loading.files import is_directory
from gplmt.loading.known import expand_known
from gplmt.loading.survey import CallGraph, Survey
from gplmt.loading.uses import Use

_MAX_PLACES = 20_000  # where puts may copy to; with more, anything may be made anywhere
_MAX_CHARACTERS = 4096  # of a path, for Linux


class Products:
    """What gets, local commands and local puts of enabled steps and teardowns may make."""

    def __init__(
        self,
        uses: Sequence[Use],
        *,
        graph: CallGraph,
        inventory: Inventory,
        working_directory: Path,
        host_environment: Mapping[str, str],
    ) -> None:
        self._graph = graph
        self._inventory = inventory
        self._working_directory = working_directory
        self._host_environment = host_environment
        self._copies: set[str] = set()
        self._places_left = _MAX_PLACES
        self._local: dict[tuple[str, ...], list[Member]] = {}
        self._may_be_anything = self._has_get(uses) or self._has_local_command(uses)
        if not self._may_be_anything:
            self._add_copies(uses)

    def may_include(self, places: Iterable[Path]) -> bool:
        """Whether something may make a file at one of these places."""
        return self._may_be_anything or any(
            str(part) in self._copies
            for place in map(_normal, places)
            if len(str(place)) <= _MAX_CHARACTERS
            for part in (place, *place.parents)
        )

    def _has_get(self, uses: Sequence[Use]) -> bool:
        visited: set[str] = set()
        return any(
            isinstance(copy, Get)
            for use in uses
            for survey in self._graph.reachable(use.item.tasklist, visited)
            for copy in survey.copies
        )

    def _has_local_command(self, uses: Sequence[Use]) -> bool:
        visited: set[str] = set()
        return any(
            survey.has_command
            for use in uses
            if self._local_members(use)
            for survey in self._graph.reachable(use.item.tasklist, visited)
        )

    def _local_members(self, use: Use) -> list[Member]:
        targets = use.item.targets
        if targets not in self._local:
            self._local[targets] = [
                member
                for member in self._inventory.members(targets)
                if isinstance(member.node.address, LocalAddress)
            ]
        return self._local[targets]

    def _add_copies(self, uses: Sequence[Use]) -> None:
        visited: dict[object, set[str]] = {}
        for use in uses:
            members = self._local_members(use)
            reached = visited.setdefault((use.item.targets, use.surroundings.layers), set())
            for put in _puts(self._graph.reachable(use.item.tasklist, reached) if members else ()):
                for member in members:
                    if self._may_be_anything:
                        return
                    self._add_copy(put, member, use)

    def _add_copy(self, put: Put, member: Member, use: Use) -> None:
        self._places_left -= 1
        destination = expand_known(put.destination, member, use, self._host_environment)
        source = expand_known(put.source, member, use, self._host_environment)
        if destination is None or source is None or self._places_left < 0:
            self._may_be_anything = True
            return
        # PTH111: a destination that names no user who exists is a plain path
        place = self._working_directory / os.path.expanduser(destination)  # noqa: PTH111
        if destination.endswith("/") or is_directory(place):
            place = place / Path(source).name
        self._copies.add(str(_normal(place)))


def _puts(surveys: Iterable[Survey]) -> Iterator[Put]:
    for survey in surveys:
        for copy in survey.copies:
            if isinstance(copy, Put):
                yield copy


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))
