"""Files, links and whole directories from here to a node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from gplmt.journals import CopyJournal
from gplmt.protocols import Copied
from gplmt.transports.copying_names import NodePath, failing_as
from gplmt.transports.copying_places import is_entered, name_copies, own_name, says_into
from gplmt.transports.ssh.copying_disk import Disk, Entry
from gplmt.transports.ssh.copying_door import NodeFiles
from gplmt.transports.ssh.copying_groups import Crew, in_thread
from gplmt.transports.ssh.copying_growth import NodeGrowth
from gplmt.transports.ssh.copying_places import resolve
from gplmt.transports.ssh.copying_staging import Staging
from gplmt.transports.ssh.copying_stop import Stop
from gplmt.transports.ssh.copying_survey import LocalDirectory, survey
from gplmt.transports.ssh.copying_telling import NodeTelling

_Act = Callable[[NodePath, Entry | None], Awaitable[object]]

# A directory is listed, rather than asked for each name, if so much is to be put into it.
_LISTING_NAMES = 32


class Put:
    """A put in the making."""

    def __init__(self, files: NodeFiles, disk: Disk, stop: Stop, journal: CopyJournal) -> None:
        self._telling = NodeTelling(journal)
        self._growth = NodeGrowth(files, disk, stop, self._telling)
        self._staging = Staging(files, disk, self._growth, stop)
        self._seen: dict[NodePath, Entry | None] = {}
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
        self._telling.writing(*(path for _, path in places))
        if self._seen.get(places[0][1]) is None:
            await self._growth.make_parents(places[0][1].parent)
        crew = Crew(self._disk.at_once, self._stop)
        for source, path in places:
            crew.add(partial(self._put, crew, source, path))
        await crew.work()
        await self._growth.set_modes()
        await self._staging.remove()
        return Copied(
            files=self._growth.files,
            bytes=self._growth.bytes,
            created=tuple(str(path) for path in self._growth.created),
        )

    async def undo(self, disk: Disk) -> None:
        """Take back what was created; what existed stays as it is.

        Raises:
            ConnectionLostError: that is no longer possible.
        """
        await self._staging.remove()
        await self._growth.undo(disk)

    async def _place(
        self, sources: Sequence[Path], destination: NodePath, *, into: bool
    ) -> Sequence[tuple[Path, NodePath]]:
        """Each source with the very path that its copy shall have; see `copying_places.place`."""
        if not (into or len(sources) > 1 or await self._is_entered(sources[0], destination)):
            return ((sources[0], destination),)
        return name_copies([(source, own_name(source)) for source in sources], destination)

    async def _is_entered(self, source: Path, destination: NodePath) -> bool:
        there = self._seen[destination] = await self._disk.lstat(destination, action="write")
        if there is not None and there.is_link:
            there = await self._disk.stat(destination, action="write")
        if there is None or not there.is_directory:
            return False
        is_directory = _is_directory(source)
        return is_entered(destination, name=own_name(source), is_directory=is_directory)

    async def _put(self, crew: Crew, source: Path, target: NodePath) -> None:
        if target in self._seen:
            there = self._seen[target]
        else:
            there = await self._disk.lstat(target, action="write")
        if _is_directory(source):
            tree = await in_thread(survey, source, self._stop)
            stage = await self._staging.stage(tree, target, there)
            await self._put_directory(crew, tree, stage, target, there)
        else:
            await self._growth.put_file(source, target, there)

    async def _put_directory(
        self,
        crew: Crew,
        directory: LocalDirectory,
        stage: NodePath | None,
        target: NodePath,
        there: Entry | None,
    ) -> None:
        """Make or enter a directory, and let the crew put what is in it, or waits for it."""
        is_new = there is None
        if is_new and stage is not None:
            if await self._staging.adopt(directory, stage, target):
                return
        elif is_new and not self._telling.knows(target):
            await self._telling.creating(target / place for place in directory.places())
        is_new = await self._growth.make_directory(
            target, directory.permissions, there, source=directory.path
        )
        names = {} if is_new else await self._names(target, directory)
        if not is_new and names is not None:
            await self._telling.creating(target / place for place in directory.places_but(names))
        for child in directory.directories:
            staged = stage / child.name if stage is not None else None
            act: _Act = partial(self._put_directory, crew, child, staged)
            crew.add(partial(self._at, target / child.name, names, act))
        for name, text in directory.links:
            act = partial(self._growth.put_link, text, source=directory.path / name)
            crew.add(partial(self._at, target / name, names, act))
        for file in directory.files:
            source = directory.path / file.name
            act = partial(self._growth.put_file, source)
            if stage is not None and file.is_staged:
                act = partial(self._staging.move_file, stage / file.name, file, source)
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
            await act(target, await self._disk.lstat(target, action="write"))
        else:
            await act(target, names.get(target.name))


def _is_directory(source: Path) -> bool:
    with failing_as("read", source):
        return source.is_dir()
