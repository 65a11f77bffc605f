"""Taking away on a node what a put has made there."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from contextlib import suppress

from gplmt.errors import CopyError
from gplmt.transports.copying_names import NodePath
from gplmt.transports.ssh.copying_disk import Disk
from gplmt.transports.ssh.copying_groups import in_depth

_WRITABLE = stat.S_IWUSR | stat.S_IXUSR


class Removal:
    """Removes files, links and empty directories; `left` are those that are still there.

    Read-only directories give their files away too, if they are ours.
    """

    def __init__(self, disk: Disk, paths: Sequence[NodePath]) -> None:
        self._disk = disk
        self._paths = paths
        self._parents = {path.parent for path in paths}
        self._opened: dict[NodePath, int] = {}
        self._left: set[NodePath] = set()

    @property
    def left(self) -> list[NodePath]:
        """What could not be removed, in the order in which it was given."""
        return [path for path in self._paths if path in self._left]

    async def run(self) -> None:
        """Remove all that can be removed.

        Raises:
            ConnectionLostError: it is not known what is left.
        """
        await in_depth(self._paths, self._remove, at_once=self._disk.at_once)
        for directory, mode in self._opened.items():
            with suppress(CopyError):
                await self._disk.set_mode(directory, mode)

    async def _remove(self, path: NodePath) -> None:
        if not await self._try(path) and not (
            await self._open_up(path.parent) and await self._try(path)
        ):
            self._left.add(path)

    async def _try(self, path: NodePath) -> bool:
        """Remove a path; False if it is still there."""
        first, second = self._disk.remove, self._disk.remove_directory
        if path in self._parents:
            first, second = second, first
        for remove in (first, second):
            with suppress(CopyError):
                await remove(path)
                return True
            if not await self._exists(path):
                return True
        return False

    async def _exists(self, path: NodePath) -> bool:
        with suppress(CopyError):
            return await self._disk.lstat(path) is not None
        return True

    async def _open_up(self, directory: NodePath) -> bool:
        """Let the owner write in a directory; False if that was no hindrance."""
        if directory in self._opened:
            return True
        with suppress(CopyError):
            entry = await self._disk.stat(directory)
            if entry is not None and entry.mode & _WRITABLE != _WRITABLE:
                self._opened[directory] = stat.S_IMODE(entry.mode)
                await self._disk.set_mode(directory, stat.S_IMODE(entry.mode) | stat.S_IRWXU)
                return True
        return False
