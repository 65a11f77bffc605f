"""One connection to a node, and the sessions on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import asyncssh

_Opened = tuple[asyncssh.SSHClientChannel[bytes], asyncssh.SSHClientSession[bytes]]

# OpenSSH allows 10 sessions on a connection, MaxSessions in sshd_config(5).
_USUAL_SESSIONS = 10
# Many a Dropbear breaks the connection if a command ends there while a session is opened; see
# https://github.com/mkj/dropbear/issues/321.
_DROPBEAR_SESSIONS = 1
_WINDOW_BYTES = 4 << 20
_PATIENCE_SECONDS = 5.0


class SlotsTakenError(Exception):
    """The server opens no further session on this connection for the moment."""


class LinkSession(asyncssh.SSHClientSession[bytes]):
    """A session that gives its slot back when the server has closed it.

    `opened` is done when it is open, cancelled if nobody wants it any more; each attempt to open
    it has its own.
    """

    def __init__(self) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.free_slot: Callable[[], None] | None = None

    def session_started(self) -> None:
        """As asyncssh says; to be called by those who override it."""
        if not self.opened.done():
            self.opened.set_result(None)

    def eof_received(self) -> bool:
        """As asyncssh says; answering costs a packet that tells nothing."""
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """As asyncssh says; to be called by those who override it."""
        if self.free_slot is not None:
            self.free_slot()
            self.free_slot = None


class Link:
    """Opens sessions on a connection; a slot is taken until the server says that it is free.

    `reserve` comes first, and `open` or `release` follows.  `lasting` of the sessions stay open.
    `limit` is how many the server probably opens, `most` what is known of it before.
    """

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        *,
        lasting: int = 0,
        most: int = _USUAL_SESSIONS,
    ) -> None:
        self.connection = connection
        self.limit = min(_most_sessions(connection, lasting), most)
        self._used = 0
        self._freed = 0  # slots in all
        self._surely_freed = 0

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be opened any more."""
        return self.connection.is_closed()

    @property
    def has_slot(self) -> bool:
        """Whether the server probably opens one more session."""
        return self._used < self.limit

    def reserve(self) -> None:
        """Take a slot."""
        self._used += 1

    def release(self) -> None:
        """Give a slot back."""
        self._used -= 1
        self._freed += 1

    async def open(self, session: LinkSession, command: str) -> None:
        """Run a command in a session, whose slot was reserved.

        Cancelled, it ends the session as soon as it is open; the slot becomes free then.

        Raises:
            SlotsTakenError: the server refuses, because others are open.
            asyncssh.Error, OSError: it cannot be opened.
        """

        def make() -> LinkSession:
            session.free_slot = self.release
            return session

        loop = asyncio.get_running_loop()
        session.opened = loop.create_future()
        opening = loop.create_task(
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
        freed = self._freed
        tells_limit = freed == self._surely_freed
        opening.add_done_callback(
            partial(self._on_opened, session, freed=freed, tells_limit=tells_limit)
        )
        # Not the task: that must go on if we are cancelled, or the slot would be lost.
        await session.opened

    def _on_opened(
        self,
        session: LinkSession,
        opening: asyncio.Task[_Opened],
        *,
        freed: int,
        tells_limit: bool,
    ) -> None:
        # A server sees to what has been closed when it has answered what came together with that.
        self._surely_freed = max(self._surely_freed, freed)
        error = None if opening.cancelled() else opening.exception()
        if opening.cancelled() or error is not None:
            self._give_up(session)
        elif session.opened.cancelled():
            channel, _ = opening.result()
            withdraw(channel)
        if not session.opened.done():
            session.opened.set_exception(self._reason(error, tells_limit=tells_limit))

    def _give_up(self, session: LinkSession) -> None:
        """Give the slot back, unless there is a channel that does it when it is closed."""
        if session.free_slot is None:
            self._used -= 1

    def _reason(self, error: BaseException | None, *, tells_limit: bool) -> BaseException:
        """Why nothing was opened; if it is for too many sessions, it may tell how many are not."""
        if error is None:
            return ConnectionAbortedError("the connection is being closed")
        if not isinstance(error, asyncssh.ChannelOpenError) or self.is_closed:
            return error
        if not self._used and not self._freed:
            return error
        if error.code == asyncssh.OPEN_REQUEST_SESSION_FAILED:
            return error
        if tells_limit:
            self.limit = max(self._used, 1)
        return SlotsTakenError()


def withdraw(channel: asyncssh.SSHClientChannel[bytes]) -> None:
    """Let a command end that has been told nothing, and with it its session.

    To close the channel would not end the command at once, so nobody would know when the slot
    is free.
    """
    channel.write_eof()
    asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, channel.abort)


def _most_sessions(connection: asyncssh.SSHClientConnection, lasting: int) -> int:
    version = str(connection.get_extra_info("server_version", ""))
    return _DROPBEAR_SESSIONS + lasting if "dropbear" in version.lower() else _USUAL_SESSIONS
