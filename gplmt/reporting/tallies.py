"""What is counted of targets and steps while a run goes on."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from gplmt.events import StepReached, TeardownStarted
from gplmt.reporting.glimpse import StepStanding, TargetState


class TargetTally:
    """What is known of a target."""

    __slots__ = ("has_ended", "has_failed", "is_lost", "open_tasklists")

    def __init__(self) -> None:
        self.open_tasklists = 0
        self.has_ended = False
        self.has_failed = False
        self.is_lost = False

    @property
    def state(self) -> TargetState:
        """Where it stands; one that is lost is so also while it is tried again."""
        if self.is_lost:
            return TargetState.LOST
        if self.open_tasklists:
            return TargetState.RUNNING
        if self.has_failed:
            return TargetState.FAILED
        return TargetState.OK if self.has_ended else TargetState.WAITING


class StepTally:
    """A step or teardown that is under way, and how far its targets are."""

    __slots__ = ("_beginning", "_target_count", "began", "ends", "running")

    def __init__(self, beginning: StepStanding, target_count: int) -> None:
        self._beginning = beginning
        self._target_count = target_count
        self.began = beginning.began
        self.running = 0
        self.ends = Counter[TargetState]()

    @classmethod
    def of_step(cls, event: StepReached) -> StepTally:
        """One that was reached."""
        step = StepStanding(
            name=event.step,
            at=event.at,
            tasklist=event.tasklist,
            iteration=event.iteration,
            is_background=event.background,
            planned_start=event.planned_start,
            planned_stop=event.planned_stop,
            targets={},
        )
        return cls(step, len(event.targets))

    @classmethod
    def of_teardown(cls, event: TeardownStarted) -> StepTally:
        """One that begins."""
        teardown = StepStanding(
            name=event.step,
            at=event.at or "?",
            tasklist=event.tasklist,
            is_teardown=True,
            began=event.time,
            targets={},
        )
        return cls(teardown, len(event.targets))

    def standing(self) -> StepStanding:
        """How far it is."""
        waiting = self._target_count - self.running - self.ends.total()
        targets = {TargetState.WAITING: waiting, TargetState.RUNNING: self.running, **self.ends}
        return replace(self._beginning, began=self.began, targets=targets)
