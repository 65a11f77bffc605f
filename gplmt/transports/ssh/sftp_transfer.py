"""The bytes of one open file over SFTP, many blocks under way at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

import asyncssh
from msgspec import Struct

from gplmt.errors import CopyError
from gplmt.transports.copying_names import NodePath, shown
from gplmt.transports.ssh.copying_door import ByteBudget
from gplmt.transports.ssh.copying_groups import all_of
from gplmt.transports.ssh.copying_sinks import Sink
from gplmt.transports.ssh.copying_sources import Source
from gplmt.transports.ssh.sftp_errors import explained

_T = TypeVar("_T")

# What a connection of 100 MB/s holds at a round trip of 40 ms.
_WINDOW_BYTES = 4 << 20


class Transfer(Struct, frozen=True, kw_only=True):
    """A file that is open on a node; `memory` bounds what all transfers hold."""

    client: asyncssh.SFTPClient
    file: asyncssh.SFTPClientFile
    path: NodePath
    memory: ByteBudget

    async def send(self, source: Source) -> None:
        """Write all bytes of the source to the empty file.

        Raises:
            CopyError, ConnectionLostError, StoppedError: not all could be written.
        """
        if not source.tells_length:
            await self._send_on(source)
            return
        size = min(self.client.limits.max_write_len, source.length)
        blocks = source.blocks(size)
        end = 0

        async def send_blocks() -> None:
            nonlocal end
            for offset, count in blocks:
                end = max(end, offset + await self._send_block(source, offset, count))

        await _in_window(send_blocks, block_bytes=size, length=source.length)
        if end < source.length:  # a hole ends the file
            attributes = asyncssh.SFTPAttrs(size=source.length)
            await self._ask("write", self.file.setstat(attributes))

    async def receive(self, size: int, sink: Sink) -> int:
        """Read `size` bytes; return how many there were.

        Raises:
            CopyError, ConnectionLostError, StoppedError: they cannot be read, or not be stored.
        """
        block = min(self.client.limits.max_read_len, size)
        offsets = iter(range(0, size, block))
        length = size

        async def receive_blocks() -> None:
            nonlocal length
            for offset in offsets:
                count = min(block, size - offset)
                got = await self._receive_block(sink, offset, count)
                if got < count:
                    length = min(length, offset + got)

        await _in_window(receive_blocks, block_bytes=block, length=size)
        return length

    async def receive_on(self, size: int | None, sink: Sink) -> int:
        """Read one block after another, to the end if the file does not tell its length.

        Raises:
            CopyError, ConnectionLostError, StoppedError: as `receive`.
        """
        offset, block = 0, self.client.limits.max_read_len
        while data := await self._read(offset, min(block, size - offset) if size else block):
            await sink.write(offset, data)
            offset += len(data)
            if offset == size:
                break
        return offset

    async def verify(self, *, length: int, permissions: int) -> None:
        """See that all bytes have arrived, and give the file its permission bits.

        Raises:
            CopyError, ConnectionLostError: they have not.
        """
        found = await self._ask("write", self.file.stat())
        if found.size != length:
            raise CopyError(
                f"cannot write {shown(self.path)}: {found.size} bytes of {length} have arrived"
            )
        if found.permissions is not None and found.permissions & 0o777 != permissions:
            await self._set_permissions(permissions)

    async def is_shorter_than(self, size: int) -> bool:
        """Whether the file has lost bytes, unlike one of /sys, which never had as many."""
        found = await self._ask("read", self.file.stat())
        return found.size is not None and found.size < size

    async def _send_on(self, source: Source) -> None:
        offset = 0
        while data := await source.read_on(offset, self.client.limits.max_write_len):
            await self._ask("write", self.file.write(data, offset))
            offset += len(data)

    async def _send_block(self, source: Source, offset: int, count: int) -> int:
        taken = await self.memory.take(count)
        try:
            data = await source.read(offset, count)
            await self._ask("write", self.file.write(data, offset))
        finally:
            self.memory.give_back(taken)
        return len(data)

    async def _receive_block(self, sink: Sink, offset: int, count: int) -> int:
        """Read and store a block, in pieces if the server gives less; return its length."""
        taken = await self.memory.take(count)
        got = 0
        try:
            while got < count and (data := await self._read(offset + got, count - got)):
                await sink.write(offset + got, data)
                got += len(data)
        finally:
            self.memory.give_back(taken)
        return got

    async def _read(self, offset: int, count: int) -> bytes:
        return await self._ask("read", self.file.read(count, offset))

    async def _set_permissions(self, permissions: int) -> None:
        try:
            await self.file.setstat(asyncssh.SFTPAttrs(permissions=permissions))
        except asyncssh.SFTPPermissionDenied:
            pass  # it is ours, so the file system has no permission bits
        except (asyncssh.Error, OSError) as error:
            raise await self._explained("set the permissions of", error) from error

    async def _ask(self, action: str, request: Awaitable[_T]) -> _T:
        try:
            return await request
        except (asyncssh.Error, OSError) as error:
            raise await self._explained(action, error) from error

    async def _explained(self, action: str, error: Exception) -> Exception:
        return await explained(self.client, error, action=action, path=self.path)


async def _in_window(
    work: Callable[[], Coroutine[object, object, None]], *, block_bytes: int, length: int
) -> None:
    """Let as many workers share the blocks of a file as the window holds."""
    blocks = -(-length // block_bytes)
    count = min(blocks, max(1, _WINDOW_BYTES // block_bytes))
    if count == 1:
        await work()
    else:
        await all_of(work() for _ in range(count))
