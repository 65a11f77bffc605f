"""Cycles of groups, of calls and cleanups, and calls that go too deep (LANGUAGE.md 4.3, 6.4).

What a document refers to lies in it or in what it includes, so a cycle lies in one document.
"""

from __future__ import annotations

from collections.abc import Mapping

from gplmt.diagnostics import Faults, Location
from gplmt.language.targets import GroupTarget, Target, name_of
from gplmt.loading.graphs import depth_first, shown
from gplmt.loading.survey import CallGraph, Survey

MAX_TASK_DEPTH = 100  # of nested tasks and calls; to run deeper ones exhausts the stack

References = Mapping[str, Mapping[str, Location]]  # name to the names it refers to, and where


def tell_group_cycles(targets: Mapping[str, Target], faults: Faults) -> None:
    """Refuse groups that contain themselves."""
    references = {
        name: {name_of(member): member.at for member in reversed(target.members)}
        for name, target in targets.items()
        if isinstance(target, GroupTarget)
    }
    _tell_cycles(references, "the group contains itself", faults)


def tell_call_cycles(surveys: Mapping[str, Survey], faults: Faults) -> None:
    """Refuse tasklists that call themselves, or clean up with themselves."""
    references = {
        name: dict(reversed(tuple(survey.references()))) for name, survey in surveys.items()
    }
    _tell_cycles(references, "the tasklist runs itself", faults)


def tell_deep_calls(graph: CallGraph, faults: Faults) -> None:
    """Refuse tasklists that call one another too deeply, each where the limit is crossed."""
    depths = graph.depths()
    for name, depth in depths.items():
        survey = graph.surveys[name]
        is_deeper_already = any(
            depths.get(callee, 0) > MAX_TASK_DEPTH for callee in survey.call_depths
        )
        if depth > MAX_TASK_DEPTH and not is_deeper_already:
            problem = f"the tasks of '{name}' are nested more than {MAX_TASK_DEPTH} deep"
            faults.error(survey.tasklist.at, problem, "calls count too")


def _tell_cycles(references: References, problem: str, faults: Faults) -> None:
    _, cycles = depth_first(references)
    for chain in cycles:
        at = references[chain[-2]][chain[-1]]
        faults.error(at, f"{problem}: {shown(chain)}")
