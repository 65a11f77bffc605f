"""What a shell on a node is told to do; pure.

The server hands the opening to the login shell, whichever that is.  What is to be done follows
on the channel's stdin, where it shows in no process list.  It is one compound command: a shell
that does not get all of it does nothing.
"""

from __future__ import annotations

from shlex import quote

from msgspec import Struct

from gplmt.commands import Command
from gplmt.errors import LaunchError
from gplmt.transports.processes import MARKER_VARIABLE

# Means the same to all shells: the rest is read by one that we know.
OPENING = "exec /bin/sh"

# What POSIX shells can do themselves, which saves the node one execution a command.  Bash reads
# the script at once, as it is slow with single bytes; no shell reads more than the script.
_POSIX_SHELLS = frozenset(("sh", "bash", "dash", "ash", "busybox", "zsh", "ksh", "mksh"))
_QUICK_OPENING = """\
case ${{BASH_VERSION-}} in
4.[1-9]* | [5-9].*) LC_ALL=C read -rN {size} _g ;;
*) _g=; while IFS= read -r _l && [ "$_l" != {sign} ]; do _g="$_g$_l
"; done ;;
esac
eval "$_g"
exit 125"""
_MAX_QUICK_BYTES = 4000

# Linux takes arguments and variables of up to 128 KiB, their final NUL included (execve(2)).
_MAX_ARGUMENT_BYTES = 100_000
_MAX_VARIABLE_BYTES = 131_071

# Who has written something before may not have ended the line.
_CANNOT_ENTER = """\
echo >&2
if [ ! -e {place} ]; then echo 'no such file or directory'
elif [ ! -d {place} ]; then echo 'not a directory'
else echo 'permission denied'; fi >&2; exit 125"""

# What is left running shall not get SIGPIPE when the channel is gone: it writes to somebody who
# stays.  Where that cannot be arranged, it is as it is without.
_RELAY = """\
set -- "$(mktemp -d 2>/dev/null)" "$@"
if [ -n "$1" ] && mkfifo "$1/1" "$1/2"; then
( exec <"$1/1"; cat; exec cat >/dev/null ) &
( exec <"$1/2" >&2; cat; exec cat >/dev/null ) &
exec >"$1/1" 2>"$1/2"
rm -r "$1"
fi
shift"""

# The command's variables may hide where it is.
_FIND_SETSID = 'set -- "$(command -v setsid)"'


def guard_script(script: str, *, token: str, grace_seconds: float, nap_seconds: float) -> bytes:
    """How to start the guard (`guard.sh`), whose packed text is `script`."""
    return f"set -- {token} {grace_seconds:.3f} {nap_seconds:.3f}\n{{\n{script}\n}}\n".encode()


def pipe_script(command: str, *, sign: str) -> bytes:
    """How to start a command of ours; it may have its stdin when it has written `sign`."""
    return _compound(f"echo {sign}", f"exec /bin/sh -c {quote(command)}")


class Surface(Struct, frozen=True, kw_only=True):
    """How a node starts commands: what of it is not the same everywhere.

    `gives_sessions` says that each command leads a process group, `is_noisy` that the login shell,
    named `login_shell`, writes to stderr on its own.
    """

    gives_sessions: bool = True
    is_noisy: bool = False
    login_shell: str = ""


class CommandScript:
    """How to start a command: what to tell the shell, part by part, in a channel `opening`.

    After each part the shell writes `sign` and the number of its process, on stdout; the next
    part, and in the end the command's stdin, may be sent then.  What comes before the last sign
    is not the command's, but the login shell's; if that is noisy, a sign comes on stderr, too.

    Raises:
        LaunchError: no command can be started with this environment.
    """

    def __init__(self, command: Command, *, marker: str, sign: str, surface: Surface) -> None:
        text = quote(command.text)
        shell = "/bin/sh" if surface.gives_sessions else '"$1" /bin/sh'
        surroundings = [
            *([] if surface.gives_sessions else [_FIND_SETSID]),
            _exports({**command.environment, MARKER_VARIABLE: marker}),
            *_directory(command.directory),
        ]
        ready = f'echo "{sign} $$"'
        begin = [
            ready + (f"; echo {sign} >&2" if surface.is_noisy else ""),
            *([_RELAY] if command.leave_running else []),
        ]
        silence = [] if command.stdin is not None else ["exec </dev/null"]
        self.opening = OPENING
        self.parts: tuple[bytes, ...]
        if len(text) < _MAX_ARGUMENT_BYTES:
            part = _compound(*surroundings, *silence, *begin, f"exec {shell} -c {text}")
            if surface.login_shell in _POSIX_SHELLS and len(part) < _MAX_QUICK_BYTES:
                part += f"{sign}\n".encode()
                self.opening = _QUICK_OPENING.format(size=len(part), sign=sign)
            self.parts = (part,)
        else:
            # It is no argument, so the shell that runs it reads it as this one reads its part.
            self.parts = (
                _compound(*surroundings, ready, f"exec {shell}"),
                _compound(*silence, *begin, f"eval ' '{text}"),
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
    return [f"command cd {place} 2>/dev/null || {{ {refusal}; }}"]
