"""Drafts to one experiment: included names and references get their prefixes (LANGUAGE.md 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from gplmt.diagnostics import Faults, Location
from gplmt.language.targets import GroupTarget, Target, TargetRef
from gplmt.language.tasks import Call, Par, Seq, Task, Tasklist
from gplmt.loading.documents import Document

MAX_INCLUSIONS = 10_000  # more are an accident: each file may include others several times
MAX_REPEATED_BYTES = 32 << 20  # of documents that are included again, each time counted

D = TypeVar("D", Target, Tasklist)


class Merger:
    """Collects the targets and tasklists of a document and of all that it includes."""

    def __init__(self, faults: Faults) -> None:
        self.targets: dict[str, Target] = {}
        self.tasklists: dict[str, Tasklist] = {}
        self._faults = faults
        self._included: dict[tuple[str, str], Location] = {}
        self._documents: set[str] = set()
        self._repeated_bytes = 0

    def merge(self, document: Document, prefix: str = "") -> None:
        """Add a document's definitions, those of its includes first, under `prefix`."""
        draft = document.draft
        if draft is None:
            return
        for include, included in document.includes:
            inner = f"{prefix}{include.prefix}." if include.prefix else prefix
            if included is not None and self._is_new(included, inner, include.at):
                self.merge(included, inner)
        for target in draft.targets.values():
            self._add(_renamed_target(target, prefix), self.targets, "target")
        for tasklist in draft.tasklists.values():
            self._add(_renamed_tasklist(tasklist, prefix), self.tasklists, "tasklist")

    def _is_new(self, document: Document, prefix: str, at: Location) -> bool:
        """Whether these names were not yet brought in by another include; tell it if they were."""
        if len(self._included) >= MAX_INCLUSIONS:
            problem = (
                f"there are more than {MAX_INCLUSIONS} inclusions, nested ones counted each time"
            )
            self._faults.error(at, problem)
            return False
        if document.identity in self._documents:
            self._repeated_bytes += len(document.source.content)
        self._documents.add(document.identity)
        if self._repeated_bytes > MAX_REPEATED_BYTES:
            problem = f"the same files are included again, {MAX_REPEATED_BYTES >> 20} MiB of them"
            self._faults.error(at, problem, "include a file once, and its parts by themselves")
            return False
        first = self._included.setdefault((document.identity, prefix), at)
        if first is not at:
            problem = f"'{document.source.name}' is included twice under the same names"
            self._faults.error(at, problem, f"the first include is at {first}; give one a prefix")
        return first is at

    def _add(self, definition: D, known: dict[str, D], kind: str) -> None:
        first = known.setdefault(definition.name, definition)
        if first is not definition:
            problem = f"the {kind} '{definition.name}' is defined twice"
            hint = f"the first is at {first.at}; an include can have a prefix"
            self._faults.error(definition.at, problem, hint)


def _renamed_target(target: Target, prefix: str) -> Target:
    if not prefix:
        return target
    name = prefix + target.name
    if not isinstance(target, GroupTarget):
        return replace(target, name=name)
    members = tuple(
        replace(member, ref=prefix + member.ref)
        if isinstance(member, TargetRef)
        else _renamed_target(member, prefix)
        for member in target.members
    )
    return replace(target, name=name, members=members)


def _renamed_tasklist(tasklist: Tasklist, prefix: str) -> Tasklist:
    if not prefix:
        return tasklist
    return replace(
        tasklist,
        name=prefix + tasklist.name,
        cleanup=None if tasklist.cleanup is None else prefix + tasklist.cleanup,
        tasks=_renamed_tasks(tasklist.tasks, prefix),
    )


def _renamed_tasks(tasks: Sequence[Task], prefix: str) -> tuple[Task, ...]:
    return tuple(_renamed_task(task, prefix) for task in tasks)


def _renamed_task(task: Task, prefix: str) -> Task:
    match task:
        case Call():
            return replace(task, tasklist=prefix + task.tasklist)
        case Seq() | Par():
            return replace(task, tasks=_renamed_tasks(task.tasks, prefix))
    return task
