"""When: steps, loops, barriers and teardowns (LANGUAGE.md 8 and 9)."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from msgspec import Struct

from gplmt.diagnostics import Location
from gplmt.language.targets import ExportEnv


class MinSuccess(Struct, frozen=True, kw_only=True, gc=False):
    """How many targets must not fail: a count, or a percentage of the step's targets."""

    amount: float
    is_percentage: bool = False

    def of(self, target_count: int) -> int:
        """The number of targets that must not fail, a percentage rounded up."""
        if not self.is_percentage:
            return int(self.amount)
        return math.ceil(target_count * self.amount / 100)

    def fault(self, target_count: int) -> str | None:
        """What is wrong for a step with so many targets; a count may be more than there are."""
        if self.is_percentage or not 0 < target_count < self.amount:
            return None
        count = f"{target_count} target{'s' if target_count > 1 else ''}"
        return f"min-success is {self.amount:g}, but the step has {count}"


class Step(Struct, frozen=True, kw_only=True, gc=False):
    """Run a tasklist on targets; `start` and `stop` are relative (timedelta) or absolute."""

    at: Location
    name: str  # the user's, else `step-N` with the step's rank in the document, from 1
    tasklist: str
    targets: tuple[str, ...]  # names and patterns as written
    background: bool = False
    start: timedelta | datetime | None = None
    stop: timedelta | datetime | None = None
    max_parallel: int | None = None
    min_success: MinSuccess | None = None
    environment: tuple[ExportEnv, ...] = ()
    enabled: bool = True


class Synchronize(Struct, frozen=True, kw_only=True, gc=False):
    """Wait for all that was reached so far, or (not None) for these targets' part of it."""

    at: Location
    targets: tuple[str, ...] | None = None


class RegisterTeardown(Struct, frozen=True, kw_only=True, gc=False):
    """Have a tasklist run on targets when the experiment ends, however it ends."""

    at: Location
    tasklist: str
    targets: tuple[str, ...]
    environment: tuple[ExportEnv, ...] = ()


class Parameter(Struct, frozen=True, kw_only=True, gc=False):
    """A variable of a sweep and the values it takes; a long range stays a `range`."""

    name: str
    values: tuple[str, ...] | range


class Repeat(Struct, frozen=True, kw_only=True, gc=False):
    """So many iterations."""

    count: int


class ForDuration(Struct, frozen=True, kw_only=True, gc=False):
    """Iterations until so much time has passed since the loop began."""

    duration: timedelta


class Until(Struct, frozen=True, kw_only=True, gc=False):
    """Iterations until a point in time."""

    moment: datetime


class Sweep(Struct, frozen=True, kw_only=True, gc=False):
    """One iteration for each element of the Cartesian product, the last parameter fastest."""

    parameters: tuple[Parameter, ...]


Iterations = Repeat | ForDuration | Until | Sweep


class Loop(Struct, frozen=True, kw_only=True, gc=False):
    """Repeat the items of a body."""

    at: Location
    label: str  # `loop-N` with the loop's rank in the document, from 1
    iterations: Iterations
    body: tuple[Item, ...]
    environment: tuple[ExportEnv, ...] = ()
    enabled: bool = True


Item = Step | Synchronize | RegisterTeardown | Loop
