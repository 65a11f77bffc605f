"""The files of a node while we are connected to it: its SFTP client, and pipes beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress

import asyncssh

from gplmt.transports.ssh.copying_door import SftpMissingError, Shared
from gplmt.transports.ssh.links import Link
from gplmt.transports.ssh.pipes import Opener, Pipe, open_pipe

_START_SECONDS = 15.0


class AttachedFiles:
    """A `NodeFiles` on the connections of one attachment."""

    def __init__(self, open_session: Opener, reserve: Callable[[], Awaitable[Link]]) -> None:
        self.shared = Shared()
        self._open_session = open_session
        self._reserve = reserve
        self._starting: asyncio.Task[asyncssh.SFTPClient] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def sftp(self) -> asyncssh.SFTPClient:
        """As `NodeFiles.sftp`; it is started when it is first needed, and again if it ended."""
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start())
        return await asyncio.shield(self._starting)

    def pipe(self, command: str) -> AbstractAsyncContextManager[Pipe]:
        """As `NodeFiles.pipe`."""
        return open_pipe(self._open_session, command)

    def close(self) -> None:
        """Forget the client, whose connection is gone or about to go."""
        for task in (self._starting, self._watching):
            if task is not None:
                task.cancel()

    async def _start(self) -> asyncssh.SFTPClient:
        link = await self._reserve()
        try:
            async with asyncio.timeout(_START_SECONDS):
                client = await link.connection.start_sftp_client(path_encoding=None)
        except BaseException as error:
            link.release()
            if link.is_closed or not isinstance(error, asyncssh.Error | TimeoutError):
                self._starting = None
                raise
            raise SftpMissingError(_reason(error)) from error
        self._watching = asyncio.get_running_loop().create_task(self._watch(client, link))
        return client

    async def _watch(self, client: asyncssh.SFTPClient, link: Link) -> None:
        with suppress(asyncssh.Error, OSError):
            await client.wait_closed()
        link.release()
        self._starting = None


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncssh.SFTPBadMessage):
        return "the login shell writes something before the SFTP server does"
    if isinstance(error, TimeoutError):
        return f"the SFTP server does not answer within {_START_SECONDS:g} s"
    return "the server has no SFTP subsystem"
