"""A remote command as its channel shows it: when it has begun, what it writes, how it ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import asyncssh

from gplmt.commands import Command
from gplmt.errors import ConnectionLostError, LaunchError, TaskError
from gplmt.protocols import OutputSink
from gplmt.transports.ssh.feeding import Feed
from gplmt.transports.ssh.links import LinkSession, withdraw
from gplmt.transports.ssh.outputs import RemoteOutput
from gplmt.transports.ssh.scripts import CommandScript

# The status of a shell overtakes what it has written; a server reads that at once, then.
_QUIET_SECONDS = 0.2
_MOST_SECONDS = 2.0
_NAMELESS_SIGNAL = 127  # RFC 4254 names few; a server tells of others only that it was one


class CommandSession(LinkSession):
    """One command in a channel of its own, which is to be opened with `opening`.

    `begun` gives the number of its process, which leads its group; it is cancelled if it never
    began. `ended` gives the return code as in `Completed`, when the shell has ended and what it
    had written is delivered.  `closed` is done when the channel is, which others that hold the
    command's output may put off.

    `ended` raises:
        LaunchError: the command was not started.
        LogError: a sink failed; the command goes on.
        ConnectionLostError: the channel closed, and what became of the command is not known.
    """

    def __init__(
        self,
        command: Command,
        script: CommandScript,
        *,
        sign: str,
        is_noisy: bool,
        stdout: OutputSink,
        stderr: OutputSink,
        may_begin: Callable[[], bool],
        explain_loss: Callable[[], str],
    ) -> None:
        """Take over the sinks; the command begins as soon as it can, if it may then.

        Raises:
            LaunchError: the command's stdin cannot be read; the sinks are as they were.
        """
        super().__init__()
        loop = asyncio.get_running_loop()
        self._loop = loop
        self.command = command
        self.begun: asyncio.Future[int] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.was_told = False  # so it will begin, if it has not
        self.opening = script.opening
        self._parts = list(script.parts)
        self._may_begin = may_begin
        self._explain_loss = explain_loss
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._returncode: int | None = None
        self._deadline = 0.0
        self._is_quiet = False
        self._timer: asyncio.TimerHandle | None = None
        self._feed = None if command.stdin is None else Feed(command.stdin, on_failure=self._fail)
        self._pauses = 0
        self._is_draining = False
        self._stdout = RemoteOutput(
            stdout,
            sign=f"{sign} ".encode(),
            on_sign=self._on_sign,
            on_failure=self._fail,
            on_pause=self._pause,
            on_resume=self._resume,
        )
        self._stderr = RemoteOutput(
            stderr,
            sign=sign.encode() if is_noisy else None,
            on_failure=self._fail,
            on_pause=self._pause,
            on_resume=self._resume,
        )
        self._early_errors = bytearray()

    def tell(self) -> None:
        """Have the shell start the command."""
        if self._channel is not None and not self._channel.is_closing():
            self.was_told = True
            self._channel.write(self._parts.pop(0))

    def drain(self) -> None:
        """Deliver what has come, even if a sink asked for a pause."""
        if self._pauses and self._channel is not None:
            self._is_draining = True
            self._channel.resume_reading()
            self._is_draining = False
            if self._pauses:
                self._channel.pause_reading()

    def withdraw(self) -> None:
        """Have the shell end, if it has been told nothing."""
        if self.opened.done() and not self.opened.cancelled() and self._channel is not None:
            withdraw(self._channel)

    def abort(self) -> None:
        """Close the channel now; on the node, that alone stops nothing."""
        self.drain()
        if self._channel is not None:
            self._channel.abort()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """As asyncssh says."""
        self._channel = chan

    def session_started(self) -> None:
        """As asyncssh says."""
        super().session_started()
        if not self.opened.cancelled() and self._may_begin():
            self.tell()

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """As asyncssh says."""
        if self._timer is not None:
            self._settle_later()
        self._is_quiet = False
        if datatype is None:
            self._stdout.write(data)
        elif self.begun.done():
            self._stderr.write(data)
        else:
            self._early_errors += data[: 65_536 - len(self._early_errors)]

    def exit_status_received(self, status: int) -> None:
        """As asyncssh says."""
        self._on_exit(status)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:  # noqa: ARG002
        """As asyncssh says."""
        self._on_exit(-_signal_number(signal))

    def pause_writing(self) -> None:
        """As asyncssh says."""
        if self._feed is not None:
            self._feed.pause()

    def resume_writing(self) -> None:
        """As asyncssh says."""
        if self._feed is not None:
            self._feed.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncssh says: nothing more will come through this channel."""
        super().connection_lost(exc)
        self.drain()
        self._settle()
        self.let_go()
        self.begun.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    def lose(self) -> None:
        """Take the command for lost, unless it is known how it has ended."""
        self._settle()

    def let_go(self) -> None:
        """Close the sinks, and the file on stdin; what still comes is nobody's."""
        self._stdout.close()
        self._stderr.close()
        if self._feed is not None:
            self._feed.close()

    def _on_sign(self, rest: bytes) -> bool:
        if self._parts:
            self.tell()
            return False
        self.begun.set_result(int(rest))
        self._stderr.write(bytes(self._early_errors))
        self._early_errors.clear()
        if self._feed is not None and self._channel is not None:
            self._feed.start(self._channel)
        return True

    def _on_exit(self, returncode: int) -> None:
        self._returncode = returncode
        self._deadline = self._loop.time() + _MOST_SECONDS
        self._settle_later()

    def _settle_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        moment = min(self._loop.time() + _QUIET_SECONDS, self._deadline)
        self._timer = self._loop.call_at(moment, self._on_quiet)

    def _on_quiet(self) -> None:
        """Nothing has come for a while: there was no more, or it was not let through."""
        self._is_quiet = True
        self.drain()
        if self._is_quiet or self._loop.time() >= self._deadline:
            self._settle()

    def _settle(self) -> None:
        """Tell how it ended: all that it wrote is here, or as good as."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._returncode is None:
            self._fail(ConnectionLostError(self._explain_loss()))
        elif self.begun.done():
            if not self.ended.done():
                self.ended.set_result(self._returncode)
        else:
            self._fail(LaunchError(self._refusal(self._returncode)))

    def _refusal(self, returncode: int) -> str:
        words = bytes(self._early_errors).decode(errors="replace").strip().splitlines()
        reason = words[-1] if words else f"the login shell ended with status {returncode}"
        if self.command.directory is not None and returncode == 125:
            return (
                f"the command cannot be started in directory '{self.command.directory}': {reason}"
            )
        return f"the command cannot be started: {reason}"

    def _fail(self, error: TaskError) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
            self.ended.exception()  # whoever stops the command may not ask

    def _pause(self) -> None:
        self._pauses += 1
        if self._channel is not None and not self._is_draining:
            self._channel.pause_reading()

    def _resume(self) -> None:
        self._pauses -= 1
        if self._pauses == 0 and self._channel is not None:
            self._channel.resume_reading()


def _signal_number(name: str) -> int:
    number = getattr(signal, f"SIG{name}", None)
    return int(number) if isinstance(number, signal.Signals) else _NAMELESS_SIGNAL
