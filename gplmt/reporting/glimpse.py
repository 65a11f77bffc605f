"""What there is to see of a run at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from msgspec import Struct

from gplmt.recording.failures import Failure


class TargetState(Enum):
    """What a target is doing, or how it ended."""

    WAITING = "waiting"
    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    LOST = "lost"  # it could not be reached when something was last to be done there
    STOPPED = "stopped"  # of the targets of one step only


class StepStanding(Struct, frozen=True, kw_only=True):
    """A step or teardown that is under way; `began` is None while it waits for its start time."""

    name: str
    at: str
    tasklist: str
    iteration: str | None = None
    is_background: bool = False
    is_teardown: bool = False
    planned_start: datetime | None = None
    planned_stop: datetime | None = None
    began: datetime | None = None
    targets: Mapping[TargetState, int]


class LoopStanding(Struct, frozen=True, kw_only=True):
    """A loop that is under way; `count` or `planned_end` is known.

    `done` counts the iterations that have ended; `parameters` are those of the one under way.
    """

    name: str
    at: str
    began: datetime
    count: int | None = None
    planned_end: datetime | None = None
    done: int = 0
    iteration: str | None = None
    parameters: Mapping[str, str] = {}


class WorkStanding(Struct, frozen=True, kw_only=True):
    """A command or copy that is under way; `task` is `tasklist.task`."""

    target: str
    task: str
    at: str
    began: datetime
    is_background: bool


class Glimpse(Struct, frozen=True, kw_only=True):
    """What there is to see; of `work`, the commands and copies that were begun first.

    `steps` and `work` have those of background steps last.  `step_total` is how many steps there
    will be, where that is known; `failures` are the latest, the newest last.
    """

    experiment: str
    began: datetime
    planned_end: datetime | None
    step_total: int | None
    step_ends: Counter[str]
    targets: Counter[TargetState]
    loops: tuple[LoopStanding, ...]
    steps: tuple[StepStanding, ...]
    work: tuple[WorkStanding, ...]
    failures: tuple[Failure, ...]
    failure_count: int
    signal_count: int
