"""Files that a put or a run's stdin needs, and that are nowhere (LANGUAGE.md 12.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from gplmt.diagnostics import Faults
from gplmt.inventory import Inventory, is_pattern
from gplmt.language.paths import variables_in
from gplmt.language.tasks import Get
from gplmt.loading.check_paths import TaskPath, paths_in
from gplmt.loading.known import expand_known
from gplmt.loading.products import Products
from gplmt.loading.survey import CallGraph, Survey
from gplmt.loading.uses import Use
from gplmt.sources import find_source

_MAX_MEMBERS = 1000  # for each of which a source with variables is looked up
_MAX_LOOKUPS = 20_000  # of sources with variables, altogether


class SourceChecks:
    """Looks up sources; one that the experiment itself may make can be absent."""

    def __init__(
        self,
        uses: Sequence[Use],
        *,
        graph: CallGraph,
        inventory: Inventory,
        working_directory: Path,
        host_environment: Mapping[str, str],
        faults: Faults,
    ) -> None:
        self._uses = uses
        self._graph = graph
        self._inventory = inventory
        self._working_directory = working_directory
        self._host_environment = host_environment
        self._faults = faults
        self._lookups_left = _MAX_LOOKUPS
        self._known: dict[tuple[str, Path], bool] = {}
        self._products = Products(
            uses,
            graph=graph,
            inventory=inventory,
            working_directory=working_directory,
            host_environment=host_environment,
        )

    def check(self, *, is_complete: bool, root: str) -> None:
        """Check all tasklists that are used, and with warnings only the root document's others.

        `is_complete` says that nothing was left out of the experiment that might make files.
        """
        visited: set[str] = set()
        for use in self._uses:
            for survey in self._graph.reachable(use.item.tasklist, visited):
                for path in _sources(survey):
                    for text in self._texts(path, use):
                        self._check(path, text, may_be_made=not is_complete)
        for name, survey in self._graph.surveys.items():
            if name not in visited and survey.tasklist.at.file == root:
                for path in _sources(survey):
                    if not variables_in(path.text):
                        self._check(path, path.text, may_be_made=True)

    def _texts(self, path: TaskPath, use: Use) -> Iterator[str]:
        """The source as the step's targets see it, those aside where a value is not known yet."""
        if not variables_in(path.text):
            yield path.text.replace("$$", "$")
            return
        texts: set[str] = set()
        most = min(_MAX_MEMBERS, self._lookups_left)
        for member in islice(self._inventory.members(use.item.targets), most):
            self._lookups_left -= 1
            text = expand_known(path.text, member, use, self._host_environment)
            if text is not None and text not in texts:
                texts.add(text)
                yield text

    def _exists(self, text: str, beside: Path) -> bool:
        key = (text, beside)
        if key not in self._known:
            self._known[key] = bool(
                find_source(text, beside=beside, working_directory=self._working_directory)
            )
        return self._known[key]

    def _check(self, path: TaskPath, text: str, *, may_be_made: bool) -> None:
        beside = Path(path.task.at.file).parent
        if not text or self._exists(text, beside):
            return
        places = (beside / text, self._working_directory / text)
        problem = f"{path.title}, '{text}', does not exist"
        if is_pattern(text):
            problem = f"{path.title}, '{text}', matches nothing"
        distinct = {place.absolute(): f"'{place}'" for place in reversed(places)}
        looked = " and ".join(reversed(distinct.values()))
        may_be_made = may_be_made or is_pattern(text) or bool(variables_in(path.text))
        is_harmless = may_be_made or self._products.may_include(places)
        tell = self._faults.warning if is_harmless else self._faults.error
        tell(path.task.at, problem, f"looked for {looked}")


def _sources(survey: Survey) -> Iterator[TaskPath]:
    """The paths from which a tasklist's own tasks read on the execution host."""
    return (path for path in paths_in(survey) if path.is_local and not isinstance(path.task, Get))
