"""The guard's post on a node: who stands there is told and asked, and replaced if killed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh
from msgspec import Struct

from gplmt.errors import ConnectError
from gplmt.inventory import Node
from gplmt.journals import CommandJournal
from gplmt.transports.ssh.guarding import Answer, GuardSession
from gplmt.transports.ssh.links import SlotsTakenError

_ANSWER_SECONDS = 10.0


class Period(Struct, frozen=True, kw_only=True):
    """What there is to know of a node while it is connected once.

    `token` marks its processes, and only them.  The guard hears from us every `beat_seconds`, a
    fifth of the lease.  It may take `patience_seconds` to start.  `journal` is told of commands.
    """

    node: Node
    token: str
    grace_seconds: float
    beat_seconds: float
    patience_seconds: float
    journal: CommandJournal


class Post:
    """Where the guard of a node stands.

    `lost` is done when the node is.  `open_session` puts a guard there, and `brief` tells it of
    what there is; `on_end` is called as `GuardSession` says, `on_failure` if none can be put in
    the place of one that was killed.
    """

    def __init__(
        self,
        period: Period,
        *,
        lost: asyncio.Future[str],
        open_session: Callable[[GuardSession], Awaitable[None]],
        brief: Callable[[GuardSession], None],
        on_end: Callable[[Exception | None], None],
        on_lapse: Callable[[], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._period = period
        self._lost = lost
        self._open_session = open_session
        self._brief = brief
        self._on_end = on_end
        self._on_lapse = on_lapse
        self._on_failure = on_failure
        self._repair: asyncio.Task[None] | None = None
        self.guard = self._make_guard()

    @property
    def is_manned(self) -> bool:
        """Whether there is a guard, if there has been one."""
        return self._repair is None or self._repair.done()

    async def manned(self) -> None:
        """Wait until there is a guard again."""
        while self._repair is not None and not self._repair.done():
            await asyncio.wait((self._repair,))

    async def start(self) -> None:
        """Start a guard.

        Raises:
            ConnectError: no command can be run there.
        """
        try:
            async with asyncio.timeout(self._period.patience_seconds):
                await self._open_session(self.guard)
                await any_of(self.guard.ready, self.guard.gone)
        except TimeoutError as error:
            raise ConnectError(_refusal(self.guard.last_words or "nothing answers")) from error
        except SlotsTakenError as error:
            raise ConnectError(_refusal("the server opens no session")) from error
        except (asyncssh.Error, OSError) as error:
            raise ConnectError(_refusal(str(error))) from error
        if not self.guard.was_ready:
            raise ConnectError(_refusal(self.guard.last_words or "the login shell ended at once"))

    def replace(self) -> None:
        """Put another guard in the place of one that was killed."""
        if self.guard.was_ready:
            self.guard = self._make_guard()
            self._repair = asyncio.get_running_loop().create_task(self._replace())

    async def ask(
        self, question: Callable[[GuardSession], asyncio.Future[Answer]], *, seconds: float = 0.0
    ) -> Answer | None:
        """What the guard answers, or who takes its place; None if nobody does.

        `seconds` are what the answer may take of itself.
        """
        while True:
            await self.manned()
            guard = self.guard
            answer = question(guard)
            await any_of(answer, self._lost, seconds=seconds + _ANSWER_SECONDS)
            if not answer.cancelled() or guard is self.guard:
                break
        return answer.result() if answer.done() and not answer.cancelled() else None

    async def close(self, *, patience_seconds: float) -> None:
        """Wait until the guard has gone, or for as long as the patience lasts."""
        if self._repair is not None:
            self._repair.cancel()
            await asyncio.wait((self._repair,))
        if self.guard.was_ready and not self._lost.done():
            await asyncio.wait((self.guard.gone,), timeout=patience_seconds)

    async def _replace(self) -> None:
        try:
            await self.start()
        except ConnectError as error:
            self._on_failure(str(error))
        else:
            self._brief(self.guard)

    def _make_guard(self) -> GuardSession:
        return GuardSession(
            token=self._period.token,
            grace_seconds=self._period.grace_seconds,
            beat_seconds=self._period.beat_seconds,
            on_end=self._on_end,
            on_lapse=self._on_lapse,
        )


async def any_of(*futures: asyncio.Future[Any], seconds: float | None = None) -> None:
    """Wait until one of them is done, but no longer than `seconds`."""
    await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


def _refusal(reason: str) -> str:
    return f"no command can be run there: {reason}"
