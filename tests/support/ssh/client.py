"""A plain asyncssh client of a server, for tests of the servers and raw comparisons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from tests.support.ssh.servers import Server


@asynccontextmanager
async def connected(
    server: Server, *, password: str | None = None
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection by the server's key, or by a password; only the server's own key is trusted."""
    async with asyncssh.connect(
        server.host,
        server.port,
        username=server.user,
        client_keys=[str(server.identity_file)] if password is None else None,
        password=password,
        known_hosts=str(server.known_hosts),
        agent_path=None,
        config=None,
    ) as connection:
        yield connection
