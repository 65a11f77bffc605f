"""What a put makes on a node: directories, links and files, each whole or not at all."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from gplmt.errors import CopyError
from gplmt.transports.copying_names import (
    NodePath,
    directory_in_the_way,
    no_directory,
    shown,
)
from gplmt.transports.ssh.copying_disk import Disk, Entry
from gplmt.transports.ssh.copying_door import NodeFiles
from gplmt.transports.ssh.copying_groups import in_depth
from gplmt.transports.ssh.copying_removal import Removal
from gplmt.transports.ssh.copying_sources import opened
from gplmt.transports.ssh.copying_stop import Stop
from gplmt.transports.ssh.copying_telling import NodeTelling
from gplmt.transports.ssh.copying_through import write_through

_WRITABLE = stat.S_IWUSR | stat.S_IXUSR


class NodeGrowth:
    """A tree in the making: `created` are the paths that did not exist before, parents first.

    A path counts from the moment in which the node is asked to make it, unless it refuses; it was
    told before.  A directory takes its permission bits when `set_modes` is called; until then it
    can be written to.
    """

    def __init__(self, files: NodeFiles, disk: Disk, stop: Stop, telling: NodeTelling) -> None:
        self.telling = telling
        self.created: dict[NodePath, None] = {}
        self.files = 0
        self.bytes = 0
        self._node = files
        self._disk = disk
        self._stop = stop
        self._temporaries: set[NodePath] = set()
        self._modes: dict[NodePath, int] = {}
        self._opened: dict[NodePath, int] = {}

    async def make_parents(self, directory: NodePath) -> None:
        """Make a directory and those above it, as far as they are missing.

        Raises:
            CopyError: the reason.
        """
        missing = []
        while not await self._is_directory(directory):
            missing.append(directory)
            directory = directory.parent
        missing.reverse()
        # As soon as `new` is made, there may be `new/../x`.
        is_plain = not any(path.name == ".." for path in missing)
        if missing and is_plain and await self._is_missing(missing[0]):
            await self.telling.creating(missing)
        for path in missing:
            await self._make_missing(path)

    async def make_directory(
        self, target: NodePath, permissions: int, there: Entry | None, *, source: Path
    ) -> bool:
        """Make a directory where `there` stands now; False if it existed, and can be entered.

        Raises:
            CopyError: something else stands there, or it cannot be made.
        """
        if there is None:
            try:
                async with self.creating(target):
                    await self._disk.make_directory(target, permissions | stat.S_IRWXU)
            except CopyError:
                # Somebody else may have made it just now.
                there = await self._disk.lstat(target, action="write")
                if there is None:
                    raise
        if there is not None:
            await self._enter_directory(target, source)
            if there.is_link:
                await self.tell_end(target)
            return False
        await self.plan_mode(target, permissions)
        return True

    async def put_link(
        self, text: str, target: NodePath, there: Entry | None, *, source: Path
    ) -> None:
        """Make a link that says `text`; it replaces all but a directory.

        Raises:
            CopyError: a directory stands there, or it cannot be made.
        """
        if there is not None and there.is_directory:
            raise directory_in_the_way(target, source)
        temporary = self._temporary_beside(target)
        await self._disk.make_link(temporary, text)
        await self.take_place(temporary, target, there)
        self.files += 1

    async def put_file(self, source: Path, target: NodePath, there: Entry | None) -> None:
        """Copy a file to `target`, where `there` stands now; its parent exists.

        Raises:
            CopyError: the reason.
        """
        if there is not None and there.is_link:
            target, there = await self._follow(target)
            self.telling.writing(target)
        if there is not None and there.is_directory:
            raise directory_in_the_way(target, source)
        with opened(source, self._stop) as content:
            if there is None or there.is_file:
                temporary = self._temporary_beside(target)
                await self._disk.write(temporary, content.permissions, content)
                await self.take_place(temporary, target, there)
            else:
                await write_through(self._node, target, content, stop=self._stop)
            self.bytes += content.length
        self.files += 1

    async def take_place(self, temporary: NodePath, target: NodePath, there: Entry | None) -> None:
        """Let what is complete become `target`.

        Raises:
            CopyError: the reason.
        """
        async with self.creating(*([target] if there is None else [])):
            await self._disk.rename(temporary, target)
        self._temporaries.discard(temporary)

    async def tell_end(self, link: NodePath) -> None:
        """Tell that something will be unfinished at the end of a link.

        Raises:
            CopyError: it has none.
        """
        self.telling.writing(await self._disk.real(link))

    @asynccontextmanager
    async def creating(self, *paths: NodePath) -> AsyncIterator[None]:
        """Count paths as created unless the node refuses; a cancel leaves that open."""
        await self.telling.creating(paths)
        self.created.update(dict.fromkeys(paths))
        try:
            yield
        except CopyError:
            for path in paths:
                self.created.pop(path, None)
            raise

    def shut(self, directory: NodePath, mode: int) -> None:
        """Let a new directory get these mode bits in the end."""
        self._modes[directory] = mode

    async def plan_mode(self, directory: NodePath, permissions: int) -> int:
        """Remember what a new directory of ours shall get; return the bits that it inherited."""
        made = await self._disk.lstat(directory, action="write")
        mode = 0 if made is None else stat.S_IMODE(made.mode)
        inherited = mode & stat.S_ISGID
        if mode != permissions | inherited:
            self._modes[directory] = permissions | inherited
        return inherited

    async def set_modes(self) -> None:
        """Give the directories their permission bits, now that nothing more goes into them.

        Raises:
            CopyError: that is not possible.
        """
        await self._set_modes(self._disk, {**self._modes, **self._opened})

    async def undo(self, disk: Disk) -> None:
        """Remove all that was made, and what is unfinished; what existed stays as it was.

        Raises:
            ConnectionLostError: that is no longer possible.
        """
        await Removal(disk, [*self.created, *self._temporaries]).run()
        await self._set_modes(disk, self._opened)

    async def _set_modes(self, disk: Disk, modes: Mapping[NodePath, int]) -> None:
        async def set_mode(path: NodePath) -> None:
            await disk.set_mode(path, modes[path])

        await in_depth(modes, set_mode, at_once=disk.at_once)

    async def _is_directory(self, path: NodePath) -> bool:
        entry = await self._disk.stat(path, action="write")
        return path == path.parent or (entry is not None and entry.is_directory)

    async def _is_missing(self, path: NodePath) -> bool:
        return await self._disk.lstat(path, action="write") is None

    async def _make_missing(self, path: NodePath) -> None:
        """Make a directory, unless it is there, made perhaps by somebody else just now."""
        if self.telling.knows(path) or await self._is_missing(path):
            try:
                async with self.creating(path):
                    await self._disk.make_directory(path, 0o777)
            except CopyError:
                if await self._disk.stat(path, action="write") is None:
                    raise
            else:
                return
        if not await self._is_directory(path):
            raise CopyError(f"cannot create directory {shown(path)}: File exists")

    async def _enter_directory(self, target: NodePath, source: Path) -> None:
        """Make an existing directory ready to receive files."""
        entry = await self._disk.stat(target, action="write")
        if entry is None or not entry.is_directory:
            raise no_directory(target, source)
        if entry.mode & _WRITABLE != _WRITABLE:
            # Whether this is possible, or needed, shows when something is written there.
            with suppress(CopyError):
                await self._disk.set_mode(target, stat.S_IMODE(entry.mode) | stat.S_IRWXU)
            self._opened.setdefault(target, stat.S_IMODE(entry.mode))

    async def _follow(self, link: NodePath) -> tuple[NodePath, Entry | None]:
        """The end of a link, which need not exist, and what stands there."""
        entry = await self._disk.stat(link, action="write")
        end = await self._disk.real(link)
        if entry is None and await self._disk.lstat(end, action="write") is not None:
            raise CopyError(f"cannot write {shown(link)}: Too many levels of symbolic links")
        return end, entry

    def _temporary_beside(self, target: NodePath) -> NodePath:
        temporary = self.telling.temporary_beside(target)
        self._temporaries.add(temporary)
        return temporary
