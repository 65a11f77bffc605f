"""File operations by the programs of a node that has no SFTP server."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from shlex import quote

from gplmt.errors import CopyError
from gplmt.transports.copying_names import NodePath, shown
from gplmt.transports.ssh.copying_disk import (
    Entry,
    impossible_name,
    impossible_text,
    is_possible,
)
from gplmt.transports.ssh.copying_door import NodeFiles, Pipe
from gplmt.transports.ssh.copying_scripts import (
    list_script,
    make_directory_script,
    order_script,
    quoted,
    read_script,
    reason,
    rename_script,
    write_script,
)
from gplmt.transports.ssh.copying_sinks import Sink
from gplmt.transports.ssh.copying_sources import Source
from gplmt.transports.ssh.copying_stop import Stop
from gplmt.transports.ssh.copying_through import stream

_MISSING = ("No such file or directory", "Not a directory")
_KINDS = {
    "-": stat.S_IFREG,
    "d": stat.S_IFDIR,
    "l": stat.S_IFLNK,
    "p": stat.S_IFIFO,
    "s": stat.S_IFSOCK,
    "c": stat.S_IFCHR,
    "b": stat.S_IFBLK,
}


@asynccontextmanager
async def shell_disk(node: NodeFiles, stop: Stop) -> AsyncIterator[ShellDisk]:
    """A node's files through a shell that takes one order after another.

    Raises:
        ConnectError, ConnectionLostError: the node cannot be reached.
    """
    async with node.pipe("exec /bin/sh") as pipe:
        yield ShellDisk(node, pipe, stop)


class ShellDisk:
    """A node's files through its shell; see `Disk`."""

    at_once = 4

    def __init__(self, node: NodeFiles, pipe: Pipe, stop: Stop) -> None:
        self._node = node
        self._pipe = pipe
        self._stop = stop
        self._turn = asyncio.Lock()
        self._sign = token_hex(8)

    async def login_directory(self) -> NodePath:
        """As `Disk.login_directory`."""
        if self._node.shared.login_directory is None:
            status, told = await self._order("pwd")
            if status:
                raise CopyError(f"cannot tell the login directory: {reason(told, status)}")
            self._node.shared.login_directory = NodePath(_line(told))
        return self._node.shared.login_directory

    async def stat(self, path: NodePath, *, action: str = "read") -> Entry | None:
        """As `Disk.stat`."""
        return await self._look(action, path, f"ls -ldLn {quoted(path)}")

    async def lstat(self, path: NodePath, *, action: str = "read") -> Entry | None:
        """As `Disk.lstat`."""
        return await self._look(action, path, f"ls -ldn {quoted(path)}")

    async def list(self, directory: NodePath) -> dict[str, Entry]:
        """As `Disk.list`; only the kinds are told."""
        told = await self._ask("read", directory, list_script(directory))
        texts = told.decode(errors="surrogateescape").split("\0")[:-1]
        if not all(text[:1] in _KINDS and is_possible(text[1:]) for text in texts):
            raise impossible_name(directory)
        return {text[1:]: Entry(mode=_KINDS[text[0]]) for text in texts}

    async def real(self, path: NodePath) -> NodePath:
        """As `Disk.real`."""
        return NodePath(_line(await self._ask("read", path, f"readlink -f {quoted(path)}")))

    async def read_link(self, path: NodePath) -> str:
        """As `Disk.read_link`."""
        text = _line(await self._ask("read", path, f"readlink {quoted(path)}"))
        if "\0" in text:
            raise impossible_text(path)
        return text

    async def make_directory(self, path: NodePath, permissions: int) -> None:
        """As `Disk.make_directory`."""
        await self._ask("create directory", path, make_directory_script(path, permissions))

    async def make_link(self, path: NodePath, text: str) -> None:
        """As `Disk.make_link`."""
        await self._ask("write", path, f"ln -s -- {quote(text)} {quoted(path)}")

    async def set_mode(self, path: NodePath, mode: int) -> None:
        """As `Disk.set_mode`."""
        await self._ask("set the permissions of", path, f"chmod {mode:o} {quoted(path)}")

    async def rename(self, path: NodePath, target: NodePath) -> None:
        """As `Disk.rename`."""
        await self._ask("write", target, rename_script(path, target))

    async def remove(self, path: NodePath) -> None:
        """As `Disk.remove`."""
        await self._ask("remove", path, f"rm -f {quoted(path)}")

    async def remove_directory(self, path: NodePath) -> None:
        """As `Disk.remove_directory`."""
        await self._ask("remove", path, f"rmdir {quoted(path)}")

    async def write(self, path: NodePath, permissions: int, source: Source) -> None:
        """As `Disk.write`."""
        async with self._node.pipe(write_script(path, permissions)) as pipe:
            told, status, errors = await self._stop.interrupt(_write(pipe, source))
        if status:
            raise CopyError(f"cannot write {shown(path)}: {reason(errors, status)}")
        if int(told) != source.length:
            raise CopyError(
                f"cannot write {shown(path)}: {int(told)} bytes of {source.length} have arrived"
            )

    async def read(
        self,
        path: NodePath,
        size: int | None,
        sink: Sink,
        *,
        in_order: bool = False,  # noqa: ARG002
    ) -> int:
        """As `Disk.read`; always in order."""
        async with self._node.pipe(read_script(path)) as pipe:
            length = await self._stop.interrupt(_read(pipe, size, sink))
            if length == size:
                return length
            status, errors = await pipe.wait()
        if status:
            raise CopyError(f"cannot read {shown(path)}: {reason(errors, status)}")
        if size and await self._is_shorter(path, size):
            raise CopyError(f"cannot copy {shown(path)}: it was cut while it was copied")
        return length

    async def _is_shorter(self, path: NodePath, size: int) -> bool:
        """Whether a file has lost bytes, unlike one of /sys, which never had as many."""
        entry = await self.stat(path)
        return entry is None or entry.size is None or entry.size < size

    async def _look(self, action: str, path: NodePath, command: str) -> Entry | None:
        status, told = await self._order(command)
        if status == 0:
            try:
                return _entry(told)
            except LookupError as error:
                raise CopyError(
                    f"cannot {action} {shown(path)}: the node does not tell what it is"
                ) from error
        why = reason(told, status)
        if why in _MISSING:
            return None
        raise CopyError(f"cannot {action} {shown(path)}: {why}")

    async def _ask(self, action: str, path: NodePath, command: str) -> bytes:
        """What a command tells.

        Raises:
            CopyError: `cannot ACTION PATH: reason`.
        """
        status, told = await self._order(command)
        if status:
            raise CopyError(f"cannot {action} {shown(path)}: {reason(told, status)}")
        return told

    async def _order(self, command: str) -> tuple[int, bytes]:
        """The status of a command, and all that it writes."""
        async with self._turn:
            try:
                await self._pipe.write(order_script(command, sign=self._sign))
                return await self._read_answer()
            except BrokenPipeError as error:
                await self._pipe.wait()  # raises if the connection is lost
                raise CopyError("the shell of the node has ended") from error

    async def _read_answer(self) -> tuple[int, bytes]:
        told, sign = b"", f"\n{self._sign} ".encode()
        while not (told.endswith(b"\n") and sign in told):
            data = await self._pipe.read()
            if not data:
                raise BrokenPipeError
            told += data
        answer, _, status = told.rpartition(sign)
        if not status.strip().isdigit():
            raise CopyError("the shell of the node does not answer as shells do")
        return int(status), answer


async def _write(pipe: Pipe, source: Source) -> tuple[bytes, int, bytes]:
    await stream(pipe, source)
    return await pipe.read(), *(await pipe.wait())


async def _read(pipe: Pipe, size: int | None, sink: Sink) -> int:
    """Give the sink what a command writes, but no more than `size` bytes; return their number."""
    length = 0
    while data := await pipe.read():
        part = data[: size - length] if size else data
        await sink.write(length, part)
        length += len(part)
        if length == size:
            break
    return length


def _entry(told: bytes) -> Entry:
    """Read a line of `ls -ldn`; a device has numbers where others have a size."""
    fields = told.decode(errors="surrogateescape").split(maxsplit=5)
    mode, size = fields[0], fields[4]
    bits = sum(
        1 << (8 - position) for position, letter in enumerate(mode[1:10]) if letter not in "-ST"
    )
    bits |= stat.S_ISGID if mode[6] in "sS" else 0
    return Entry(mode=_KINDS[mode[0]] | bits, size=int(size) if size.isdigit() else None)


def _line(told: bytes) -> str:
    return told.decode(errors="surrogateescape").removesuffix("\n")
