"""Many small files that wait on the node, where tar has put them, until they take their places."""

from __future__ import annotations

import stat
from contextlib import suppress
from functools import partial
from pathlib import Path

from gplmt.errors import CopyError
from gplmt.transports.copying_names import NodePath
from gplmt.transports.ssh import tar_pipes
from gplmt.transports.ssh.copying_disk import Disk, Entry
from gplmt.transports.ssh.copying_door import NodeFiles
from gplmt.transports.ssh.copying_groups import Crew
from gplmt.transports.ssh.copying_growth import NodeGrowth
from gplmt.transports.ssh.copying_scripts import remove_tree_script
from gplmt.transports.ssh.copying_sources import opened
from gplmt.transports.ssh.copying_stop import Stop
from gplmt.transports.ssh.copying_survey import LocalDirectory, LocalFile
from gplmt.transports.ssh.tar_packing import count_packed

# Fewer are there before a program has started.
_LEAST_FILES = 8


class Staging:
    """Directories on the node in which trees wait; what they become is counted by `growth`."""

    def __init__(self, node: NodeFiles, disk: Disk, growth: NodeGrowth, stop: Stop) -> None:
        self._node = node
        self._disk = disk
        self._growth = growth
        self._stop = stop
        self._stages: set[NodePath] = set()

    async def stage(
        self, tree: LocalDirectory, target: NodePath, there: Entry | None
    ) -> NodePath | None:
        """Bring the small files of a tree to the node; return where they wait, if they do.

        `there` is what stands where the tree shall go.

        Raises:
            CopyError, ConnectionLostError, StoppedError: as `tar_pipes.stage`.
        """
        is_link = there is not None and there.is_link
        if is_link:
            there = await self._disk.stat(target, action="write")
        is_inside = there is not None and there.is_directory
        if count_packed(tree) < _LEAST_FILES or not (there is None or is_inside):
            return None
        if is_link:
            await self._growth.tell_end(target)
        # Renaming does not lead to another file system.
        beside = target / tree.name if is_inside else target
        place = self._growth.telling.temporary_beside(beside)
        parent = await self._disk.stat(place.parent, action="write")
        inherited = stat.S_ISGID & parent.mode if parent is not None else 0
        with tar_pipes.tar_slot(self._node.shared) as is_free:
            if not is_free:
                return None
            self._stages.add(place)
            is_staged = await tar_pipes.stage(
                self._node, tree, place, inherited=inherited, stop=self._stop
            )
        return place if is_staged else None

    async def adopt(self, tree: LocalDirectory, staged: NodePath, target: NodePath) -> bool:
        """Let a directory that waits, its large files added, become the new `target`.

        False if it cannot.

        Raises:
            CopyError: a large file cannot be copied.
        """
        await self._complete(tree, staged)
        paths = [target / place for place in tree.places()]
        try:
            async with self._growth.creating(*paths):
                await self._disk.rename(staged, target)
        except CopyError:
            return False
        self._stages.discard(staged)
        self._growth.files += tree.count_entries()
        self._growth.bytes += tree.count_bytes()
        # tar has set the other bits, save those of its own working directory.
        inherited = await self._growth.plan_mode(target, tree.permissions)
        for place, directory in tree.walk():
            if directory.permissions & stat.S_IRWXU != stat.S_IRWXU:
                self._growth.shut(target / place, directory.permissions | inherited)
        return True

    async def move_file(
        self, staged: NodePath, file: LocalFile, source: Path, target: NodePath, there: Entry | None
    ) -> None:
        """Let a file that waits take its place.

        Raises:
            CopyError: the reason.
        """
        if there is None or there.is_file:
            # The place may be on another file system; then it is copied.
            with suppress(CopyError):
                await self._growth.take_place(staged, target, there)
                self._growth.bytes += file.size
                self._growth.files += 1
                return
        await self._growth.put_file(source, target, there)

    async def remove(self) -> None:
        """Remove what still waits.

        Raises:
            ConnectionLostError: that is no longer possible.
        """
        while self._stages:
            async with self._node.pipe(remove_tree_script(self._stages.pop())) as pipe:
                await pipe.wait()

    async def _complete(self, tree: LocalDirectory, staged: NodePath) -> None:
        crew = Crew(self._disk.at_once, self._stop)
        for place, directory in tree.walk():
            for file in directory.files:
                if not file.is_staged:
                    crew.add(partial(self._fill, file, directory.path, staged / place))
        await crew.work()

    async def _fill(self, file: LocalFile, source: Path, target: NodePath) -> None:
        """Copy a file to where nobody looks for it yet."""
        with opened(source / file.name, self._stop) as content:
            await self._disk.write(target / file.name, content.permissions, content)
            file.size, file.is_staged = content.length, True
