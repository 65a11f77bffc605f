"""Files, links and whole directories from here to a node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event

from gplmt.protocols import Copied
from gplmt.transports.copying_names import NodePath, failing_as
from gplmt.transports.copying_places import is_entered, name_copies, own_name, says_into
from gplmt.transports.ssh.copying_disk import Disk, Entry
from gplmt.transports.ssh.copying_door import NodeFiles
from gplmt.transports.ssh.copying_groups import Crew
from gplmt.transports.ssh.copying_growth import NodeGrowth
from gplmt.transports.ssh.copying_places import resolve
from gplmt.transports.ssh.copying_survey import LocalDirectory, survey

_Act = Callable[[NodePath, Entry | None], Awaitable[object]]

# A directory is listed, rather than asked for each name, if so much is to be put into it.
_LISTING_NAMES = 32


class Put:
    """A put in the making."""

    def __init__(self, files: NodeFiles, disk: Disk, stop: Event) -> None:
        self.growth = NodeGrowth(files, disk, stop)
        self._disk = disk
        self._stop = stop

    async def run(self, sources: Sequence[Path], destination: str) -> Copied:
        """Copy everything.

        Raises:
            CopyError, ConnectionLostError: the reason, naming the path.
            StoppedError: the copy was asked to stop.
        """
        target = await resolve(self._disk, destination)
        places = await self._place(sources, target, into=says_into(destination))
        await self.growth.make_parents(places[0][1].parent)
        crew = Crew(self._disk.at_once, self._stop)
        for source, path in places:
            crew.add(partial(self._put, crew, source, path))
        await crew.work()
        await self.growth.set_modes()
        return Copied(
            files=self.growth.files,
            bytes=self.growth.bytes,
            created=tuple(str(path) for path in self.growth.created),
        )

    async def _place(
        self, sources: Sequence[Path], destination: NodePath, *, into: bool
    ) -> Sequence[tuple[Path, NodePath]]:
        """Each source with the very path that its copy shall have; see `copying_places.place`."""
        if not (into or len(sources) > 1 or await self._is_entered(sources[0], destination)):
            return ((sources[0], destination),)
        return name_copies([(source, own_name(source)) for source in sources], destination)

    async def _is_entered(self, source: Path, destination: NodePath) -> bool:
        there = await self._disk.stat(destination)
        if there is None or not there.is_directory:
            return False
        is_directory = _is_directory(source)
        return is_entered(destination, name=own_name(source), is_directory=is_directory)

    async def _put(self, crew: Crew, source: Path, target: NodePath) -> None:
        there = await self._disk.lstat(target)
        if _is_directory(source):
            tree = await asyncio.to_thread(survey, source, self._stop)
            await self._put_directory(crew, tree, target, there)
        else:
            await self.growth.put_file(source, target, there)

    async def _put_directory(
        self, crew: Crew, directory: LocalDirectory, target: NodePath, there: Entry | None
    ) -> None:
        """Make or enter a directory, and let the crew put what is in it."""
        is_new = await self.growth.make_directory(
            target, directory.permissions, there, source=directory.path
        )
        names = {} if is_new else await self._names(target, directory)
        for child in directory.directories:
            act: _Act = partial(self._put_directory, crew, child)
            crew.add(partial(self._at, target / child.name, names, act))
        for name, text in directory.links:
            act = partial(self.growth.put_link, text, source=directory.path / name)
            crew.add(partial(self._at, target / name, names, act))
        for file in directory.files:
            act = partial(self.growth.put_file, directory.path / file.name)
            crew.add(partial(self._at, target / file.name, names, act))

    async def _names(
        self, target: NodePath, directory: LocalDirectory
    ) -> Mapping[str, Entry] | None:
        """What stands in an existing directory; None if few names shall be asked for there."""
        count = len(directory.directories) + len(directory.links) + len(directory.files)
        return await self._disk.list(target) if count >= _LISTING_NAMES else None

    async def _at(self, target: NodePath, names: Mapping[str, Entry] | None, act: _Act) -> None:
        """Do something with a path and what stands there."""
        if names is None:
            await act(target, await self._disk.lstat(target))
        else:
            await act(target, names.get(target.name))


def _is_directory(source: Path) -> bool:
    with failing_as("read", source):
        return source.is_dir()
