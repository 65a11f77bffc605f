"""One connection to a node, and the sessions on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import asyncssh

_Opened = tuple[asyncssh.SSHClientChannel[bytes], asyncssh.SSHClientSession[bytes]]

# OpenSSH allows 10 sessions on a connection, MaxSessions in sshd_config(5).
_USUAL_SESSIONS = 10
_WINDOW_BYTES = 4 << 20


class SlotsTakenError(Exception):
    """The server opens no further session on this connection for the moment."""


class LinkSession(asyncssh.SSHClientSession[bytes]):
    """A session that gives its slot back when the server has closed it."""

    def __init__(self) -> None:
        self.free_slot: Callable[[], None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """As asyncssh says; to be called by those who override it."""
        if self.free_slot is not None:
            self.free_slot()
            self.free_slot = None


class Link:
    """Opens sessions on a connection; a slot is taken until the server says that it is free.

    `reserve` comes first, and `open` or `release` follows.
    """

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection
        self._limit = _USUAL_SESSIONS
        self._used = 0

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be opened any more."""
        return self.connection.is_closed()

    @property
    def has_slot(self) -> bool:
        """Whether the server probably opens one more session."""
        return self._used < self._limit

    def reserve(self) -> None:
        """Take a slot."""
        self._used += 1

    def release(self) -> None:
        """Give a slot back."""
        self._used -= 1

    async def open(self, session: LinkSession, command: str) -> None:
        """Run a command in a session, whose slot was reserved.

        Cancelled, it closes the session as soon as it is open; the slot becomes free then.

        Raises:
            SlotsTakenError: the server refuses, because others are open.
            asyncssh.Error, OSError: it cannot be opened.
        """

        def make() -> LinkSession:
            session.free_slot = self.release
            return session

        opening = asyncio.ensure_future(
            self.connection.create_session(
                make,
                command,
                encoding=None,
                request_pty=False,
                env=None,
                send_env=None,
                x11_forwarding=False,
                window=_WINDOW_BYTES,
            )
        )
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(partial(self._abandon, session))
            raise
        except BaseException as error:
            self._give_up(session)
            if self._is_refusal(error):
                raise SlotsTakenError from error
            raise

    def _abandon(self, session: LinkSession, opening: asyncio.Future[_Opened]) -> None:
        if opening.cancelled() or opening.exception() is not None:
            self._give_up(session)
        else:
            channel, _ = opening.result()
            channel.abort()

    def _give_up(self, session: LinkSession) -> None:
        """Give the slot back, unless there is a channel that does it when it is closed."""
        if session.free_slot is None:
            self.release()

    def _is_refusal(self, error: BaseException) -> bool:
        """Whether there are too many sessions; then it is known how many are not."""
        if not isinstance(error, asyncssh.ChannelOpenError) or self.is_closed or not self._used:
            return False
        if error.code == asyncssh.OPEN_REQUEST_SESSION_FAILED:
            return False
        self._limit = self._used
        return True
