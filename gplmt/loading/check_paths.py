"""Variables in the paths of put, get and stdin (LANGUAGE.md 5.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from gplmt.diagnostics import Faults
from gplmt.inventory import Inventory, LocalAddress, Member
from gplmt.language.paths import variables_in
from gplmt.language.tasks import Get, Put, Run
from gplmt.loading.survey import CallGraph, Survey
from gplmt.loading.uses import Use

RUN_DIRECTORY = "GPLMT_RUN_DIR"
BUILT_INS = frozenset(
    (
        "GPLMT_TARGET",
        "GPLMT_TARGET_INDEX",
        "GPLMT_TARGET_COUNT",
        "GPLMT_RUN_ID",
        "GPLMT_STEP",
        "GPLMT_ITERATION",
    )
)


class TaskPath(Struct, frozen=True):
    """A path of a task, on the execution host (`is_local`) or on the target."""

    task: Put | Get | Run
    role: str
    text: str
    is_local: bool

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"the {self.role} of {type(self.task).__name__.lower()} '{self.task.label}'"

    @property
    def variables(self) -> frozenset[str]:
        """What must be defined; local paths always have the run directory."""
        names = frozenset(variables_in(self.text))
        return names - {RUN_DIRECTORY} if self.is_local else names


def paths_in(survey: Survey) -> Iterator[TaskPath]:
    """The paths of a tasklist's own tasks."""
    for copy in survey.copies:
        is_put = isinstance(copy, Put)
        yield TaskPath(copy, "source", copy.source, is_put)
        yield TaskPath(copy, "destination", copy.destination, not is_put)
    for run in survey.runs_with_input:
        yield TaskPath(run, "stdin", run.stdin or "", is_local=True)


class VariableChecks:
    """Checks that every step defines the variables of the paths that it reaches."""

    def __init__(
        self,
        *,
        graph: CallGraph,
        inventory: Inventory,
        host_environment: Mapping[str, str],
        faults: Faults,
    ) -> None:
        self._graph = graph
        self._inventory = inventory
        self._host_environment = host_environment
        self._faults = faults
        self._needed = graph.gathered(
            {name: _variables_of(survey) for name, survey in graph.surveys.items()}
        )
        self._defined: dict[tuple[str, ...], frozenset[str] | None] = {}
        self._visited: dict[str, set[str]] = {}  # tasklists, by the variable that was missing

    def check(self, use: Use) -> None:
        """Check one step or teardown."""
        needed = self._needed.get(use.item.tasklist)
        if not needed:
            return
        defined = self._defined_on_all(use.item.targets)
        if defined is None:
            return
        for variable in sorted(needed - defined - use.surroundings.variables):
            visited = self._visited.setdefault(variable, set())
            for survey in self._graph.reachable(use.item.tasklist, visited):
                for path in paths_in(survey):
                    if variable in path.variables:
                        self._tell(variable, path, use)

    def _defined_on_all(self, targets: tuple[str, ...]) -> frozenset[str] | None:
        """What all these targets define; None where there are none."""
        if targets not in self._defined:
            members = self._inventory.members(targets)
            defined = [_defined(member) for member in members]
            self._defined[targets] = frozenset.intersection(*defined) if defined else None
        return self._defined[targets]

    def _tell(self, variable: str, path: TaskPath, use: Use) -> None:
        members = self._inventory.members(use.item.targets)
        lacking = next(member for member in members if variable not in _defined(member))
        name = lacking.node.name
        problem = f"{path.title} names the variable {variable}"
        if variable == RUN_DIRECTORY:
            problem = f"{problem}, but '{name}' in {use.title} is no local target"
            self._faults.error(path.task.at, problem, "the run directory is on the execution host")
            return
        problem = f"{problem}, which is not defined on '{name}' in {use.title}"
        self._faults.error(path.task.at, problem, self._hint(variable))

    def _hint(self, variable: str) -> str:
        if variable in self._host_environment:
            return f'write <export-env var="{variable}"/> to pass on the execution host\'s'
        meant = self._faults.similar(variable, BUILT_INS)
        return "define it with <export-env>" if meant is None else f"did you mean {meant}?"


def _variables_of(survey: Survey) -> frozenset[str]:
    return frozenset(name for path in paths_in(survey) for name in path.variables)


def _defined(member: Member) -> frozenset[str]:
    """The variables of a node; what is unset on the execution host is told elsewhere."""
    unset = (variable.var for variable in member.unset)
    local = (RUN_DIRECTORY,) if isinstance(member.node.address, LocalAddress) else ()
    return BUILT_INS.union(member.environment, unset, local)
