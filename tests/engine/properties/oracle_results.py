"""How things end, as the oracle works it out, and what of several happens first."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple, Protocol

from msgspec import Struct

from gplmt.events import Outcome

MOMENT = 1e-6
_STRENGTH = ("", "stopped", "failed", "stop-step", "stop-experiment")


class Tie(Exception):  # noqa: N818
    """Either of two things may be first."""


class Row(NamedTuple):
    """A span: what it is, from when to when, and its outcome."""

    what: tuple[str, ...]
    begin: float
    end: float
    outcome: Outcome


class Result(Struct, frozen=True, kw_only=True):
    """How something ends.

    `signal` is what it stops around it; "stopped" says that it was, "failed" that its tasklist
    is to end.
    """

    end: float
    rows: tuple[Row, ...] = ()
    signal: str = ""
    outcome: Outcome = Outcome.OK
    failures: int = 0  # that count
    has_failures: bool = False  # which on-error="continue" lets pass
    stops_at: float = inf  # when a target of a step in it stops the experiment


class Starts(Protocol):
    """Something that runs until a limit."""

    def __call__(self, limit: float) -> Result: ...


def passes(moment: float, limit: float) -> bool:
    """Whether a moment lies beyond a limit."""
    if abs(moment - limit) < MOMENT:
        raise Tie
    return moment > limit


def at_once(starts: Sequence[Starts], limit: float) -> list[Result]:
    """All of these, the first failure of one stopping the others."""
    results = [start(limit) for start in starts]
    ends = [one.end for one in results if _STRENGTH.index(one.signal) > 1]
    if not ends:
        return results
    first = min(ends)
    if sum(end < first + MOMENT for end in ends) > 1:
        raise Tie
    return [
        one if _STRENGTH.index(one.signal) > 1 and one.end == first else start(min(first, limit))
        for one, start in zip(results, starts, strict=True)
    ]


def strongest(results: Sequence[Result]) -> str:
    return max((one.signal for one in results), key=_STRENGTH.index, default="")


def joined(results: Sequence[Result]) -> Result:
    """Several as one."""
    failed = [one for one in results if one.signal == "failed"]
    return Result(
        end=max(one.end for one in results),
        rows=tuple(row for one in results for row in one.rows),
        signal=strongest(results),
        outcome=min(failed, key=lambda one: one.end).outcome if failed else Outcome.OK,
        failures=sum(one.failures for one in results),
        has_failures=any(one.has_failures for one in results),
    )
