"""Copies as tests make them, and a journal that keeps what they tell and looks if it is so."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gplmt.arrivals import Arrivals
from gplmt.protocols import Copied
from gplmt.transports import copying
from gplmt.transports.ssh import copying as copying_over_ssh
from gplmt.transports.ssh.copying_door import NodeFiles

_MOST_PATHS = 1000


class ToldJournal:
    """Keeps all `roots` and new `paths`; `faults` are what no copy may do to a journal.

    Nodes of tests have the files of this host, so paths there can be looked at.  Others may make
    them meanwhile, unless the copy `is_alone`.
    """

    def __init__(self, *, is_alone: bool = True) -> None:
        self.stem = secrets.token_hex(4)
        self.roots: list[str] = []
        self.paths: dict[str, None] = {}
        self.calls = 0
        self.faults: list[str] = []
        self._is_alone = is_alone

    def writing(self, roots: Sequence[str]) -> None:
        self._expect(bool(roots), "nothing is told")
        for root in roots:
            self._expect(Path(root).is_absolute(), f"{root} is not absolute")
        self.roots += roots

    def creating(self, paths: Sequence[str]) -> None:
        self.calls += 1
        self._expect(not _is_on_a_loop(), "an event loop is kept waiting")
        self._expect(bool(self.roots), "a path comes before the places of the copies")
        self._expect(0 < len(paths) <= _MOST_PATHS, f"{len(paths)} paths come at once")
        for path in paths:
            self._expect_new(path)
            self.paths[path] = None

    def check(self, copied: Copied) -> Copied:
        """See that all that was created had been told; return what is given."""
        self.check_faults()
        assert set(copied.created) <= self.paths.keys()
        return copied

    def check_faults(self) -> None:
        """See that nothing was told that is not so."""
        assert self.faults == []

    def _expect_new(self, path: str) -> None:
        parent = str(Path(path).parent)
        self._expect(path not in self.paths, f"{path} comes twice")
        self._expect(Path(path).is_absolute(), f"{path} is not absolute")
        self._expect(parent in self.paths or Path(parent).is_dir(), f"{path} before its parent")
        self._expect(not (self._is_alone and os.path.lexists(path)), f"{path} exists")

    def _expect(self, is_so: bool, fault: str) -> None:
        if not is_so:
            self.faults.append(fault)


async def put(
    sources: Sequence[Path],
    destination: str,
    *,
    directory: Path,
    is_alone: bool = True,
    arrivals: Arrivals | None = None,
) -> Copied:
    """A put on this host."""
    journal = ToldJournal(is_alone=is_alone)
    try:
        copied = await copying.put(
            sources,
            destination,
            directory=directory,
            journal=journal,
            arrivals=arrivals or Arrivals(),
        )
    finally:
        journal.check_faults()
    return journal.check(copied)


async def get(
    source: str,
    destination: Path,
    *,
    into: bool,
    directory: Path,
    arrivals: Arrivals | None = None,
) -> Copied:
    """A get on this host."""
    journal = ToldJournal()
    try:
        copied = await copying.get(
            source,
            destination,
            into=into,
            directory=directory,
            journal=journal,
            arrivals=arrivals or Arrivals(),
        )
    finally:
        journal.check_faults()
    return journal.check(copied)


async def put_there(
    files: NodeFiles, sources: Sequence[Path], destination: str, *, is_alone: bool = True
) -> Copied:
    """A put on a node."""
    journal = ToldJournal(is_alone=is_alone)
    try:
        copied = await copying_over_ssh.put(files, sources, destination, journal=journal)
    finally:
        journal.check_faults()
    return journal.check(copied)


async def get_there(
    files: NodeFiles,
    source: str,
    destination: Path,
    *,
    into: bool,
    is_alone: bool = True,
    arrivals: Arrivals | None = None,
) -> Copied:
    """A get from a node."""
    journal = ToldJournal(is_alone=is_alone)
    try:
        copied = await copying_over_ssh.get(
            files,
            source,
            destination,
            into=into,
            journal=journal,
            arrivals=arrivals or Arrivals(),
        )
    finally:
        journal.check_faults()
    return journal.check(copied)


def _is_on_a_loop() -> bool:
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False
