"""Unknown names, and definitions that nothing uses (LANGUAGE.md 2, 3.2, 12.3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gplmt.diagnostics import Faults, Location
from gplmt.inventory import Inventory, is_pattern
from gplmt.language.targets import GroupTarget, Target, TargetRef
from gplmt.language.tasks import Tasklist
from gplmt.loading.build import Draft
from gplmt.loading.documents import Document
from gplmt.loading.names import Kind, Names
from gplmt.loading.survey import Survey
from gplmt.loading.uses import Use


class References:
    """Checks the names that one document mentions, and notes which are used.

    `candidates` are the names of each kind that a wrong one may be meant to be.
    """

    def __init__(
        self,
        document: Document,
        *,
        names: Names,
        candidates: Mapping[Kind, Collection[str]],
        faults: Faults,
    ) -> None:
        self.has_unknown = False
        self.used: dict[Kind, set[str]] = {kind: set() for kind in Kind}
        self._document = document
        self._names = names
        self._candidates = candidates
        self._faults = faults
        self._checked: set[tuple[str, ...]] = set()

    def check_groups(self, targets: Mapping[str, Target]) -> None:
        """Check the members of groups; those defined in a group are used by it."""
        for target in targets.values():
            if isinstance(target, GroupTarget):
                for member in target.members:
                    if isinstance(member, TargetRef):
                        where = f"group '{target.name}'"
                        self._check(Kind.TARGET, member.ref, member.at, where)
                    else:
                        self.used[Kind.TARGET].add(member.name)

    def check_calls(self, survey: Survey) -> None:
        """Check the tasklists that a tasklist calls and cleans up with."""
        for call in survey.calls:
            self._check(Kind.TASKLIST, call.tasklist, call.at, "call")
        tasklist = survey.tasklist
        if tasklist.cleanup is not None:
            where = f"cleanup of tasklist '{tasklist.name}'"
            self._check(Kind.TASKLIST, tasklist.cleanup, tasklist.at, where)

    def check_use(self, use: Use, inventory: Inventory) -> None:
        """Check a step or teardown."""
        item = use.item
        if item.tasklist not in self.used[Kind.TASKLIST]:
            self._check(Kind.TASKLIST, item.tasklist, item.at, use.tag)
        if item.targets not in self._checked:
            self.check_targets(item.targets, item.at, use.tag, inventory)

    def check_targets(
        self, words: tuple[str, ...], at: Location, where: str, inventory: Inventory
    ) -> None:
        """Check names and patterns of targets."""
        told = self._faults.error_count
        for word in words:
            if is_pattern(word):
                self._check_pattern(word, at, where, inventory)
            else:
                self._check(Kind.TARGET, word, at, where)
        if self._faults.error_count == told:
            self._checked.add(words)

    def _check_pattern(self, word: str, at: Location, where: str, inventory: Inventory) -> None:
        matches = inventory.match(word)
        self.used[Kind.TARGET].update(matches)
        if not matches and not self._names.may_lack_some(self._document):
            self._faults.error(at, f"the pattern '{word}' in {where} matches no target")

    def _check(self, kind: Kind, name: str, at: Location, where: str) -> None:
        if not name:
            return
        if self._names.knows(self._document, kind, name):
            self.used[kind].add(name)
            return
        self.has_unknown = True
        meant = self._faults.similar(name, self._candidates[kind])
        hint = f"define it in <{kind.value}s>"
        if meant is not None:
            self.used[kind].add(meant)  # no warning that nothing uses it
            hint = f"did you mean '{meant}'?"
        self._faults.error(at, f"unknown {kind.value} '{name}' in {where}", hint)


def tell_unused(draft: Draft, used: Mapping[Kind, set[str]], faults: Faults) -> None:
    """Warn of definitions of the root document that nothing in it mentions."""
    if draft.context.has_blank_reference:
        return
    definitions: tuple[tuple[Kind, Mapping[str, Target | Tasklist]], ...] = (
        (Kind.TARGET, draft.targets),
        (Kind.TASKLIST, draft.tasklists),
    )
    for kind, defined in definitions:
        known_use = used[kind] | draft.context.mentioned_names
        for name, definition in defined.items():
            if name not in known_use:
                faults.warning(definition.at, f"nothing uses the {kind.value} '{name}'")
