"""The guard: one small process that outlives gplmt, to stop what a dead gplmt cannot stop."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from gplmt.errors import LaunchError
from gplmt.transports.launching import ExitWatch, in_words

_SCRIPT = Path(__file__).with_name("guard.sh")
_LIFE_SECONDS = 1.0
_PATIENCE_SECONDS = 1.0
_LAZY_SECONDS = 1.0


class Guard:
    """Tells the guard process what there is to stop, and replaces it if it dies.

    A word names something to be stopped, as guard.sh explains.  `shell` is how to call a POSIX
    shell.
    """

    def __init__(
        self, *, token: str, grace_seconds: float, shell: Sequence[str] = ("/bin/sh",)
    ) -> None:
        arguments = ("-c", packed_script(), "gplmt-guard", token, f"{grace_seconds:.3f}")
        self._arguments = (*shell, *arguments)
        self._words: dict[str, None] = {}
        self._process: _GuardProcess | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Make sure that there is a guard process.

        Raises:
            LaunchError: it could not be started.
        """
        if self._process is None:
            self._process = _GuardProcess(self._arguments, self._words, self._on_exit)

    def add(self, word: str) -> None:
        """From now on, this is stopped if gplmt dies."""
        self._words[word] = None
        if self._process is not None:
            self._process.control.send(f"+{word}")

    def remove(self, word: str) -> None:
        """This has ended, or shall live on.

        A group that has ended may be told of later, a mark not: what bears it lives on.
        """
        if word in self._words:
            del self._words[word]
            if self._process is not None:
                control = self._process.control
                tell = control.send_soon if word[0].isdigit() else control.send
                tell(f"-{word}")

    async def close(self) -> None:
        """Let the guard process go; it touches nothing."""
        if self._timer is not None:
            self._timer.cancel()
        process, self._process = self._process, None
        if process is not None:
            await process.quit()

    def _on_exit(self, process: _GuardProcess) -> None:
        if process is self._process:
            self._process = None
            loop = asyncio.get_running_loop()
            # Not at once again and again, if it is one that cannot live.
            self._timer = loop.call_at(process.started + _LIFE_SECONDS, self._restart)

    def _restart(self) -> None:
        with suppress(LaunchError):  # the next command tries again, and tells
            self.start()


class _GuardProcess:
    """One guard process and its control pipe."""

    def __init__(
        self,
        arguments: Sequence[str],
        words: Iterable[str],
        on_exit: Callable[[_GuardProcess], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._on_exit = on_exit
        self._gone = loop.create_future()
        self.started = loop.time()
        to_read, to_write = os.pipe()
        self.control = _ControlPipe(to_write)
        # The process finds the words in the pipe, whatever becomes of us once it runs.
        self.control.send(*(f"+{word}" for word in words))
        try:
            self._process = _spawn(arguments, stdin=to_read)
        except OSError as error:
            self.control.close()
            reason = in_words(error)
            raise LaunchError(f"the guard of local commands cannot be started: {reason}") from error
        finally:
            os.close(to_read)
        self._watch = ExitWatch(self._process, self._exited)

    async def quit(self) -> None:
        """Ask the process to end, and make it end if it does not; it is reaped."""
        self.control.send("quit")
        await asyncio.wait([self._gone], timeout=_PATIENCE_SECONDS)
        if not self._gone.done():
            self._process.kill()
            await asyncio.wait([self._gone], timeout=_PATIENCE_SECONDS)

    def _exited(self, _returncode: int) -> None:
        self.control.close()
        self._gone.set_result(None)
        self._on_exit(self)


class _ControlPipe:
    """Lines to somebody who may be slow, or gone; nobody is ever waited for."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._unsent = bytearray()
        self._is_open = True
        self._is_full = False
        self._timer: asyncio.TimerHandle | None = None

    def send(self, *lines: str) -> None:
        """Write lines now, or when the pipe has room."""
        self._unsent += "".join(f"{line}\n" for line in lines).encode()
        if not self._is_full:
            self._flush()

    def send_soon(self, line: str) -> None:
        """Write a line with the next one or within a second: each write costs a wake-up."""
        self._unsent += f"{line}\n".encode()
        if self._timer is None and self._is_open and not self._is_full:
            self._timer = self._loop.call_later(_LAZY_SECONDS, self._flush)

    def close(self) -> None:
        """Drop what was not written."""
        self._cancel_timer()
        self._wait_for_room(is_full=False)
        self._is_open = False
        os.close(self._descriptor)

    def _flush(self) -> None:
        self._cancel_timer()
        if not self._is_open:
            return
        try:
            del self._unsent[: os.write(self._descriptor, self._unsent)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent.clear()
        self._wait_for_room(is_full=bool(self._unsent))

    def _wait_for_room(self, *, is_full: bool) -> None:
        if is_full and not self._is_full:
            self._loop.add_writer(self._descriptor, self._flush)
        elif self._is_full and not is_full:
            self._loop.remove_writer(self._descriptor)
        self._is_full = is_full

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@cache
def packed_script() -> str:
    """The script without what only people need."""
    lines = (line.strip() for line in _SCRIPT.read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def _spawn(arguments: Sequence[str], *, stdin: int) -> subprocess.Popen[bytes]:
    # Nearly no environment: no marker, no secret, nothing that changes what the shell does.
    return subprocess.Popen(  # noqa: S603 - our own script
        arguments,
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        start_new_session=True,
    )
