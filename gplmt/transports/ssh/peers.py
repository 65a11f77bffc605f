"""One node of a run: connected or not, and what becomes of it when it cannot be reached (7.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from gplmt.errors import ConnectError
from gplmt.inventory import Node
from gplmt.transports.ssh.attachments import Attachment
from gplmt.transports.ssh.logins import Login
from gplmt.transports.ssh.openings import Connection, Openings
from gplmt.transports.ssh.posts import Period

_OUT_AFTER = 2
_RETRY_SECONDS = 30.0


class _Outage(NamedTuple):
    since: datetime
    reason: str


class Peer:
    """Connects to a node when that is needed, and again after a loss.

    After two failures in a row the node is out: nobody waits for it, while it is tried again in
    the background until it is back.
    """

    def __init__(
        self,
        node: Node,
        login: Login,
        openings: Openings,
        *,
        make_period: Callable[[Node], Period],
        report: Callable[[Node, str], None],
    ) -> None:
        self.node = node
        self.login = login
        self.attachment: Attachment | None = None
        self._openings = openings
        self._make_period = make_period
        self._report = report
        self._opening: asyncio.Task[Attachment] | None = None
        self._failures = 0
        self._outage: _Outage | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def attached(self) -> Attachment:
        """The node, connected; all who ask meanwhile share one attempt.

        Raises:
            ConnectError: it cannot be reached, or is out.
        """
        if self.attachment is not None:
            return self.attachment
        if self._outage is not None:
            since = f"{self._outage.since:%Y-%m-%d %H:%M:%S} UTC"
            raise ConnectError(f"the target is out since {since}: {self._outage.reason}")
        return await asyncio.shield(self._begin_to_open())

    async def close(self) -> None:
        """Stop trying; an attachment is closed by others."""
        self._is_closed = True
        if self._retry is not None:
            self._retry.cancel()
        if self._opening is not None:
            self._opening.cancel()
            with suppress(asyncio.CancelledError, ConnectError):
                await self._opening

    def _begin_to_open(self) -> asyncio.Task[Attachment]:
        if self._is_closed:
            raise ConnectError("no connection is opened: gplmt is ending")
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
            self._opening.add_done_callback(self._on_opened)
        return self._opening

    async def _open(self) -> Attachment:
        connection = await self._openings.open(self.login)
        attachment = Attachment(
            self._make_period(self.node),
            connection,
            open_another=self._open_another,
            on_lost=self._on_lost,
        )
        await attachment.start()
        return attachment

    async def _open_another(self) -> Connection:
        return await self._openings.open(self.login)

    def _on_opened(self, opening: asyncio.Task[Attachment]) -> None:
        self._opening = None
        if opening.cancelled():
            return
        if (error := opening.exception()) is not None:
            self._note_failure(str(error))
            return
        self._failures = 0
        if self._outage is not None:
            self._outage = None
            self._report(self.node, f"target '{self.node.name}' is back")
        attachment = opening.result()
        if not attachment.lost.done():
            self.attachment = attachment

    def _on_lost(self, attachment: Attachment) -> None:
        if attachment is self.attachment:
            self.attachment = None
            self._note_failure(attachment.lost.result())

    def _note_failure(self, reason: str) -> None:
        self._failures += 1
        if self._failures < _OUT_AFTER or self._is_closed:
            return
        if self._outage is None:
            self._outage = _Outage(datetime.now(UTC), reason)
            self._report(self.node, f"target '{self.node.name}' is out: {reason}")
        loop = asyncio.get_running_loop()
        self._retry = loop.call_later(_RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        if not self._is_closed:
            self._begin_to_open()
