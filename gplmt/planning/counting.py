"""How much there will be to do, as far as that is known beforehand."""

from __future__ import annotations

from math import prod

from gplmt.language.steps import Iterations, Sweep
from gplmt.language.steps import Repeat as Times
from gplmt.planning.plan import Launch, PlanItem, Repeat


def iteration_count(iterations: Iterations) -> int | None:
    """How many iterations there will be; None for those that go on for a time."""
    match iterations:
        case Times():
            return iterations.count
        case Sweep():
            return prod(len(parameter.values) for parameter in iterations.parameters)
    return None


def step_count(items: tuple[PlanItem, ...]) -> int | None:
    """How many steps will be reached, each iteration of a loop counting; None if not known.

    Those that are not enabled are reached, too; loops that are not enabled reach nothing.
    """
    total = 0
    for item in items:
        match item:
            case Launch():
                total += 1
            case Repeat(enabled=True):
                iterations, inner = iteration_count(item.iterations), step_count(item.body)
                if inner != 0 and (inner is None or iterations is None):
                    return None
                total += (iterations or 0) * (inner or 0)
    return total
