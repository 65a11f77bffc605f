"""The door that copies ask for, on a plain asyncssh connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from enum import Enum

import asyncssh
import pytest

from gplmt.errors import ConnectionLostError
from gplmt.transports.ssh.copying_door import Pipe, SftpMissingError, Shared
from gplmt.transports.ssh.files import AttachedFiles
from gplmt.transports.ssh.links import Link, LinkSession, SlotsTakenError
from tests.support.ssh.client import connected
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server


class Way(Enum):
    """How files can travel: what a node has besides a shell."""

    ALL = "all"
    SFTP = "sftp alone"
    TAR = "tar alone"
    CAT = "neither sftp nor tar"


class PlainFiles:
    """The files of a node; `pipes` are the commands that were run.

    Further connections are opened when the server opens no more sessions on the others.
    """

    def __init__(self, server: Server, way: Way, connections: AsyncExitStack) -> None:
        self.pipes: list[str] = []
        self._server = server
        self._connections = connections
        self._links: list[Link] = []
        self._files = AttachedFiles(self._open_session, self._reserve)
        self._has_sftp = way in (Way.ALL, Way.SFTP)
        self.shared.has_tar = way in (Way.ALL, Way.TAR)

    @property
    def shared(self) -> Shared:
        return self._files.shared

    async def sftp(self) -> asyncssh.SFTPClient:
        if not self._has_sftp:
            raise SftpMissingError("the test does without")
        return await self._files.sftp()

    def pipe(self, command: str) -> AbstractAsyncContextManager[Pipe]:
        self.pipes.append(command)
        return self._files.pipe(command)

    def abort(self) -> None:
        """Break all connections."""
        for link in self._links:
            link.connection.abort()

    def close(self) -> None:
        self._files.close()

    async def _reserve(self) -> Link:
        for link in self._links:
            if link.has_slot and not link.is_closed:
                link.reserve()
                return link
        connection = await self._connections.enter_async_context(connected(self._server))
        self._links.append(Link(connection))
        return await self._reserve()

    async def _open_session(self, session: LinkSession, command: str) -> None:
        try:
            while True:
                with suppress(SlotsTakenError):
                    link = await self._reserve()
                    await link.open(session, command)
                    return
        except (asyncssh.Error, OSError) as error:
            raise ConnectionLostError("the connection was lost") from error


@asynccontextmanager
async def files_of(server: Server, way: Way = Way.ALL) -> AsyncIterator[PlainFiles]:
    """The files of the account that a server lets in."""
    async with AsyncExitStack() as connections:
        files = PlainFiles(server, way, connections)
        yield files
        files.close()


def on_servers(*kinds: str) -> pytest.MarkDecorator:
    """Run a test on servers of these kinds."""
    return pytest.mark.parametrize("server", of_kinds(*kinds), indirect=True)


_WAYS_ON_SERVERS = (
    ("asyncssh", Way.ALL),
    ("openssh", Way.ALL),
    ("openssh-busybox", Way.ALL),
    ("dropbear", Way.ALL),
    ("openssh-dash", Way.SFTP),
    ("openssh-dash", Way.TAR),
    ("openssh-dash", Way.CAT),
)
_LONG = (("openssh", Way.ALL), ("openssh-dash", Way.CAT))


def everywhere(*, except_on: str = "") -> pytest.MarkDecorator:
    """Run a test on every program that serves, as root and as an ordinary user, in each way."""
    parameters = []
    for kind, way in _WAYS_ON_SERVERS:
        program = kind.partition("-")[0]
        marks = [] if program == "asyncssh" else [getattr(pytest.mark, program)]
        if (kind, way) in _LONG:
            marks.append(pytest.mark.long)
        if kind != except_on:
            parameters.append(pytest.param(kind, way, marks=marks))
    return pytest.mark.parametrize(("server", "way"), parameters, indirect=["server"])
