"""Real shells that complete: a person at a terminal, whose keys are sent one after another."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

from tests.support.program import LIGHT, ROOT, until

_SIZE = struct.pack("HHHH", 50, 250, 0, 0)
_END_OF_LINE = re.compile(r"\n\[(.*)\]\r")  # what the keys Ctrl-T show of the line typed so far
_RUN_PROGRAM = '#!/bin/sh\nPYTHONPATH={root} exec {words} "$@"\n'

WORDS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
}
_SETUP = {
    "bash": r"""
        bind 'set bell-style none'; bind 'set show-all-if-ambiguous on'
        bind 'set enable-bracketed-paste off'
        show() { printf '\n[%s]\n' "$READLINE_LINE"; }; bind -x '"\C-t": show'
        eval "$(gplmt --print-completion bash)"
    """,
    "zsh": r"""
        unsetopt beep; autoload -Uz compinit && compinit -u -D
        show() { printf '\n[%s]\n' "$BUFFER"; }; zle -N show; bindkey '^T' show
        eval "$(gplmt --print-completion zsh)"
    """,
}


def install(directory: Path) -> dict[str, str]:
    """Put gplmt, under both its names, on the PATH of the environment that is returned."""
    directory.mkdir()
    gplmt = (sys.executable, "-m", "gplmt")
    for name, words in (("gplmt", gplmt), ("gplmt-light.py", LIGHT)):
        script = directory / name
        script.write_text(_RUN_PROGRAM.format(root=ROOT, words=" ".join(words)))
        script.chmod(0o755)
    return {
        "PATH": f"{directory}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(directory.parent),
        "LC_ALL": "C.UTF-8",
        "PS1": "> ",
        "TERM": "dumb",
    }


class Shell:
    """An interactive shell with its completion of gplmt, as a context."""

    def __init__(self, name: str, directory: Path, environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, _SIZE)
        os.set_blocking(self._ours, False)
        self._seen = ""
        self._process = _start(WORDS[name], theirs, directory, environment)
        os.close(theirs)
        setup = directory / "setup"
        setup.write_text(_SETUP[name] + "\n        echo is''ready\n")
        self.type(". ./setup\n")
        self.until_shown("isready")

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def until_shown(self, text: str) -> None:
        """Wait until this can be read."""
        until(lambda: text in self._text())

    def completed(self, line: str) -> str:
        """The line that TAB makes of a line."""
        return self.after(line)[0]

    def after(self, line: str) -> tuple[str, str]:
        """The line that TAB makes of a line, and all that has been shown meanwhile."""
        self._text()
        self._seen = ""
        self.type(f"{line}\t\x14")
        until(lambda: _END_OF_LINE.search(self._text()))
        match = _END_OF_LINE.search(self._seen)
        shown = self._seen
        self.type("\x15")  # away with it
        return (match[1] if match else ""), shown

    def _text(self) -> str:
        try:
            while part := os.read(self._ours, 65536):
                self._seen += part.decode(errors="replace")
        except BlockingIOError:
            pass
        return self._seen


def _start(
    words: Sequence[str], terminal: int, directory: Path, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603
        words,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=directory,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
