"""What leaves a scope early: not errors, but messages to the scopes around (LANGUAGE.md 7.1)."""

from __future__ import annotations

from gplmt.events import Outcome


class TaskFailed(Exception):
    """A task has failed; its tasklist stops.

    The reason is None where a called tasklist has failed, in which it has been told.
    `is_recorded` is set once the failure has been counted, and its reason told by an event.
    `is_loss` says that it could not be done just then, `is_unlogged` that all was done, but not
    written down: the tasklist, a cleanup's or teardown's, goes on.
    """

    def __init__(
        self,
        outcome: Outcome,
        reason: str | None,
        *,
        is_loss: bool = False,
        is_unlogged: bool = False,
    ) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.is_loss = is_loss
        self.is_unlogged = is_unlogged
        self.is_recorded = False


class Stop(Exception):
    """A scope of the language ends now."""


class StopTarget(Stop):
    """All tasklists of a step on one target end; the step's quorum can still be met (7.6)."""


class StopTimeReached(Stop):
    """A step's stop time has come, which is no failure (8.3)."""


class StopStep(Stop):
    """A step ends on all its targets."""


class StopExperiment(Stop):
    """The experiment ends: its foreground now, then its ending (11.1)."""


_STRENGTH = (TaskFailed, StopTarget, StopTimeReached, StopStep, StopExperiment)


def stronger(one: Exception | None, other: Exception) -> Exception:
    """Of two signals to one scope, the one that reaches further; the earlier of equals."""
    if one is None:
        return other
    return one if _strength(one) >= _strength(other) else other


def _strength(signal: Exception) -> int:
    return _STRENGTH.index(type(signal))
