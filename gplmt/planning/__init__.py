"""From a checked experiment to what will happen."""

from gplmt.planning.counting import iteration_count, step_count
from gplmt.planning.plan import (
    Barrier,
    Launch,
    Plan,
    PlanItem,
    Repeat,
    Teardown,
    lasting_tasklists,
    make_plan,
)

__all__ = [
    "Barrier",
    "Launch",
    "Plan",
    "PlanItem",
    "Repeat",
    "Teardown",
    "iteration_count",
    "lasting_tasklists",
    "make_plan",
    "step_count",
]
