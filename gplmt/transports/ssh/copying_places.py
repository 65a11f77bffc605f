"""What a copy from or to a node is of, and where it goes (LANGUAGE.md 5.5, 6.3)."""

from __future__ import annotations

import fnmatch
import glob
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from threading import Event

from gplmt.errors import CopyError
from gplmt.transports.copying_names import NodePath, shown
from gplmt.transports.copying_places import Beginning, beginning
from gplmt.transports.ssh.copying_disk import Disk, is_possible
from gplmt.transports.ssh.copying_groups import Crew


async def resolve(disk: Disk, text: str) -> NodePath:
    """The path on the node that the user's text means.

    Raises:
        CopyError: the node does not tell where relative paths begin.
    """
    root, rest = await _anchored(disk, text)
    return root / rest


async def expand(disk: Disk, source: str, stop: Event) -> list[NodePath]:
    """The paths that `source` names: itself if it exists, else the sorted matches of a pattern.

    As in the shell, `*` and `?` match no leading dot and no slash.

    Raises:
        CopyError: there are none.
    """
    root, rest = await _anchored(disk, source)
    literal = root / rest
    if await disk.lstat(literal) is not None:
        return [literal]
    if not glob.has_magic(rest):
        raise CopyError(f"cannot read {shown(literal)}: No such file or directory")
    matches = await _Pattern(disk, stop).match(root, rest)
    if not matches:
        raise CopyError(f"nothing matches {shown(literal)}")
    return sorted(matches)


async def own_name(disk: Disk, source: NodePath) -> str:
    """The name that a copy *into* a directory has there; none for the root.

    Raises:
        CopyError: the node does not tell it.
    """
    if source.name not in ("", ".."):
        return source.name
    name = (await disk.real(source)).name
    if name and not is_possible(name):
        raise CopyError(f"cannot read {shown(source)}: the node does not tell its name")
    return name


class _Pattern:
    """Looks for what matches, in many directories at once."""

    def __init__(self, disk: Disk, stop: Event) -> None:
        self._disk = disk
        self._stop = stop
        self._found: list[NodePath] = []

    async def match(self, root: NodePath, pattern: str) -> list[NodePath]:
        """The paths below `root` that match, in any order."""
        found = [root]
        parts = NodePath(pattern).parts
        for position, part in enumerate(parts):
            is_last = position == len(parts) - 1
            if glob.has_magic(part):
                found = await self._each(found, partial(self._match_names, part))
            elif is_last:
                found = await self._each([path / part for path in found], self._keep_existing)
            else:
                found = [path / part for path in found]
        if pattern.endswith("/"):
            found = await self._each(found, self._keep_directory)
        return found

    async def _each(
        self, paths: list[NodePath], look: Callable[[NodePath], Awaitable[None]]
    ) -> list[NodePath]:
        self._found = []
        crew = Crew(min(self._disk.at_once, max(1, len(paths))), self._stop)
        for path in paths:
            crew.add(partial(look, path))
        await crew.work()
        return self._found

    async def _match_names(self, part: str, directory: NodePath) -> None:
        matches = re.compile(fnmatch.translate(part)).match
        with suppress(CopyError):  # it is no directory, or must not be read
            names = await self._disk.list(directory)
            self._found += [
                directory / name
                for name in names
                if matches(name) and (part.startswith(".") or not name.startswith("."))
            ]

    async def _keep_existing(self, path: NodePath) -> None:
        with suppress(CopyError):
            if await self._disk.lstat(path) is not None:
                self._found.append(path)

    async def _keep_directory(self, path: NodePath) -> None:
        with suppress(CopyError):
            entry = await self._disk.stat(path)
            if entry is not None and entry.is_directory:
                self._found.append(path)


async def _anchored(disk: Disk, text: str) -> tuple[NodePath, str]:
    """The directory where `text` begins, and the rest; the home directory is that of the login."""
    where, rest = beginning(text)
    if where is Beginning.ROOT:
        return NodePath("/"), rest
    return await disk.login_directory(), rest
