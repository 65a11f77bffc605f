"""A node while we are connected to it: its connections, its guard, its commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from itertools import chain
from secrets import token_hex

import asyncssh

from gplmt.commands import Command
from gplmt.errors import ConnectError, ConnectionLostError, LaunchError
from gplmt.inventory import Node
from gplmt.protocols import Leftover, OutputSink
from gplmt.transports.leftovers import mark_of
from gplmt.transports.ssh.endings import Endings
from gplmt.transports.ssh.files import AttachedFiles
from gplmt.transports.ssh.guarding import Answer, Found, GuardSession
from gplmt.transports.ssh.links import LinkSession
from gplmt.transports.ssh.openings import Connection, seconds_since_data
from gplmt.transports.ssh.pool import Pool
from gplmt.transports.ssh.posts import Period, Post, any_of
from gplmt.transports.ssh.scripts import OPENING, CommandScript
from gplmt.transports.ssh.sessions import CommandSession
from gplmt.transports.stopping import wait_despite_cancellation

_MISSED_BEATS = 3
_MOST_MISSED_BEATS = 15  # in three leases
_BEGIN_SECONDS = 10.0
_LAST_WORDS_SECONDS = 1.0


class Attachment:
    """Runs commands on a node until its first connection is lost, which takes all with it.

    The guard stands on that connection: when it breaks, the guard stops everything on the node.
    `lost` gives the reason then.  Further connections are opened when the server allows no
    more sessions on those that are open; the loss of one only takes what ran on it.
    """

    def __init__(
        self,
        period: Period,
        connection: Connection,
        *,
        open_another: Callable[[], Awaitable[Connection]],
        on_lost: Callable[[Attachment], None],
    ) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._period = period
        self._journal = period.journal
        self._pool = Pool(connection, open_another=open_another, lost=self.lost)
        self._on_lost = on_lost
        self.files = AttachedFiles(self.open_session, self._pool.reserve)
        self._sign = f"gplmt-{token_hex(8)}"
        self._post = Post(
            period,
            lost=self.lost,
            open_session=self._open_guard,
            brief=self._brief,
            on_end=self._on_guard_end,
            on_lapse=self._on_lapse,
            on_failure=self.abort,
        )
        self._running: dict[str, CommandSession] = {}
        self._endings = Endings()
        self._leaving: list[str] = []
        self._is_killed = False
        self._is_ending = False

    @property
    def node(self) -> Node:
        """The node."""
        return self._period.node

    @property
    def connection(self) -> Connection:
        """The connection with which it stands and falls, for what takes no session."""
        return self._pool.first.connection

    async def start(self) -> None:
        """Start the guard.

        Raises:
            ConnectError: no command can be run there; the connection is closed.
        """
        try:
            await self._post.start()
        except BaseException as error:
            was_lost = self.lost.done()
            self._close_links()
            if was_lost and isinstance(error, ConnectError):
                raise ConnectError(self._pool.loss()) from error
            raise

    async def run(self, command: Command, *, stdout: OutputSink, stderr: OutputSink) -> int:
        """Run a command; the return code as in `Completed`, once its shell has ended.

        Cancelled, it stops all of the command first (LANGUAGE.md 7.5).

        Raises:
            LaunchError, LogError, ConnectionLostError: as `Transport.run`.
        """
        mark = mark_of(command)
        marker = f"{self._period.token}-{mark}{self.node.name}"
        try:
            session = self._make_session(command, marker, stdout, stderr)
        except LaunchError:
            stdout.close()
            stderr.close()
            raise
        self._running[mark] = session
        self._journal.command_starts(self.node, command, marker)
        try:
            await self._begin(mark, session)
            returncode = await session.ended
            await self._assure()
        except BaseException as error:
            await self._despite_cancellation(self._stop(mark, session))
            if isinstance(error, asyncssh.Error | OSError):
                raise self._as_task_error(error) from error
            raise
        finally:
            del self._running[mark]
            if not self.lost.done():  # else it may live until the guard has stopped it
                self._journal.command_ended(command)
        self._note_end(mark, session)
        if self._endings.is_long:
            await self._prune()
        return returncode

    async def _assure(self) -> None:
        """See that the guard is there, if it has been silent for so long that it may not be.

        When we have been halted, another connection may tell of a command's end before the first
        one tells that the guard has stopped it.
        """
        silence = asyncio.get_running_loop().time() - self._guard.heard
        if silence > _MISSED_BEATS * self._period.beat_seconds:
            await self._post.ask(lambda guard: guard.list(None))
        if self.lost.done():
            raise ConnectionLostError(self._pool.loss())

    async def open_session(self, session: LinkSession, command: str) -> None:
        """Run something in a session of its own; the guard knows nothing of it.

        Raises:
            asyncssh.Error, OSError, ConnectError, ConnectionLostError: it cannot be opened.
        """
        await self._pool.open_session(session, command)

    def beat(self) -> None:
        """Tell the node that we are there, and see that it is."""
        if self._guard.unanswered >= _MISSED_BEATS and not self._is_heard():
            self.abort("the node does not answer")
        elif self._post.is_manned:
            self._guard.beat()

    @property
    def token(self) -> str:
        """What the markers of its processes begin with."""
        return self._period.token

    @property
    def machine(self) -> tuple[str, str] | None:
        """The same for attachments that probably see each other's processes."""
        guard = self._guard
        if guard.machine is None or guard.self_id is None:
            return None
        return guard.machine, self.connection.get_extra_info("username")

    @property
    def guard_id(self) -> str:
        """What tells the guard on its machine from all other processes."""
        return self._guard.self_id or ""

    async def look(self, token_prefix: str | None, others: Iterable[str] = ()) -> Answer:
        """As `GuardSession.list`; nothing if the node does not answer."""
        others = tuple(others)
        answer = await self._post.ask(lambda guard: guard.list(token_prefix, others))
        return answer or Answer()

    async def stop_leftovers(self, found: Iterable[Found]) -> tuple[Leftover, ...]:
        """Stop what ended commands left running, as far as it was found and can be reached.

        Cancelled, it finishes that first.
        """
        marks = self._endings.marks
        remains = self._endings.remains(found)
        leftovers = self._endings.leftovers(remains, self.node)
        self._leaving = self._endings.words_left(remains)
        self._endings.forget(marks)
        try:
            if self._leaving:
                await self._despite_cancellation(self._stop_words(self._leaving))
        finally:
            self._leaving = []
        return leftovers

    def kill(self) -> None:
        """Kill what runs and what is being stopped; nothing starts any more."""
        self._is_killed = True
        running = [self._words_of(mark, session) for mark, session in self._running.items()]
        words = [*chain.from_iterable(running), *self._leaving]
        if words:
            self._guard.kill(words)

    def begin_to_close(self) -> None:
        """Let the guard go; what is marked to be left running lives on."""
        self._is_ending = True
        if self._running or self._endings.marks:  # the run did not end as it should
            self._guard.leave()
        else:
            self._guard.quit()

    async def close(self, *, patience_seconds: float) -> None:
        """Close all connections, politely for as long as the patience lasts."""
        await self._post.close(patience_seconds=patience_seconds)
        self.files.close()
        sessions = (*self._running.values(), *self._endings.lasting)
        for session in sessions:
            session.drain()
        await self._pool.close()
        for session in sessions:
            session.let_go()

    def abort(self, reason: str) -> None:
        """Break all connections; what the commands do is not known any more, the guard stops it."""
        if not self.lost.done():
            self.lost.set_result(reason)
            # What the node tells from now on is how it stopped them.
            for session in self._running.values():
                session.lose()
            self._close_links()
            self._on_lost(self)

    async def _begin(self, mark: str, session: CommandSession) -> None:
        """Have a command started, which is under the guard's eyes by then."""
        if session.command.leave_running:
            self._guard.add(mark)
        session.begun.add_done_callback(partial(self._on_begun, session))
        await self.open_session(session, session.opening)
        if not session.was_told:
            await self._post.manned()
            if self._is_killed:
                raise LaunchError("the command is not started: gplmt is ending")
            session.tell()

    def _is_heard(self) -> bool:
        """Whether the node sends something, behind which answers wait where the network is slow."""
        silence = seconds_since_data(self.connection)
        return (
            silence is not None
            and silence < _MISSED_BEATS * self._period.beat_seconds
            and self._guard.unanswered < _MOST_MISSED_BEATS
        )

    def _may_begin(self) -> bool:
        return not self._is_killed and self._post.is_manned

    def _make_session(
        self, command: Command, marker: str, stdout: OutputSink, stderr: OutputSink
    ) -> CommandSession:
        script = CommandScript(
            command,
            marker=marker,
            sign=self._sign,
            surface=self._guard.surface,
        )
        return CommandSession(
            command,
            script,
            sign=self._sign,
            is_noisy=self._guard.surface.is_noisy,
            stdout=stdout,
            stderr=stderr,
            may_begin=self._may_begin,
            explain_loss=self._pool.loss,
        )

    def _on_begun(self, session: CommandSession, begun: asyncio.Future[int]) -> None:
        if not begun.cancelled():
            self._guard.add(_group_word(session, begun.result()))
            self._journal.command_lives(session.command, begun.result())

    def _as_task_error(self, error: Exception) -> LaunchError | ConnectionLostError:
        if self.lost.done() or self._pool.first.is_closed:
            return ConnectionLostError(self._pool.loss())
        return LaunchError(f"the command cannot be started: {error}")

    async def _stop(self, mark: str, session: CommandSession) -> None:
        """Take a command down the ladder, as far as the node can be reached."""
        never_began = session.closed.done() and session.begun.cancelled()
        if session.was_told and not never_began and not self.lost.done():
            await any_of(session.begun, session.closed, seconds=_BEGIN_SECONDS)
            await self._stop_words(self._words_of(mark, session))
            session.drain()
            await any_of(session.closed, seconds=_LAST_WORDS_SECONDS)
        if session.was_told:
            session.abort()
        else:
            session.withdraw()
        session.let_go()

    async def _stop_words(self, words: Sequence[str]) -> None:
        """Have the guard stop what the words name, or kill it if it is time for that."""
        await self._post.ask(
            lambda guard: guard.kill(words) if self._is_killed else guard.stop(words),
            seconds=self._period.grace_seconds,
        )

    async def _despite_cancellation(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        await wait_despite_cancellation(task)
        task.result()

    def _words_of(self, mark: str, session: CommandSession) -> list[str]:
        if session.begun.done() and not session.begun.cancelled():
            return [_group_word(session, session.begun.result()), mark]
        return [mark]

    def _note_end(self, mark: str, session: CommandSession) -> None:
        word = _group_word(session, session.begun.result())
        if session.command.leave_running:
            self._guard.remove(word)
            self._guard.remove(mark)
        else:
            self._guard.leader_ended(word)
        self._endings.add(session)

    async def _prune(self) -> None:
        """Forget the commands of which nothing lives."""
        marks = self._endings.marks
        self._endings.forget(())  # which puts off the next time
        answer = await self._post.ask(lambda guard: guard.list(f"{self.token}-"))
        if answer is not None:
            remains = self._endings.remains(answer.found)
            self._endings.forget(mark for mark in marks if mark not in remains)

    @property
    def _guard(self) -> GuardSession:
        return self._post.guard

    async def _open_guard(self, guard: GuardSession) -> None:
        self._pool.first.reserve()
        await self._pool.first.open(guard, OPENING)

    def _brief(self, guard: GuardSession) -> None:
        """Tell a guard what the one knew whose place it takes."""
        for mark, session in self._running.items():
            for word in self._words_of(mark, session):
                if word != mark or session.command.leave_running:
                    guard.add(word)
        for word in self._endings.group_words:
            guard.leader_ended(word)
        guard.beat()  # with which all of it is sent
        if self._is_killed:
            self.kill()

    def _on_lapse(self) -> None:
        self.abort("the node has not heard of gplmt for too long, and stopped its commands")

    def _on_guard_end(self, exc: Exception | None) -> None:
        if self._is_ending or self.lost.done():
            return
        if self._pool.first.is_closed or exc is not None:
            self.abort(str(exc or "closed by the other side").lower())
        else:
            self._post.replace()

    def _close_links(self) -> None:
        self.files.close()
        self._pool.abort()


def _group_word(session: CommandSession, group: int) -> str:
    """A command's process group, as the guard wants to know it."""
    return f"{group}:{session.command.stop_signal}"
