"""Steps whose times, counts or variables cannot be (LANGUAGE.md 5.1, 7.6, 8.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from gplmt.diagnostics import Faults
from gplmt.inventory import Inventory, SliceAddress
from gplmt.language.steps import Step
from gplmt.language.targets import ExportEnv
from gplmt.loading.uses import Surroundings, Use


class StepChecks:
    """Checks of single steps and teardowns that are enabled."""

    def __init__(
        self,
        *,
        inventory: Inventory,
        host_environment: Mapping[str, str],
        now: datetime,
        knows_all_targets: bool,
        faults: Faults,
    ) -> None:
        self._inventory = inventory
        self._host_environment = host_environment
        self._now = now
        self._knows_all_targets = knows_all_targets
        self._faults = faults
        self._seen: set[tuple[str, ...]] = set()
        self._seen_around: set[Surroundings] = set()
        self._told_unset: set[ExportEnv] = set()

    def check(self, use: Use) -> None:
        """Check one step or teardown."""
        if isinstance(use.item, Step):
            self._check_count(use.item)
            self._check_start(use.item)
        if use.surroundings not in self._seen_around:
            self._seen_around.add(use.surroundings)
            for variable in use.surroundings.layers:
                if variable.value is None and variable.var not in self._host_environment:
                    self._tell_unset(variable)
        if use.item.targets not in self._seen:
            self._seen.add(use.item.targets)
            for member in self._inventory.members(use.item.targets):
                for variable in member.unset:
                    self._tell_unset(variable)
            if isinstance(use.item, Step):
                self._check_targets(use.item)

    def _tell_unset(self, variable: ExportEnv) -> None:
        if variable.var and variable not in self._told_unset:
            self._told_unset.add(variable)
            problem = f"the variable {variable.var} is not set where gplmt was started"
            self._faults.error(variable.at, problem, "give it a value, or set it there")

    def _check_targets(self, step: Step) -> None:
        """Warn of the first step that would run nothing, as its groups are empty, and succeed."""
        if not self._knows_all_targets or not all(map(self._inventory.match, step.targets)):
            return
        if step.targets and not self._inventory.members(step.targets):
            problem = f"the step runs nowhere: '{' '.join(step.targets)}' has no members"
            self._faults.warning(step.at, problem)

    def _check_count(self, step: Step) -> None:
        quorum = step.min_success
        if quorum is None or quorum.is_percentage:
            return
        if not self._knows_all_targets or not all(map(self._inventory.match, step.targets)):
            return
        members = self._inventory.members(step.targets)
        if any(isinstance(member.node.address, SliceAddress) for member in members):
            return  # how many nodes the slice has is not known yet
        problem = quorum.fault(len(members))
        if problem is not None:
            self._faults.error(step.at, problem)

    def _check_start(self, step: Step) -> None:
        if isinstance(step.start, datetime) and step.start < self._now:
            problem = f"the start time {step.start.astimezone(UTC).isoformat()} has passed"
            self._faults.warning(step.at, problem, "the step will start at once")
