"""A whole experiment, includes merged and references renamed (LANGUAGE.md 1 to 3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct

from gplmt.diagnostics import Location
from gplmt.language.steps import Item
from gplmt.language.targets import Target
from gplmt.language.tasks import Tasklist


class SourceFile(Struct, frozen=True, kw_only=True):
    """A file that was read: its name as shown to the user, and its bytes."""

    name: str
    content: bytes


class Experiment(Struct, frozen=True, kw_only=True):
    """What a valid document means; without steps it is a library (LANGUAGE.md 1.2).

    `targets` and `tasklists` are in document order; `targets` holds group members too, under
    their own names, as references and patterns may name them.
    """

    at: Location
    name: str
    description: str | None = None
    timeout: timedelta | None = None
    targets: Mapping[str, Target]
    tasklists: Mapping[str, Tasklist]
    steps: tuple[Item, ...] = ()
    sources: tuple[SourceFile, ...] = ()

    @property
    def is_library(self) -> bool:
        """Whether there is nothing to run."""
        return not self.steps
