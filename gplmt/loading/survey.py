"""What tasklists do, themselves and through the tasklists they call, each looked at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from gplmt.diagnostics import Location
from gplmt.language.tasks import Call, Get, Par, Put, Run, Seq, Task, Tasklist, WaitFor
from gplmt.loading.graphs import depth_first


class Survey(Struct, eq=False):
    """What matters of one tasklist for the checks; `calls` has disabled ones too."""

    tasklist: Tasklist
    calls: list[Call] = []
    enabled_callees: list[str] = []
    call_depths: dict[str, int] = {}  # within this tasklist, by callee
    depth: int = 0  # of the nested tasks
    copies: list[Put | Get] = []
    runs_with_input: list[Run] = []
    has_command: bool = False

    def references(self) -> Iterator[tuple[str, Location]]:
        """The tasklists that this one names, and where."""
        for call in self.calls:
            yield call.tasklist, call.at
        if self.tasklist.cleanup is not None:
            yield self.tasklist.cleanup, self.tasklist.at

    def callees(self) -> tuple[str, ...]:
        """The tasklists that run because this one does."""
        cleanup = self.tasklist.cleanup
        return (*self.enabled_callees, *(() if cleanup is None else (cleanup,)))


class CallGraph:
    """Surveys of all tasklists of an experiment, by their full names."""

    def __init__(self, tasklists: Mapping[str, Tasklist]) -> None:
        self.surveys = {name: survey(tasklist) for name, tasklist in tasklists.items()}
        self._callees = {name: survey.callees() for name, survey in self.surveys.items()}
        self.callees_first, _ = depth_first(self._callees)

    def reachable(self, start: str, visited: set[str]) -> Iterator[Survey]:
        """What runs when a tasklist does, itself included; what is in `visited` is passed over.

        `visited` grows with what is reached.
        """
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name not in visited and name in self.surveys:
                visited.add(name)
                yield self.surveys[name]
                waiting += reversed(self._callees[name])

    def callees(self, name: str) -> tuple[str, ...]:
        """The tasklists that run because this one does."""
        return self._callees.get(name, ())

    def depths(self) -> dict[str, int]:
        """How deep tasks are nested in each tasklist, those that it calls included."""
        depths: dict[str, int] = {}
        for name in self.callees_first:
            survey = self.surveys[name]
            through_calls = (
                depth + depths.get(callee, 0) for callee, depth in survey.call_depths.items()
            )
            depths[name] = max(survey.depth, *through_calls, 0)
        return depths

    def gathered(self, own: Mapping[str, int]) -> dict[str, int]:
        """For each tasklist, what it has of its own and from all that it calls.

        What there is to have is numbered, and is the bits of an integer: sets take up too much.
        """
        gathered: dict[str, int] = {}
        for name in self.callees_first:
            bits = own.get(name, 0)
            for callee in self._callees[name]:
                bits |= gathered.get(callee, 0)
            gathered[name] = bits
        return gathered


def survey(tasklist: Tasklist) -> Survey:
    """Look through the tasks of a tasklist."""
    found = Survey(tasklist)
    _look_through(tasklist.tasks, found, depth=1, is_enabled=True)
    return found


def _look_through(tasks: Sequence[Task], found: Survey, *, depth: int, is_enabled: bool) -> None:
    found.depth = max(found.depth, depth)
    for task in tasks:
        runs = is_enabled and task.enabled
        match task:
            case Run():
                found.has_command |= runs
                if runs and task.stdin is not None:
                    found.runs_with_input.append(task)
            case Seq() | Par():
                _look_through(task.tasks, found, depth=depth + 1, is_enabled=runs)
            case Put() | Get():
                if runs:
                    found.copies.append(task)
            case Call():
                found.calls.append(task)
                deepest = max(depth, found.call_depths.get(task.tasklist, 0))
                found.call_depths[task.tasklist] = deepest
                if runs:
                    found.enabled_callees.append(task.tasklist)
            case WaitFor():
                found.has_command |= runs and task.command is not None
