"""All checks of a merged experiment that look at more than one element (LANGUAGE.md 12.3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from gplmt.diagnostics import Faults
from gplmt.inventory import Inventory
from gplmt.language.experiment import Experiment
from gplmt.language.tasks import Tasklist
from gplmt.loading.build import Draft
from gplmt.loading.check_cycles import tell_call_cycles, tell_deep_calls, tell_group_cycles
from gplmt.loading.check_gets import GetChecks
from gplmt.loading.check_names import References, tell_unused
from gplmt.loading.check_paths import VariableChecks
from gplmt.loading.check_size import Size
from gplmt.loading.check_sources import SourceChecks
from gplmt.loading.check_steps import StepChecks
from gplmt.loading.documents import Document
from gplmt.loading.names import Kind, Names
from gplmt.loading.survey import CallGraph, Survey, survey
from gplmt.loading.uses import Barrier, Surroundings, Use, uses_in


class Checker:
    """Tells `faults` of what is wrong between elements; `documents` begin with the root."""

    def __init__(
        self,
        experiment: Experiment,
        *,
        inventory: Inventory,
        documents: Sequence[Document],
        host_environment: Mapping[str, str],
        working_directory: Path,
        now: datetime,
        faults: Faults,
    ) -> None:
        self._experiment = experiment
        self._inventory = inventory
        self._documents = documents
        self._host_environment = host_environment
        self._working_directory = working_directory
        self._now = now
        self._faults = faults
        self._names = Names()
        self._graph = CallGraph(experiment.tasklists)
        self._knows_all_variables = not any(
            document.draft is not None and document.draft.context.has_nameless_variable
            for document in documents
        )
        self._is_well_built = not faults.error_count
        self._is_complete = not any(map(self._names.may_lack_some, documents))

    def check(self) -> None:
        """Run all checks."""
        root, *included = self._documents
        if root.draft is None:
            return
        references = self._check_document(root, self._candidates())
        for document in included:
            if document.draft is not None:
                self._check_document(document, _own_names(document.draft))
                self._tell_ignored_steps(document.draft)
        tell_deep_calls(self._graph, self._faults)
        if not Size(self._experiment, self._inventory, self._faults).admits(root.draft.steps):
            return
        uses = self._check_items(root.draft, references)
        if root.draft.first_item is not None:
            tell_unused(root.draft, references.used, self._faults)
        self._check_paths(uses, root, references)

    def _candidates(self) -> dict[Kind, Collection[str]]:
        return {Kind.TARGET: self._experiment.targets, Kind.TASKLIST: self._experiment.tasklists}

    def _check_document(
        self, document: Document, candidates: Mapping[Kind, Collection[str]]
    ) -> References:
        """Check what a document says by its own names."""
        references = References(
            document, names=self._names, candidates=candidates, faults=self._faults
        )
        draft = document.draft
        if draft is not None:
            surveys = {name: self._survey(tasklist) for name, tasklist in draft.tasklists.items()}
            references.check_groups(draft.targets)
            for one in surveys.values():
                references.check_calls(one)
            tell_group_cycles(draft.targets, self._faults)
            tell_call_cycles(surveys, self._faults)
        self._is_complete &= not references.has_unknown
        return references

    def _survey(self, tasklist: Tasklist) -> Survey:
        known = self._graph.surveys.get(tasklist.name)
        return known if known is not None and known.tasklist is tasklist else survey(tasklist)

    def _tell_ignored_steps(self, draft: Draft) -> None:
        if draft.first_item is not None:
            problem = "the steps of an included document are not run"
            self._faults.warning(draft.first_item, problem)

    def _check_items(self, draft: Draft, references: References) -> list[Use]:
        """Check each item of the steps by itself; return the uses that differ, enabled ones only.

        Of steps that have the same tasklist run on the same targets in the same place, the first
        stands for all.
        """
        steps = StepChecks(
            inventory=self._inventory,
            host_environment=self._host_environment,
            now=self._now,
            knows_all_targets=self._is_complete,
            faults=self._faults,
        )
        differing: dict[tuple[str, tuple[str, ...], Surroundings], Use] = {}
        for found in uses_in(draft.steps):
            if isinstance(found, Barrier):
                references.check_targets(found.targets, found.at, "synchronize", self._inventory)
                continue
            references.check_use(found, self._inventory)
            if found.is_enabled:
                steps.check(found)
                item = found.item
                differing.setdefault((item.tasklist, item.targets, found.surroundings), found)
        return list(differing.values())

    def _check_paths(self, uses: Sequence[Use], root: Document, references: References) -> None:
        variables = VariableChecks(
            graph=self._graph,
            inventory=self._inventory,
            host_environment=self._host_environment,
            faults=self._faults,
        )
        gets = GetChecks(
            graph=self._graph,
            inventory=self._inventory,
            working_directory=self._working_directory,
            faults=self._faults,
        )
        sources = SourceChecks(
            uses,
            graph=self._graph,
            inventory=self._inventory,
            working_directory=self._working_directory,
            host_environment=self._host_environment,
            faults=self._faults,
        )
        for use in uses:
            if self._knows_all_variables:
                variables.check(use)
            gets.check(use)
        is_complete = self._is_complete and not references.has_unknown
        sources.check(is_complete=is_complete and self._is_well_built, root=root.source.name)


def _own_names(draft: Draft) -> dict[Kind, Collection[str]]:
    return {Kind.TARGET: draft.targets, Kind.TASKLIST: draft.tasklists}
