"""What is called by the names that somebody gives: targets, tasklists, tasks, steps, iterations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from gplmt.diagnostics import printable
from gplmt.errors import UsageError
from gplmt.events import (
    CallStarted,
    ParStarted,
    SeqStarted,
    StepReached,
    TasklistStarted,
    TaskStarted,
    TeardownStarted,
)
from gplmt.reporting.history import Span
from gplmt.reporting.recorded import RecordedRun

_KINDS = ("target", "tasklist", "task", "step", "iteration")  # a name is of the first that fits
_MOST_NAMED = 5


class Task:
    """A task that does something on a target, and what it is called by; by kind of name."""

    def __init__(self, span: Span, begin: TaskStarted) -> None:
        self.span = span
        self.begin = begin
        around = [each.begin for each in span.around()]
        self._names: dict[str, Set[str]] = {
            "target": {begin.target},
            "tasklist": {each.tasklist for each in around if isinstance(each, TasklistStarted)},
            "task": {begin.task, f"{begin.tasklist}.{begin.task}"},
            "step": {begin.step},
            "iteration": set(_rounds(begin.iteration)),
        }

    def is_called(self, name: str) -> bool:
        """Whether this is one of the names of it, or of what it is in."""
        return any(name in names for names in self._names.values())

    def names(self, kind: str) -> Set[str]:
        """The names of a kind."""
        return self._names[kind]


def select_tasks(run: RecordedRun, names: Sequence[str]) -> list[Task]:
    """The tasks that have these names, in the order in which they began.

    Names of one kind stand for all that have one of them; names of different kinds narrow down.

    Raises:
        UsageError: nothing of the run has one of the names, or no task could have all of them.
    """
    tasks = list(_tasks(run))
    known = _known(run, tasks)
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_kind(name, known, run), []).append(name)
    selected = [
        task
        for task in tasks
        if all(any(task.is_called(name) for name in alike) for alike in groups.values())
    ]
    if (
        not selected
        and len(groups) > 1
        and all(_have_run(alike, tasks) for alike in groups.values())
    ):
        words = " and ".join(f"'{printable(name)}'" for name in names)
        raise UsageError(f"nothing that has run in {run.shown} is called {words} at once")
    return selected


def _have_run(names: Sequence[str], tasks: Sequence[Task]) -> bool:
    return any(task.is_called(name) for task in tasks for name in names)


def _tasks(run: RecordedRun) -> Iterator[Task]:
    for span in run.history.of(TaskStarted):
        begin = span.begin
        if isinstance(begin, TaskStarted) and not isinstance(
            begin, CallStarted | SeqStarted | ParStarted
        ):
            yield Task(span, begin)


def _rounds(iteration: str | None) -> Iterator[str]:
    """An iteration, and those around it: `2.0` is a part of `2`."""
    while iteration:
        yield iteration
        iteration = iteration.rpartition(".")[0]


def _known(run: RecordedRun, tasks: Sequence[Task]) -> dict[str, set[str]]:
    """All names of a run by kind, those too in whose name nothing has run."""
    known: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    known["target"].update(run.manifest.targets)
    for task in tasks:
        for kind in _KINDS:
            known[kind] |= task.names(kind)
    for span in run.history.of(StepReached, TeardownStarted):
        begin = span.begin
        if isinstance(begin, StepReached | TeardownStarted):
            known["target"].update(begin.targets)
            known["tasklist"].add(begin.tasklist)
            known["step"].add(begin.step)
    return known


def _kind(name: str, known: dict[str, set[str]], run: RecordedRun) -> str:
    for kind in _KINDS:
        if name in known[kind]:
            return kind
    every = sorted(set().union(*known.values()))
    raise UsageError(f"nothing in {run.shown} is called '{printable(name)}'; {_near(name, every)}")


def _near(name: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches  # only who mistypes pays for it

    near = get_close_matches(name, names, n=_MOST_NAMED, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(repr(each) for each in near)}?"
    some = ", ".join(names[:_MOST_NAMED])
    return f"there are names like {some}" if some else "nothing has run"
