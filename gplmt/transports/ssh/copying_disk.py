"""The file operations on a node that a copy is made of, whatever serves them."""

from __future__ import annotations

import stat
from typing import Protocol

from msgspec import Struct

from gplmt.errors import CopyError
from gplmt.transports.copying_names import NodePath, shown
from gplmt.transports.ssh.copying_sinks import Sink
from gplmt.transports.ssh.copying_sources import Source


class Entry(Struct, frozen=True, kw_only=True):
    """What stands under a name: `mode` as in `os.stat`, the size where it is known."""

    mode: int
    size: int | None = None

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def permissions(self) -> int:
        """The permission bits."""
        return self.mode & 0o777


def is_possible(name: str) -> bool:
    """Whether something in a directory can have that name."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def impossible_name(directory: NodePath) -> CopyError:
    """The error of what would be written elsewhere by the name that a node tells."""
    return CopyError(f"cannot read {shown(directory)}: it has an impossible name in it")


def impossible_text(link: NodePath) -> CopyError:
    """The error of a link with a NUL in its text."""
    return CopyError(f"cannot read {shown(link)}: it says what no link can say")


class Disk(Protocol):
    """The files of a node.

    All methods raise ConnectionLostError, and CopyError, which names the path and what cannot be
    done with it, `action` where that is given.  Paths are absolute.  `at_once` is how many
    operations go well together.
    """

    at_once: int

    async def login_directory(self) -> NodePath:
        """Where relative paths begin."""
        ...

    async def stat(self, path: NodePath, *, action: str = "read") -> Entry | None:
        """What stands there, links followed; None for nothing."""
        ...

    async def lstat(self, path: NodePath, *, action: str = "read") -> Entry | None:
        """What stands there, links not followed; None for nothing."""
        ...

    async def list(self, directory: NodePath) -> dict[str, Entry]:
        """The entries of a directory, links not followed."""
        ...

    async def real(self, path: NodePath) -> NodePath:
        """The path without links; the last part need not exist."""
        ...

    async def read_link(self, path: NodePath) -> str:
        """What a link says."""
        ...

    async def make_directory(self, path: NodePath, permissions: int) -> None:
        """Make a directory, the permission bits perhaps lessened by the node's umask."""
        ...

    async def make_link(self, path: NodePath, text: str) -> None:
        """Make a link that says `text`; `path` is a temporary name."""
        ...

    async def set_mode(self, path: NodePath, mode: int) -> None:
        """Set all the mode bits of a file or directory, where the file system has such."""
        ...

    async def rename(self, path: NodePath, target: NodePath) -> None:
        """Let `path` take the place of `target`, which need not exist."""
        ...

    async def remove(self, path: NodePath) -> None:
        """Remove what is no directory."""
        ...

    async def remove_directory(self, path: NodePath) -> None:
        """Remove an empty directory."""
        ...

    async def write(self, path: NodePath, permissions: int, source: Source) -> None:
        """Make a new file with these permission bits and all bytes of the source, verified."""
        ...

    async def read(
        self, path: NodePath, size: int | None, sink: Sink, *, in_order: bool = False
    ) -> int:
        """Give the sink the bytes of a file; return their number.

        Of a file of the given size no more than that is read; 0 and None mean all there is.
        `in_order` is for a sink that may keep us waiting, which shall hold up no other copy.
        """
        ...
