"""Copies as tests make them, each with a journal of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gplmt.protocols import Copied, UnwrittenJournal
from gplmt.transports import copying
from gplmt.transports.ssh import copying as copying_over_ssh
from gplmt.transports.ssh.copying_door import NodeFiles


async def put(sources: Sequence[Path], destination: str, *, directory: Path) -> Copied:
    """A put on this host."""
    return await copying.put(sources, destination, directory=directory, journal=UnwrittenJournal())


async def get(source: str, destination: Path, *, into: bool, directory: Path) -> Copied:
    """A get on this host."""
    return await copying.get(
        source, destination, into=into, directory=directory, journal=UnwrittenJournal()
    )


async def put_there(files: NodeFiles, sources: Sequence[Path], destination: str) -> Copied:
    """A put on a node."""
    return await copying_over_ssh.put(files, sources, destination, journal=UnwrittenJournal())


async def get_there(files: NodeFiles, source: str, destination: Path, *, into: bool) -> Copied:
    """A get from a node."""
    return await copying_over_ssh.get(
        files, source, destination, into=into, journal=UnwrittenJournal()
    )
