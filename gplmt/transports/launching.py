"""Starting `/bin/sh -c` on this host, and learning when it has ended."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import stat
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from gplmt.errors import LaunchError

# Linux takes arguments of up to 128 KiB, their final NUL included (execve(2)).
_MAX_ARGUMENT_BYTES = 100_000
_LONGEST_PAUSE = 0.05


class Launched(NamedTuple):
    """A running shell, and the ends of its output that are ours to read."""

    process: subprocess.Popen[bytes]
    stdout: int
    stderr: int


def launch(
    text: str,
    *,
    directory: str,
    environment: Mapping[bytes, bytes],
    stdin: Path | None,
    descriptor_limit: int | None,
) -> Launched:
    """Start a shell in a session of its own, with exactly this environment.

    Raises:
        LaunchError: it could not be started; no descriptor has been kept.
    """
    ours: list[int] = []
    theirs: list[int] = []
    try:
        argument = _hand_over(text, stdin, theirs)
        for _ in range(2):
            _open_pipe(ours, theirs)
        process = subprocess.Popen(  # noqa: S603 - running the user's text is the purpose
            ("/bin/sh", "-c", argument),
            stdin=theirs[0],
            stdout=theirs[1],
            stderr=theirs[2],
            cwd=directory,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        _close(ours)
        raise LaunchError(_reason(error, directory, environment)) from error
    finally:
        _close(theirs)
    if descriptor_limit is not None:
        _limit_descriptors(process.pid, descriptor_limit)
    return Launched(process, *ours)


class ExitWatch:
    """Calls back once, on the event loop, when a child has ended; it is reaped by then."""

    def __init__(self, process: subprocess.Popen[bytes], callback: Callable[[int], None]) -> None:
        self._process = process
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        try:
            self._descriptor = os.pidfd_open(process.pid)
        except (AttributeError, OSError):  # not Linux, or out of descriptors
            self.look()
        else:
            self._loop.add_reader(self._descriptor, self.look)

    def look(self, pause: float = 0.001) -> None:
        """Reap the child, and call back, if it has ended."""
        if self._is_over:
            return
        returncode = self._process.poll()
        if returncode is not None:
            self.cancel()
            self._callback(returncode)
        elif self._descriptor is None:
            longer = min(2 * pause, _LONGEST_PAUSE)
            self._timer = self._loop.call_later(pause, self.look, longer)

    def cancel(self) -> None:
        """Stop watching; the child is as it is."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None


def in_words(error: OSError) -> str:
    """The operating system's reason, in the style of our messages, with a hint if one helps."""
    words = error.strerror or str(error)
    words = words[:1].lower() + words[1:]
    if error.errno == errno.EMFILE:
        return f"{words}; raise 'ulimit -n' or let fewer targets run at a time (max-parallel)"
    return words


def let_children_be_waited_for() -> None:
    """Undo an inherited SIGCHLD of "ignore", under which the kernel drops exit statuses."""
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def outlast_writers(pipes: Iterable[int]) -> None:
    """Read pipes to their ends in processes of their own, so that no writer gets SIGPIPE."""
    for pipe in pipes:
        os.set_blocking(pipe, True)
        with suppress(OSError):
            subprocess.run(
                ("/bin/sh", "-c", "exec 3<&0; cat <&3 3<&- &"),
                stdin=pipe,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                check=False,
            )
        os.close(pipe)


def _hand_over(text: str, stdin: Path | None, descriptors: list[int]) -> bytes:
    """Open what becomes the shell's stdin, and return its argument."""
    argument = text.encode(errors="surrogateescape")
    # Opening a FIFO waits for a writer, so that is left to the shell.
    is_fifo = stdin is not None and stat.S_ISFIFO(stdin.stat().st_mode)
    if len(argument) < _MAX_ARGUMENT_BYTES and not is_fifo:
        descriptors.append(_open_to_read(os.devnull if stdin is None else str(stdin)))
        return argument
    script = b"exec <%b; %b" % (os.fsencode(quote(str(stdin or os.devnull))), argument)
    descriptors.append(_open_script(script))
    return b". /dev/stdin"


def _open_to_read(path: str) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return descriptor


def _open_script(script: bytes) -> int:
    """A file without a name, so that nothing remains of it whatever happens."""
    descriptor = _open_nameless()
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(script)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _open_nameless() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("command")
    import tempfile  # costly, and for other systems than Linux only

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _open_pipe(ours: list[int], theirs: list[int]) -> None:
    to_read, to_write = os.pipe()
    ours.append(to_read)
    theirs.append(to_write)
    os.set_blocking(to_read, False)


def _limit_descriptors(pid: int, soft_limit: int) -> None:
    """Give a new process a limit that it has not inherited; it has hardly begun to run."""
    if hasattr(resource, "prlimit"):
        with suppress(OSError):
            _, hard_limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft_limit, hard_limit))


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _reason(error: OSError, directory: str, environment: Mapping[bytes, bytes]) -> str:
    if error.errno == errno.E2BIG:
        name = max(environment, key=lambda name: len(environment[name]))
        size = len(environment[name])
        return (
            "the command cannot be started: its environment is too large; "
            f"the longest variable, {os.fsdecode(name)}, has {size} bytes"
        )
    reason = in_words(error)
    if error.filename is None:
        return f"the command cannot be started: {reason}"
    if os.fsdecode(error.filename) == directory:
        return f"the command cannot be started in directory '{directory}': {reason}"
    return f"the command cannot be started: '{os.fsdecode(error.filename)}': {reason}"
