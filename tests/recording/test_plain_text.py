"""Text of others, before it comes to a terminal or into a line of ours."""

from __future__ import annotations

import pytest

from gplmt.recording.plain_text import in_one_line, last_line, printable


def test_what_would_control_the_terminal_is_a_question_mark() -> None:
    assert printable("a\x1b[2Jb\x07\x9b1m\u202ec") == "a?[2Jb??1m?c"
    assert printable("a\tb") == "a       b"


def test_lines_become_one() -> None:
    assert in_one_line("a\r\nb\n\n\tc\u2028d\x00") == "a b c d?"


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (b"", ""),
        (b"one\ntwo\n", "two"),
        (b"one\npart", "part"),
        (b"one\n\n \n", "one"),
        (b" 10%\r 20%\r 30%", " 30%"),
        (b"\x1b[1;31mred\x1b[0m\n", "red"),
        (b"\x1b]0;title\x07prompt", "prompt"),
        (b"\xff\xfebinary\x01", "\ufffd\ufffdbinary?"),
    ],
)
def test_the_last_line_is_the_last_that_says_anything(output: bytes, shown: str) -> None:
    assert last_line(output) == shown
