"""A plain asyncssh client of a server, for tests of the servers and raw comparisons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from tests.support.ssh.servers import Server


@asynccontextmanager
async def connected(
    server: Server, *, through: asyncssh.SSHClientConnection | None = None
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection, through that to a gateway if one is given; only the server's key is trusted."""
    async with asyncssh.connect(
        server.host,
        server.port,
        username=server.user,
        client_keys=[str(server.identity_file)],
        known_hosts=str(server.known_hosts),
        agent_path=None,
        config=None,
        tunnel=through,
    ) as connection:
        yield connection
