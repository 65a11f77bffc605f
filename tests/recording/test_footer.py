"""Lines that stay below the output, on a real terminal and on none of ours."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator

import pytest

from gplmt.recording.footer import Footer, FooterLine
from gplmt.recording.terminal import Terminal

ERASE_TWO = b"\r\x1b[2A\x1b[J"


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal of 20 columns that is nobody's in particular."""
    ours, theirs = pty.openpty()
    resize(theirs, 20)
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def resize(descriptor: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 10, columns, 0, 0))


def line(text: str) -> FooterLine:
    return FooterLine(text, len(text))


def test_output_is_written_where_the_footer_was_and_the_footer_below(
    terminal: tuple[int, int],
) -> None:
    footer = Footer(terminal[1])
    footer.set([line("one"), line("two")])
    first, second = footer.around(b""), footer.around(b"output\n")
    assert b"\x1b[J" not in first
    assert first.index(b"one\n") < first.index(b"two\n")
    assert second.index(ERASE_TWO) < second.index(b"output\n") < second.index(b"one\n")


def test_a_footer_that_is_taken_away_leaves_nothing_and_does_nothing_any_more(
    terminal: tuple[int, int],
) -> None:
    footer = Footer(terminal[1])
    assert footer.around(b"output\n") == b"output\n"
    footer.set([line("one"), line("two")])
    footer.around(b"")
    footer.set(())
    last = footer.around(b"")
    assert ERASE_TWO in last
    assert b"one" not in last
    assert footer.around(b"output\n") == b"output\n"


def test_lines_that_a_narrower_terminal_has_wrapped_are_erased_whole(
    terminal: tuple[int, int],
) -> None:
    footer = Footer(terminal[1])
    footer.set([line("x" * 19), line("y" * 5)])
    footer.around(b"")
    resize(terminal[1], 7)
    assert b"\r\x1b[4A\x1b[J" in footer.around(b"")


def test_after_a_stop_nothing_is_erased(terminal: tuple[int, int]) -> None:
    footer = Footer(terminal[1])
    footer.set([line("one")])
    footer.around(b"")
    footer.forget()
    again = footer.around(b"")
    assert b"\x1b[J" not in again
    assert b"one\n" in again


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (b"\x1b[1;31mred\x1b[0m\n", b"\x1b[1;31mred\x1b[0m\n"),
        (b"\x1b[2J\x1b[1;1Hclear\n", b"clear\n"),
        (b"\x1b[3A\x1b[?25lup\x1b[K\n", b"up\n"),
        (b"\x1b]0;title\x07\x1b]8;;x\x1b\\text\n", b"text\n"),
        (b"\x1bcreset\x1b(Bcharset\x1b7save\n", b"resetcharsetsave\n"),
        (b"\x1bPstring\x1b\\end\n", b"end\n"),
    ],
)
def test_output_cannot_move_about_while_there_is_a_footer(
    terminal: tuple[int, int], output: bytes, shown: bytes
) -> None:
    footer = Footer(terminal[1])
    assert footer.around(output) == output
    footer.set([line("one")])
    assert footer.around(output) == b"\x1b[?2026h" + shown + b"\x1b[0mone\n\x1b[?2026l"


def test_text_that_cannot_be_encoded_is_shown_somehow(terminal: tuple[int, int]) -> None:
    footer = Footer(terminal[1])
    footer.set([line("a\udc80b")])
    assert b"a?b\n" in footer.around(b"")


def test_a_terminal_that_is_closed_shows_no_footer_any_more(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    shown = Terminal(stdout=theirs, stderr=theirs)
    shown.show_footer([line("below")])
    shown.message("above")
    assert shown.close()
    shown.show_footer([line("too late")])
    seen = os.read(ours, 65536)
    assert b"above\r\n" in seen
    assert b"too late" not in seen
    assert b"below" not in seen or seen.rindex(b"\x1b[J") > seen.rindex(b"below")
