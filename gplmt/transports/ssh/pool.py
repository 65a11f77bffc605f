"""The connections to one node: as many as its sessions need."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gplmt.errors import ConnectError, ConnectionLostError
from gplmt.transports.ssh.links import Link, LinkSession, SlotsTakenError
from gplmt.transports.ssh.openings import Connection

_MOST_REFUSALS = 30
_REFUSAL_SECONDS = 0.01


class Pool:
    """Opens sessions where there is room for them, and further connections where there is none.

    Nobody waits until another's session has ended: commands may wait for each other.  On `first`
    one session lasts.  When `lost` is done, which gives the reason, nothing is opened any more.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        open_another: Callable[[], Awaitable[Connection]],
        lost: asyncio.Future[str],
    ) -> None:
        self.first = Link(connection, lasting=1)
        self._others: list[Link] = []
        self._open_another = open_another
        self._lost = lost
        self._growing = asyncio.Lock()

    async def open_session(self, session: LinkSession, command: str) -> None:
        """Run something in a session of its own.

        Raises:
            asyncssh.Error, OSError, ConnectError, ConnectionLostError: it cannot be opened.
        """
        for attempt in range(_MOST_REFUSALS):
            link = await self.reserve()
            try:
                return await link.open(session, command)
            except SlotsTakenError:
                # A server that opens one session only may not be through with the last one.
                await asyncio.sleep(_REFUSAL_SECONDS * attempt)
        raise ConnectError("the server opens no session")

    async def reserve(self) -> Link:
        """A connection on which a slot has been reserved; a new one where no slot is free.

        Raises:
            ConnectError, ConnectionLostError: there is none, and none can be opened.
        """
        while True:
            if self._lost.done():
                raise ConnectionLostError(self.loss())
            if (link := self._roomy()) is not None:
                link.reserve()
                return link
            async with self._growing:
                if self._roomy() is None:
                    await self._grow()

    def loss(self) -> str:
        """That the node is lost, and why."""
        reason = self._lost.result() if self._lost.done() else "closed by the other side"
        return f"the connection was lost ({reason})"

    def abort(self) -> None:
        """Break all connections."""
        for link in self._links:
            link.connection.abort()

    async def close(self) -> None:
        """Close all connections."""
        for link in self._links:
            link.connection.close()
        for link in self._links:
            await link.connection.wait_closed()

    @property
    def _links(self) -> list[Link]:
        return [self.first, *self._others]

    def _roomy(self) -> Link | None:
        return next((link for link in self._links if link.has_slot and not link.is_closed), None)

    async def _grow(self) -> None:
        connection = await self._open_another()
        if self._lost.done():
            connection.abort()
            return
        alive = [link for link in self._others if not link.is_closed]
        most = min(link.limit for link in self._links)
        self._others = [*alive, Link(connection, most=most)]
