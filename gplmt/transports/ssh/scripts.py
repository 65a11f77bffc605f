"""What a shell on a node is told to do; pure.

The server hands `SHELL` to the login shell, whichever that is, so it must mean the same to all of
them. What is to be done follows on the channel's stdin, where it shows in no process list.  It
is one compound command: a shell that does not get all of it does nothing.
"""

from __future__ import annotations

from shlex import quote

from gplmt.errors import LaunchError
from gplmt.protocols import Command
from gplmt.transports.processes import MARKER_VARIABLE

SHELL = "exec /bin/sh"

# Linux takes arguments and variables of up to 128 KiB, their final NUL included (execve(2)).
_MAX_ARGUMENT_BYTES = 100_000
_MAX_VARIABLE_BYTES = 131_071

_CANNOT_ENTER = """\
if [ ! -e {place} ]; then echo 'no such file or directory'
elif [ ! -d {place} ]; then echo 'not a directory'
else echo 'permission denied'; fi >&2; exit 125"""

# What is left running shall not get SIGPIPE when the channel is gone: it writes to somebody who
# stays.  Where that cannot be arranged, it is as it is without.
_RELAY = """\
set -- "$(mktemp -d)"
if mkfifo "$1/1" "$1/2"; then
( exec <"$1/1"; cat; exec cat >/dev/null ) &
( exec <"$1/2" >&2; cat; exec cat >/dev/null ) &
exec >"$1/1" 2>"$1/2"
rm -r "$1"
fi"""


def guard_script(script: str, *, token: str, grace_seconds: float, lease_seconds: float) -> bytes:
    """How to start the guard (`guard.sh`), whose packed text is `script`."""
    return f"set -- {token} {grace_seconds:.3f} {lease_seconds:.3f}\n{{\n{script}\n}}\n".encode()


def pipe_script(command: str, *, sign: str) -> bytes:
    """How to start a command of ours; it may have its stdin when it has written `sign`."""
    return _compound(f"echo {sign}", f"exec /bin/sh -c {quote(command)}")


class CommandScript:
    """How to start a command: what to tell the shell, part by part.

    After each part the shell writes `sign` and the number of its process, on stdout; the next
    part, and in the end the command's stdin, may be sent then.  What comes before the last sign
    is not the command's, but the login shell's; if that `is_noisy`, a sign comes on stderr, too.
    `new_session` is for servers that do not give each command one.

    Raises:
        LaunchError: no command can be started with this environment.
    """

    def __init__(
        self,
        command: Command,
        *,
        marker: str,
        sign: str,
        new_session: bool,
        is_noisy: bool,
    ) -> None:
        text = quote(command.text)
        shell = "setsid /bin/sh" if new_session else "/bin/sh"
        surroundings = [
            _exports({**command.environment, MARKER_VARIABLE: marker}),
            *_directory(command.directory),
            *([_RELAY] if command.leave_running else []),
        ]
        ready = f'echo "{sign} $$"'
        begin = ready + (f"; echo {sign} >&2" if is_noisy else "")
        silence = [] if command.stdin is not None else ["exec </dev/null"]
        self.parts: tuple[bytes, ...]
        if len(text) < _MAX_ARGUMENT_BYTES:
            self.parts = (_compound(*surroundings, *silence, begin, f"exec {shell} -c {text}"),)
        else:
            # It is no argument, so the shell that runs it reads it as this one reads its part.
            self.parts = (
                _compound(*surroundings, ready, f"exec {shell}"),
                _compound(*silence, begin, f"eval ' '{text}"),
            )


def _compound(*lines: str) -> bytes:
    return "\n".join(["{", *lines, "}", ""]).encode(errors="surrogateescape")


def _exports(variables: dict[str, str]) -> str:
    for name, value in variables.items():
        size = len(value.encode(errors="surrogateescape")) + len(name) + 1
        if size > _MAX_VARIABLE_BYTES:
            raise LaunchError(
                "the command cannot be started: its environment is too large; "
                f"the longest variable, {name}, has {size} bytes"
            )
    return "export " + " ".join(f"{name}={quote(value)}" for name, value in variables.items())


def _directory(directory: str | None) -> list[str]:
    if directory is None:
        return []
    place = quote(directory if directory.startswith("/") else f"./{directory}")
    refusal = _CANNOT_ENTER.format(place=place)
    return [f"cd {place} 2>/dev/null || {{ {refusal}; }}"]
