"""Help fits the terminal, and says all that a stranger needs."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios

import pytest

from gplmt.cli.options import ADD_OPTIONS
from tests.support.program import GPLMT, ROOT

NARROW = 60


def help_of(*words: str, columns: int) -> list[str]:
    """The lines that `--help` prints on a terminal that is so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(  # noqa: S603
        [*GPLMT, *words, "--help"],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
    )
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        text = b"".join(iter(lambda: read(terminal.fileno()), b""))
    assert process.wait(60) == 0
    return text.decode().splitlines()


def read(descriptor: int) -> bytes:
    """What a terminal shows next; nothing at its end, which Linux tells as an error."""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


@pytest.mark.parametrize("command", ADD_OPTIONS)
def test_help_fits_a_narrow_terminal_commands_to_be_copied_aside(command: str) -> None:
    lines = help_of(command, columns=NARROW)
    place = lines.index("examples:")
    after = [line for line in lines[place:] if not line.startswith(("  gplmt ", "  git "))]
    assert [line for line in (*lines[:place], *after) if len(line) > NARROW] == []
    assert any(line.startswith("exit codes: 0 ") for line in after)
    assert "  gplmt " in "\n".join(lines[place:])


def test_an_example_and_its_meaning_share_a_line_where_that_is_wide_enough() -> None:
    wide, narrow = (help_of("check", columns=columns) for columns in (100, NARROW))
    assert (
        "  gplmt check lab.xml -I ~/gplmt/lib           look there for included files, too" in wide
    )
    place = narrow.index("  gplmt check lab.xml -I ~/gplmt/lib")
    assert narrow[place + 1] == "      look there for included files, too"
