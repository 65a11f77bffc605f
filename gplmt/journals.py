"""The doors to the journal of a run: what the engine, transports and copies say before they act."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from gplmt.commands import Command
from gplmt.inventory import Node
from gplmt.obligations import Obligation


class CommandJournal(Protocol):
    """Where a transport says what is about to live on nodes, before it does."""

    def command_starts(self, node: Node, command: Command, marker: str) -> None:
        """The command is started next; what bears `marker` in its environment is of it."""
        ...

    def command_lives(self, command: Command, group: int) -> None:
        """The command has been started, and leads this process group."""
        ...

    def command_ended(self, command: Command) -> None:
        """Its shell has ended or was never started; what it left is known by the marker."""
        ...


class Journal(Protocol):
    """Where the engine says what it owes, before it does (see `gplmt.obligations`).

    Nothing raises: a journal that cannot be written tells the user itself.
    """

    def owe(self, obligation: Obligation) -> None:
        """From now on; on return it stands there, should gplmt crash."""
        ...

    def use(self, node: Node) -> None:
        """Something of the run may be on the node from now on, or is owed there."""
        ...

    def settle(self, key: str) -> None:
        """Nothing is owed under this key any more; one that is not known changes nothing."""
        ...

    async def secured(self) -> None:
        """Return when all that is owed so far stands there, should the machine crash.

        Cancelled, it will in a moment.
        """
        ...

    def sync(self) -> None:
        """The same for threads: it blocks."""
        ...


class NoJournal:
    """Takes what is owed, and forgets it; a `Journal` and a `CommandJournal`."""

    def owe(self, obligation: Obligation) -> None:
        """Forget it."""

    def use(self, node: Node) -> None:
        """Forget it."""

    def settle(self, key: str) -> None:
        """It is forgotten already."""

    async def secured(self) -> None:
        """There is nothing to be waited for."""

    def sync(self) -> None:
        """There is nothing to be waited for."""

    def command_starts(self, node: Node, command: Command, marker: str) -> None:
        """Forget it."""

    def command_lives(self, command: Command, group: int) -> None:
        """Forget it."""

    def command_ended(self, command: Command) -> None:
        """It is forgotten already."""


class CopyJournal(Protocol):
    """What a copy tells before it writes, so that what a killed gplmt has left can be removed.

    `stem` is 8 hexadecimal digits, those of the run.  What is unfinished, a file, a link or a
    whole directory, has a name `.gplmt-STEM????????.tmp`, 8 more such digits in the middle, and
    lies beside or below the places that `writing` was told, on their side of any link.  Whatever
    else a copy makes was told to `creating`.  Paths are absolute, and of the host that is written
    to: of the node for a put, of the execution host for a get; bytes that are no UTF-8 are
    surrogates, as in `os.fsdecode`.  Nothing raises.
    """

    @property
    def stem(self) -> str:
        """What the names of unfinished files begin with."""
        ...

    def writing(self, roots: Sequence[str]) -> None:
        """Something may soon be unfinished beside or below `roots`, the places of the copies.

        Called on the event loop or in a thread, so it must not block for long.  It is called
        before anything is written, and again with the end of each link that is written through.
        """
        ...

    def creating(self, paths: Sequence[str]) -> None:
        """The copy is about to make `paths`, which do not exist, parents first.

        Returns when that is sure to outlast a crash.  Called in threads, by one at a time for each
        copy, with up to a thousand paths.  That a path was told does not mean that it was made:
        the copy may fail before, or somebody else may make it first.
        """
        ...


class UnwrittenJournal:
    """A journal for copies after which nobody will clean up."""

    def __init__(self) -> None:
        self.stem = os.urandom(4).hex()

    def writing(self, roots: Sequence[str]) -> None:
        """Note nothing."""

    def creating(self, paths: Sequence[str]) -> None:
        """Note nothing."""
