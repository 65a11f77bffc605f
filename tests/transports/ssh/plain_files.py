"""The door that copies ask for, on a plain asyncssh connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from shlex import quote

import asyncssh

from gplmt.errors import ConnectionLostError
from gplmt.transports.ssh.copying_door import SftpMissingError, Shared
from tests.support.ssh.client import connected
from tests.support.ssh.servers import Server


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
    """The files of a node; `pipes` are the commands that were run, `sftp_is_missing` a pretence."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection
        self.shared = Shared()
        self.pipes: list[str] = []
        self.sftp_is_missing = False
        self._client: asyncssh.SFTPClient | None = None
        self._lock = asyncio.Lock()

    async def sftp(self) -> asyncssh.SFTPClient:
        if self.sftp_is_missing:
            raise SftpMissingError("the test has none")
        async with self._lock:
            if self._client is None:
                self._client = await self._start()
            return self._client

    async def _start(self) -> asyncssh.SFTPClient:
        try:
            return await self.connection.start_sftp_client(path_encoding=None)
        except asyncssh.Error as error:
            raise SftpMissingError(str(error)) from error

    @asynccontextmanager
    async def pipe(self, command: str) -> AsyncIterator[PlainPipe]:
        self.pipes.append(command)
        sign = token_hex(8)
        process = await self.connection.create_process("exec /bin/sh", encoding=None)
        script = f"{{\necho {sign}\nexec /bin/sh -c {quote(command)}\n}}\n"
        process.stdin.write(script.encode(errors="surrogateescape"))
        try:
            await process.stdout.readuntil(f"{sign}\n".encode())
            yield PlainPipe(process)
        finally:
            process.channel.abort()


@asynccontextmanager
async def files_of(server: Server) -> AsyncIterator[PlainFiles]:
    """The files of the account that a server lets in."""
    async with connected(server) as connection:
        yield PlainFiles(connection)
