"""Which names a document knows: those it defines and those of its includes (LANGUAGE.md 3.2)."""

from __future__ import annotations

from enum import Enum

from gplmt.loading.documents import Document


class Kind(Enum):
    """The two namespaces."""

    TARGET = "target"
    TASKLIST = "tasklist"


class Names:
    """Answers whether a name is known, each question once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Kind, str], bool] = {}
        self._lacking: dict[str, bool] = {}

    def knows(self, document: Document | None, kind: Kind, name: str) -> bool:
        """Whether `name` means something in a document.

        Yes also where that cannot be told, because a definition or a whole document could not be
        read: its fault has been told, and nothing is said of what follows from it.
        """
        if document is None or document.draft is None:
            return True
        key = (document.identity, kind, name)
        if key not in self._known:
            self._known[key] = self._defines(document, kind, name) or any(
                self.knows(included, kind, inner)
                for include, included in document.includes
                if (inner := _without_prefix(name, include.prefix)) is not None
            )
        return self._known[key]

    def may_lack_some(self, document: Document) -> bool:
        """Whether a document, or one that it includes, has definitions that could not be read."""
        if document.identity not in self._lacking:
            self._lacking[document.identity] = self._lacks(document)
        return self._lacking[document.identity]

    def _lacks(self, document: Document) -> bool:
        if document.draft is None or document.draft.context.may_define_more:
            return True
        return any(
            included is None or self.may_lack_some(included) for _, included in document.includes
        )

    def _defines(self, document: Document, kind: Kind, name: str) -> bool:
        draft = document.draft
        if draft is None:
            return True
        if kind is Kind.TARGET:
            return name in draft.targets or draft.context.may_define_target(name)
        return name in draft.tasklists or draft.context.may_define_tasklist(name)


def _without_prefix(name: str, prefix: str) -> str | None:
    """What a name is called in the included document; None if it is not from there."""
    if not prefix:
        return name
    return name.removeprefix(f"{prefix}.") if name.startswith(f"{prefix}.") else None
