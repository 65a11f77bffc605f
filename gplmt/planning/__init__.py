"""From a checked experiment to what will happen."""

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
    "lasting_tasklists",
    "make_plan",
]
