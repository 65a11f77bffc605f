"""File operations over SFTP."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import asyncssh

from gplmt.errors import CopyError
from gplmt.transports.copying_names import NodePath, shown, twin
from gplmt.transports.ssh.copying_disk import (
    Entry,
    impossible_name,
    impossible_text,
    is_possible,
)
from gplmt.transports.ssh.copying_door import Shared
from gplmt.transports.ssh.copying_sinks import Sink
from gplmt.transports.ssh.copying_sources import Source
from gplmt.transports.ssh.sftp_errors import explained, is_missing, wire
from gplmt.transports.ssh.sftp_gathering import gather_requests
from gplmt.transports.ssh.sftp_transfer import Transfer

_T = TypeVar("_T")

_NEW_FILE = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_EXCL
_KINDS = {
    asyncssh.FILEXFER_TYPE_REGULAR: stat.S_IFREG,
    asyncssh.FILEXFER_TYPE_DIRECTORY: stat.S_IFDIR,
    asyncssh.FILEXFER_TYPE_SYMLINK: stat.S_IFLNK,
    asyncssh.FILEXFER_TYPE_SOCKET: stat.S_IFSOCK,
    asyncssh.FILEXFER_TYPE_CHAR_DEVICE: stat.S_IFCHR,
    asyncssh.FILEXFER_TYPE_BLOCK_DEVICE: stat.S_IFBLK,
    asyncssh.FILEXFER_TYPE_FIFO: stat.S_IFIFO,
}


class SftpDisk:
    """A node's files through an SFTP client that other copies use, too; see `Disk`."""

    at_once = 64

    def __init__(self, client: asyncssh.SFTPClient, shared: Shared) -> None:
        gather_requests(client)
        self._client = client
        self._shared = shared

    async def login_directory(self) -> NodePath:
        """As `Disk.login_directory`."""
        if self._shared.login_directory is None:
            self._shared.login_directory = await self.real(NodePath("."))
        return self._shared.login_directory

    async def stat(self, path: NodePath, *, action: str = "read") -> Entry | None:
        """As `Disk.stat`."""
        return await self._look(action, path, self._client.stat(wire(path)))

    async def lstat(self, path: NodePath, *, action: str = "read") -> Entry | None:
        """As `Disk.lstat`."""
        return await self._look(action, path, self._client.lstat(wire(path)))

    async def list(self, directory: NodePath) -> dict[str, Entry]:
        """As `Disk.list`."""
        return await self._ask("read", directory, self._list(directory))

    async def real(self, path: NodePath) -> NodePath:
        """As `Disk.real`."""
        found: bytes = await self._ask("read", path, self._client.realpath(wire(path)))
        return NodePath(found.decode(errors="surrogateescape"))

    async def read_link(self, path: NodePath) -> str:
        """As `Disk.read_link`."""
        text: bytes = await self._ask("read", path, self._client.readlink(wire(path)))
        if b"\0" in text:
            raise impossible_text(path)
        return text.decode(errors="surrogateescape")

    async def make_directory(self, path: NodePath, permissions: int) -> None:
        """As `Disk.make_directory`."""
        attributes = asyncssh.SFTPAttrs(permissions=permissions)
        await self._ask("create directory", path, self._client.mkdir(wire(path), attributes))

    async def make_link(self, path: NodePath, text: str) -> None:
        """As `Disk.make_link`."""
        if self._shared.swaps_links is None:
            self._shared.swaps_links = await self._find_order(path)
        said = text.encode(errors="surrogateescape")
        await self._ask("write", path, self._symlink(said, wire(path)))

    async def set_mode(self, path: NodePath, mode: int) -> None:
        """As `Disk.set_mode`."""
        try:
            await self._client.setstat(wire(path), asyncssh.SFTPAttrs(permissions=mode))
        except asyncssh.SFTPPermissionDenied:
            pass  # it is ours, so there are no permission bits
        except (asyncssh.Error, OSError) as error:
            action = "set the permissions of"
            raise await explained(self._client, error, action=action, path=path) from error

    async def rename(self, path: NodePath, target: NodePath) -> None:
        """As `Disk.rename`; not in one step where the server cannot do that."""
        await self._ask("write", target, self._rename(wire(path), wire(target)))

    async def remove(self, path: NodePath) -> None:
        """As `Disk.remove`."""
        await self._ask("remove", path, self._client.remove(wire(path)))

    async def remove_directory(self, path: NodePath) -> None:
        """As `Disk.remove_directory`."""
        await self._ask("remove", path, self._client.rmdir(wire(path)))

    async def write(self, path: NodePath, permissions: int, source: Source) -> None:
        """As `Disk.write`."""
        attributes = asyncssh.SFTPAttrs(permissions=permissions)
        async with self._opened("write", path, _NEW_FILE, attributes) as transfer:
            await transfer.send(source)
            await transfer.verify(length=source.length, permissions=permissions)

    async def read(
        self, path: NodePath, size: int | None, sink: Sink, *, in_order: bool = False
    ) -> int:
        """As `Disk.read`."""
        attributes = asyncssh.SFTPAttrs()
        async with self._opened("read", path, asyncssh.FXF_READ, attributes) as transfer:
            if in_order or not size:
                length = await transfer.receive_on(size, sink)
            else:
                length = await transfer.receive(size, sink)
            if size and length < size and await transfer.is_shorter_than(size):
                raise CopyError(f"cannot copy {shown(path)}: it was cut while it was copied")
            return length

    @asynccontextmanager
    async def _opened(
        self, action: str, path: NodePath, flags: int, attributes: asyncssh.SFTPAttrs
    ) -> AsyncIterator[Transfer]:
        opening = self._client.open(wire(path), flags, attributes, encoding=None, block_size=0)
        file = await self._ask(action, path, opening)
        try:
            yield Transfer(client=self._client, file=file, path=path, memory=self._shared.memory)
        except BaseException:
            with suppress(asyncssh.Error, OSError):
                await file.close()
            raise
        # Over NFS, this may be where a full disk shows.
        await self._ask(action, path, file.close())

    async def _look(
        self, action: str, path: NodePath, request: Awaitable[asyncssh.SFTPAttrs]
    ) -> Entry | None:
        try:
            return _entry(await request)
        except (asyncssh.Error, OSError) as error:
            if is_missing(error):
                return None
            raise await explained(self._client, error, action=action, path=path) from error

    async def _list(self, directory: NodePath) -> dict[str, Entry]:
        found = {}
        async for name in self._client.scandir(wire(directory)):
            raw = name.filename
            text = raw.decode(errors="surrogateescape") if isinstance(raw, bytes) else raw
            if text in (".", ".."):
                continue
            if not is_possible(text):
                raise impossible_name(directory)
            found[text] = _entry(name.attrs)
        return found

    async def _rename(self, path: bytes, target: bytes) -> None:
        try:
            await self._client.posix_rename(path, target)
        except asyncssh.SFTPOpUnsupported:
            with suppress(asyncssh.SFTPNoSuchFile):
                await self._client.remove(target)
            await self._client.rename(path, target)

    async def _symlink(self, text: bytes, path: bytes) -> None:
        pair = (path, text) if self._shared.swaps_links else (text, path)
        await self._client.symlink(*pair)

    async def _find_order(self, path: NodePath) -> bool:
        """Whether the server takes the words of a new link in the other order.

        OpenSSH's program does, which also serves under Dropbear, where asyncssh does not expect
        it.  The wrong order would make a link of any name anywhere, so it is tried with two names
        of ours.
        """
        link, other = twin(path), twin(path)
        await self._ask("write", path, self._client.symlink(wire(other), wire(link)))
        is_swapped = await self.lstat(link) is None
        await self.remove(other if is_swapped else link)
        return is_swapped

    async def _ask(self, action: str, path: NodePath, request: Awaitable[_T]) -> _T:
        try:
            return await request
        except (asyncssh.Error, OSError) as error:
            raise await explained(self._client, error, action=action, path=path) from error


def _entry(attributes: asyncssh.SFTPAttrs) -> Entry:
    mode = attributes.permissions or 0
    if not stat.S_IFMT(mode):  # later versions of the protocol tell the kind apart from the bits
        mode |= _KINDS.get(attributes.type, 0)
    return Entry(mode=mode, size=attributes.size)
