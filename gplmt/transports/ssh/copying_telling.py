"""What a put to a node tells its journal, which waits for the disk while the loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from gplmt.journals import CopyJournal
from gplmt.transports.copying_names import NodePath
from gplmt.transports.copying_telling import Telling
from gplmt.transports.ssh.copying_groups import in_thread


class NodeTelling:
    """Tells a journal everything once; what many have to say meanwhile is told together."""

    def __init__(self, journal: CopyJournal) -> None:
        self._telling = Telling(journal)
        self._waiting: list[str] = []
        self._turn = asyncio.Lock()

    def temporary_beside(self, target: NodePath) -> NodePath:
        """As `Telling.temporary_beside`."""
        return self._telling.temporary_beside(target)

    def writing(self, *roots: NodePath) -> None:
        """As `Telling.writing`."""
        self._telling.writing(roots)

    def knows(self, path: NodePath) -> bool:
        """As `Telling.knows`."""
        return self._telling.knows(path)

    async def creating(self, paths: Iterable[NodePath]) -> None:
        """As `Telling.creating`."""
        new = [str(path) for path in paths if not self.knows(path)]
        if not new:
            return
        self._waiting += new
        async with self._turn:
            if self._waiting:
                batch, self._waiting = self._waiting, []
                await in_thread(self._telling.creating, batch)
