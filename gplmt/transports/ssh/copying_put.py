"""Files, links and whole directories from here to a node."""

from __future__ import annotations

import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from gplmt.protocols import Copied
from gplmt.transports.copying_names import NodePath, failing_as, temporary_beside
from gplmt.transports.copying_places import is_entered, name_copies, own_name, says_into
from gplmt.transports.ssh import tar_pipes
from gplmt.transports.ssh.copying_disk import Disk, Entry
from gplmt.transports.ssh.copying_door import NodeFiles
from gplmt.transports.ssh.copying_groups import Crew, in_thread
from gplmt.transports.ssh.copying_growth import NodeGrowth
from gplmt.transports.ssh.copying_places import resolve
from gplmt.transports.ssh.copying_stop import Stop
from gplmt.transports.ssh.copying_survey import LocalDirectory, survey
from gplmt.transports.ssh.tar_packing import count_packed
from gplmt.transports.ssh.tar_pipes import tar_slot

_Act = Callable[[NodePath, Entry | None], Awaitable[object]]

# A directory is listed, rather than asked for each name, if so much is to be put into it.
_LISTING_NAMES = 32
_TAR_FILES = 8


class Put:
    """A put in the making."""

    def __init__(self, files: NodeFiles, disk: Disk, stop: Stop) -> None:
        self.growth = NodeGrowth(files, disk, stop)
        self._node = files
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
        if self._seen.get(places[0][1]) is None:
            await self.growth.make_parents(places[0][1].parent)
        crew = Crew(self._disk.at_once, self._stop)
        for source, path in places:
            crew.add(partial(self._put, crew, source, path))
        await crew.work()
        await self.growth.set_modes()
        await self.growth.remove_stages()
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
            stage = await self._stage(tree, target, there)
            await self._put_directory(crew, tree, stage, target, there)
        else:
            await self.growth.put_file(source, target, there)

    async def _stage(
        self, tree: LocalDirectory, target: NodePath, there: Entry | None
    ) -> NodePath | None:
        """Bring many small files to the node at once; return where they wait, if they do."""
        if there is not None and there.is_link:
            there = await self._disk.stat(target, action="write")
        inside = there is not None and there.is_directory
        if count_packed(tree) < _TAR_FILES or not (there is None or inside):
            return None
        # Where the tree shall be, as renaming does not lead to another file system.
        place = temporary_beside(target / tree.name if inside else target)
        parent = await self._disk.stat(place.parent, action="write")
        inherited = stat.S_ISGID & parent.mode if parent is not None else 0
        with tar_slot(self._node.shared) as is_free:
            if not is_free:
                return None
            self.growth.stages.add(place)
            is_staged = await tar_pipes.stage(
                self._node, tree, place, inherited=inherited, stop=self._stop
            )
        return place if is_staged else None

    async def _put_directory(
        self,
        crew: Crew,
        directory: LocalDirectory,
        stage: NodePath | None,
        target: NodePath,
        there: Entry | None,
    ) -> None:
        """Make or enter a directory, and let the crew put what is in it, or waits for it."""
        if stage is not None and there is None and await self._adopt(directory, stage, target):
            return
        is_new = await self.growth.make_directory(
            target, directory.permissions, there, source=directory.path
        )
        names = {} if is_new else await self._names(target, directory)
        for child in directory.directories:
            staged = stage / child.name if stage is not None else None
            act: _Act = partial(self._put_directory, crew, child, staged)
            crew.add(partial(self._at, target / child.name, names, act))
        for name, text in directory.links:
            act = partial(self.growth.put_link, text, source=directory.path / name)
            crew.add(partial(self._at, target / name, names, act))
        for file in directory.files:
            source = directory.path / file.name
            act = partial(self.growth.put_file, source)
            if stage is not None and file.is_staged:
                act = partial(self.growth.move_file, stage / file.name, file, source)
            crew.add(partial(self._at, target / file.name, names, act))

    async def _adopt(self, directory: LocalDirectory, stage: NodePath, target: NodePath) -> bool:
        """Let a directory that waits on the node become `target`, large files included."""
        crew = Crew(self._disk.at_once, self._stop)
        for place, inner in directory.walk():
            for file in inner.files:
                if not file.is_staged:
                    staged = stage / place / file.name
                    crew.add(partial(self.growth.fill, file, inner.path / file.name, staged))
        await crew.work()
        is_adopted = await self.growth.adopt(directory, stage, target)
        if is_adopted:
            self.growth.stages.discard(stage)
        return is_adopted

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
