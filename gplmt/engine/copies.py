"""What copies told before they wrote: owed, until it is known that nothing of it is left."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gplmt.errors import CopyError
from gplmt.inventory import Node
from gplmt.journals import Journal
from gplmt.obligations import FilesToRemove, UnfinishedFiles, written_path


class Copy:
    """One put or get; a `CopyJournal`.

    `node` is where it writes, None for the execution host.  `paths` are what is to be removed at
    the end, `roots` beside or below which something unfinished may lie.
    """

    def __init__(
        self, journal: Journal, *, key: str, at: str, node: Node | None, stem: str, keeps: bool
    ) -> None:
        self.at = at
        self.node = node
        self.stem = stem
        self.keeps = keeps
        self.paths: tuple[str, ...] = ()
        self.roots: tuple[str, ...] = ()
        self._journal = journal
        self._key = key
        self._batches = 0

    @property
    def target(self) -> str | None:
        """The name of the node."""
        return None if self.node is None else self.node.name

    def writing(self, roots: Sequence[str]) -> None:
        """As `CopyJournal.writing`."""
        self.roots = (*self.roots, *roots)
        if self.node is not None:
            self._journal.use(self.node)
        self._journal.owe(
            UnfinishedFiles(
                key=f"{self._key} unfinished",
                target=self.target,
                stem=self.stem,
                roots=tuple(written_path(root) for root in self.roots),
            )
        )

    def creating(self, paths: Sequence[str]) -> None:
        """As `CopyJournal.creating`; nothing is owed if the copy is kept."""
        if self.keeps or self.node is None:
            return
        self._batches += 1
        self.paths = (*self.paths, *paths)
        self._journal.owe(
            FilesToRemove(
                key=f"{self._key} files {self._batches}",
                at=self.at,
                target=self.node.name,
                paths=tuple(written_path(path) for path in paths),
            )
        )
        self._journal.sync()

    def settle_unfinished(self) -> None:
        """Nothing unfinished is left."""
        self.roots = ()
        self._journal.settle(f"{self._key} unfinished")

    def settle(self) -> None:
        """Nothing of it is left to be removed."""
        self.settle_unfinished()
        self.paths = ()
        for batch in range(1, self._batches + 1):
            self._journal.settle(f"{self._key} files {batch}")


class Copies:
    """The copies of a run, `pending` those of which something is to be removed when it ends.

    `stem` begins the names of all unfinished files of the run.
    """

    def __init__(self) -> None:
        self.stem = os.urandom(4).hex()
        self.pending: list[tuple[Node, Copy]] = []

    @contextmanager
    def copying(
        self, journal: Journal, *, key: str, at: str, node: Node | None, keeps: bool = True
    ) -> Iterator[Copy]:
        """Make a copy within the block; remember it if something has to be removed later.

        A copy that fails takes back itself what it made, unless it cannot reach the node.
        """
        copy = Copy(journal, key=key, at=at, node=node, stem=self.stem, keeps=keeps)
        try:
            yield copy
        except CopyError:
            copy.settle()
            raise
        except BaseException:
            if node is None or node.address.kind == "local":
                copy.settle()
            elif copy.roots:
                self.pending.append((node, copy))
            raise
        copy.settle_unfinished()
        if node is not None and copy.paths:
            self.pending.append((node, copy))
        else:  # what was told has been there by then
            copy.settle()
