"""Variables in the paths of put, get and stdin (LANGUAGE.md 5.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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
        self._bits: dict[str, int] = {}  # by variable
        self._own = {name: self._named_in(survey) for name, survey in graph.surveys.items()}
        self._needed = graph.gathered(self._own)
        self._defined: dict[tuple[str, ...], int | None] = {}
        self._told: dict[str, int] = {}  # by tasklist, what was missing in it and in its callees

    def check(self, use: Use) -> None:
        """Check one step or teardown."""
        needed = self._needed.get(use.item.tasklist)
        if not needed:
            return
        defined = self._defined_on_all(use.item.targets)
        if defined is None:
            return
        missing = needed & ~defined & ~self._known_bits(use.surroundings.variables)
        if missing:
            self._tell_missing(missing, use)

    def _named_in(self, survey: Survey) -> int:
        """The variables of a tasklist's own paths, each of which gets a bit."""
        bits = 0
        for path in paths_in(survey):
            for name in path.variables:
                bits |= self._bits.setdefault(name, 1 << len(self._bits))
        return bits

    def _known_bits(self, names: Iterable[str]) -> int:
        bits = 0
        for name in names:
            bits |= self._bits.get(name, 0)
        return bits

    def _defined_on_all(self, targets: tuple[str, ...]) -> int | None:
        """What all these targets define; None where there are none."""
        if targets not in self._defined:
            members = self._inventory.members(targets)
            defined = -1
            for member in members:
                defined &= self._known_bits(_defined(member))
            self._defined[targets] = defined if members else None
        return self._defined[targets]

    def _tell_missing(self, missing: int, use: Use) -> None:
        """Tell of each path that names what is missing, once, however many steps reach it."""
        waiting = [use.item.tasklist]
        while waiting:
            name = waiting.pop()
            found = missing & self._needed.get(name, 0) & ~self._told.get(name, 0)
            if not found:
                continue
            self._told[name] = self._told.get(name, 0) | found
            if found & self._own[name]:
                for path in paths_in(self._graph.surveys[name]):
                    for variable in sorted(path.variables):
                        if found & self._bits[variable]:
                            self._tell(variable, path, use)
            waiting += reversed(self._graph.callees(name))

    def _tell(self, variable: str, path: TaskPath, use: Use) -> None:
        members = self._inventory.members(use.item.targets)
        lacking = next(member for member in members if not _defines(member, variable))
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


def _defined(member: Member) -> Iterator[str]:
    """The variables of a node; what is unset on the execution host is told elsewhere."""
    yield from BUILT_INS
    yield from member.environment
    yield from (variable.var for variable in member.unset)
    if isinstance(member.node.address, LocalAddress):
        yield RUN_DIRECTORY


def _defines(member: Member, variable: str) -> bool:
    return variable in member.environment or variable in _defined(member)
