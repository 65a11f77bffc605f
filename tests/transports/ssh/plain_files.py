"""The door that copies ask for, on a plain asyncssh connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from enum import Enum
from secrets import token_hex
from shlex import quote

import asyncssh
import pytest

from gplmt.errors import ConnectionLostError
from gplmt.transports.ssh.copying_door import SftpMissingError, Shared
from tests.support.ssh.client import connected
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server


class Way(Enum):
    """How files can travel: what a node has besides a shell."""

    ALL = "all"
    SFTP = "sftp alone"
    TAR = "tar alone"
    CAT = "neither sftp nor tar"


class PlainPipe:
    """A process of asyncssh's."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process

    async def write(self, data: bytes) -> None:
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except OSError as error:
            raise BrokenPipeError from error

    def write_eof(self) -> None:
        self._process.stdin.write_eof()

    async def read(self) -> bytes:
        return await self._process.stdout.read(65536)

    async def wait(self) -> tuple[int, bytes]:
        errors = await self._process.stderr.read()
        await self._process.wait_closed()
        if self._process.exit_status is None:
            raise ConnectionLostError("the connection was lost")
        return self._process.exit_status & 255, errors


class PlainFiles:
    """The files of a node; `pipes` are the commands that were run.

    Further connections are opened when the server opens no more sessions on the others.
    """

    def __init__(self, server: Server, way: Way, connections: AsyncExitStack) -> None:
        self.shared = Shared()
        self.shared.has_tar = way in (Way.ALL, Way.TAR)
        self.pipes: list[str] = []
        self._server = server
        self._connections = connections
        self._open: list[asyncssh.SSHClientConnection] = []
        self._has_sftp = way in (Way.ALL, Way.SFTP)
        self._client: asyncssh.SFTPClient | None = None
        self._lock = asyncio.Lock()

    async def connect(self) -> asyncssh.SSHClientConnection:
        """Open a connection, to be used before the others."""
        connection = await self._connections.enter_async_context(connected(self._server))
        self._open.insert(0, connection)
        return connection

    def abort(self) -> None:
        """Break all connections."""
        for connection in self._open:
            connection.abort()

    async def sftp(self) -> asyncssh.SFTPClient:
        if not self._has_sftp:
            raise SftpMissingError("the test does without")
        async with self._lock:
            if self._client is None:
                self._client = await self._start()
            return self._client

    async def _start(self) -> asyncssh.SFTPClient:
        try:
            return await self._open[-1].start_sftp_client(path_encoding=None)
        except asyncssh.Error as error:
            raise SftpMissingError(str(error)) from error

    async def _start_shell(self) -> asyncssh.SSHClientProcess[bytes]:
        for connection in list(self._open):
            with suppress(asyncssh.ChannelOpenError):
                return await connection.create_process("exec /bin/sh", encoding=None)
        connection = await self.connect()
        return await connection.create_process("exec /bin/sh", encoding=None)

    @asynccontextmanager
    async def pipe(self, command: str) -> AsyncIterator[PlainPipe]:
        self.pipes.append(command)
        sign = token_hex(8)
        process = await self._start_shell()
        script = f"{{\necho {sign}\nexec /bin/sh -c {quote(command)}\n}}\n"
        process.stdin.write(script.encode(errors="surrogateescape"))
        try:
            await process.stdout.readuntil(f"{sign}\n".encode())
            yield PlainPipe(process)
        finally:
            process.channel.abort()


@asynccontextmanager
async def files_of(server: Server, way: Way = Way.ALL) -> AsyncIterator[PlainFiles]:
    """The files of the account that a server lets in."""
    async with AsyncExitStack() as connections:
        files = PlainFiles(server, way, connections)
        await files.connect()
        yield files


def on_servers(*kinds: str) -> pytest.MarkDecorator:
    """Run a test on servers of these kinds."""
    return pytest.mark.parametrize("server", of_kinds(*kinds), indirect=True)


def _everywhere() -> list[object]:
    kinds = [(kind, Way.ALL) for kind in ("asyncssh", "openssh", "openssh-busybox", "dropbear")]
    kinds += [("openssh-dash", way) for way in (Way.SFTP, Way.TAR, Way.CAT)]
    marks = {"openssh": pytest.mark.openssh, "dropbear": pytest.mark.dropbear}
    return [
        pytest.param(kind, way, marks=[marks[program]] if program in marks else [])
        for kind, way in kinds
        for program in [kind.partition("-")[0]]
    ]


# Every program that serves, root and ordinary users, and each way on one of them.
EVERYWHERE = pytest.mark.parametrize(("server", "way"), _everywhere(), indirect=["server"])
