"""What all scopes of one run share: record, clock, transports, paths, and how it is ending."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from gplmt.engine.copies import Copies
from gplmt.engine.scopes import Shelter, raise_pending_cancellation
from gplmt.events import Outcome
from gplmt.inventory import Node
from gplmt.journals import Journal, NoJournal
from gplmt.protocols import Clock, OutputLogs, Recorder, Transport

_LONGEST_SLEEP_SECONDS = 30.0  # the wall clock may be set while we sleep


class Session:
    """The surroundings of a run; one object, handed to every scope.

    `losses` counts, by target, the tasks that failed as they could not be done just then
    (`gplmt.engine.losses`): what they should have done there has not been done.
    """

    def __init__(
        self,
        *,
        recorder: Recorder,
        clock: Clock,
        transports: Mapping[str, Transport],
        logs: OutputLogs,
        run_directory: Path,
        working_directory: Path,
        journal: Journal | None = None,
        first_span: int = 1,
    ) -> None:
        self.recorder = recorder
        self.clock = clock
        self.transports = transports
        self.logs = logs
        self.run_directory = run_directory
        self.working_directory = working_directory
        self.journal = NoJournal() if journal is None else journal
        self.losses: Counter[str] = Counter()
        self.shelter = Shelter()
        self.stopped = Outcome.STOPPED  # what to call the end of what is stopped from outside
        self.copies = Copies()
        self._spans = itertools.count(first_span)

    def span(self) -> int:
        """A number for a new `…Started` event."""
        return next(self._spans)

    def now(self) -> datetime:
        """The time of an event."""
        return self.clock.now()

    def transport(self, node: Node) -> Transport:
        """How to reach a node."""
        return self.transports[node.address.kind]

    def raise_if_stopped(self) -> None:
        """Raise the cancellation that something has overtaken, or that is on its way to all.

        After the second signal commands end before it has reached those who wait for them.

        Raises:
            asyncio.CancelledError: the current task must not go on.
        """
        if self.shelter.is_cancelled:
            raise asyncio.CancelledError
        raise_pending_cancellation()

    async def sleep_until(self, moment: datetime) -> None:
        """Wait for a wall-clock time; return at once if it has passed."""
        while (left := (moment - self.clock.now()).total_seconds()) > 0:
            await self.clock.sleep(min(left, _LONGEST_SLEEP_SECONDS))


class Tally:
    """Failures that count towards the exit code, added up along the scopes that enclose them."""

    def __init__(self, parent: Tally | None = None) -> None:
        self._parent = parent
        self.failures = 0

    def add(self, failures: int = 1) -> None:
        """Count failures here and in all enclosing scopes."""
        self.failures += failures
        if self._parent is not None:
            self._parent.add(failures)


def seconds(limit: timedelta | None) -> float | None:
    """A time limit as asyncio wants it."""
    return None if limit is None else limit.total_seconds()
