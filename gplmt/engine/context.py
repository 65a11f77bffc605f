"""What a task knows of where it stands."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gplmt.engine.session import Tally
from gplmt.inventory import Node
from gplmt.language.values import OnError


class Quorum:
    """How many targets of a step must not fail, and which have (LANGUAGE.md 7.6)."""

    def __init__(self, *, target_count: int, required: int | None) -> None:
        self._allowed = 0 if required is None else target_count - required
        self.failed: dict[str, None] = {}  # in order of failure

    def fail(self, target: str) -> None:
        """Count a target as failed; a second failure of it changes nothing."""
        self.failed[target] = None

    @property
    def is_lost(self) -> bool:
        """Whether too many targets have failed; without a quorum, one is too many."""
        return len(self.failed) > self._allowed


class Progress:
    """How far the body of a tasklist has come; `span` is the tasklist's."""

    def __init__(self, span: int = 0) -> None:
        self.span = span
        self.has_begun = False
        self.has_failures = False  # under on-error="continue", which lets it go on
        self.has_lost_quorum = False  # by a failure here, or one came when it was lost


class Context(Struct, frozen=True, kw_only=True):
    """One tasklist on one target, as its tasks see it.

    `variables` are those of LANGUAGE.md 5.1 to 5.3, merged. `is_excused` says that a caller
    asked for a failure, `is_cleanup` that nothing here may change what happens next, `must_run`
    that this is a cleanup or a teardown, which does not depend on whether logs can be written,
    `is_background` that the step is one that ends after the teardowns (9.4).
    """

    node: Node
    step: str
    iteration: str | None
    variables: Mapping[str, str]
    quorum: Quorum
    tally: Tally
    progress: Progress
    tasklist: str
    on_error: OnError
    parent: int
    is_excused: bool = False
    is_cleanup: bool = False
    must_run: bool = False
    is_background: bool = False

    def note_failure(self, *, is_new: bool) -> None:
        """Take a failure of a task, call or tasklist here, unless it was asked for (7.2).

        One that is not new has been counted in the tasklist that was called.
        """
        if self.is_excused:
            return
        self.quorum.fail(self.node.name)
        self.progress.has_lost_quorum |= self.quorum.is_lost
        if is_new:
            self.tally.add()
