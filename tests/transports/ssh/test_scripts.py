"""What shells on nodes are told: all of them do all of it, or nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gplmt.commands import Command
from gplmt.errors import LaunchError
from gplmt.transports.ssh.scripts import OPENING, CommandScript, Surface, guard_script
from tests.transports.guards import all_shells
from tests.transports.host import ORIGIN

SIGN = "gplmt-0123456789abcdef"
LONG = ": " + "x" * 200_000 + "\n"
POSIX = Surface(login_shell="dash")
openings = pytest.mark.parametrize(
    "surface", [POSIX, Surface(login_shell="fish")], ids=["quick", "usual"]
)


def script(
    text: str,
    *,
    environment: Mapping[str, str] | None = None,
    directory: str | None = None,
    stdin: Path | None = None,
    surface: Surface = POSIX,
) -> CommandScript:
    """How to start a command."""
    command = Command(
        identity="1.1",
        origin=ORIGIN,
        text=text,
        environment=environment or {},
        directory=directory,
        stdin=stdin,
    )
    return CommandScript(command, marker="t.1-s1.1/n1", sign=SIGN, surface=surface)


def told(made: CommandScript, data: bytes, *, shell: Sequence[str]) -> list[bytes]:
    """What a login shell writes that is told this in a channel, as lines."""
    words = [*shell, "-c", made.opening]
    ended = subprocess.run(words, input=data, capture_output=True, check=False)  # noqa: S603
    return ended.stdout.split(b"\n")


@all_shells
@openings
def test_a_command_comes_after_the_sign_and_its_number(
    surface: Surface, shell: Sequence[str]
) -> None:
    made = script("echo $$ $V", environment={"V": "value"}, surface=surface)
    (part,) = made.parts
    sign, line, end = told(made, part, shell=shell)
    word, _, number = sign.partition(b" ")
    assert (word.decode(), end) == (SIGN, b"")
    assert line == number + b" value"


@all_shells
@openings
def test_a_shell_that_gets_a_part_of_it_does_nothing(
    surface: Surface, shell: Sequence[str], tmp_path: Path
) -> None:
    made = script(f"touch {tmp_path}/x", environment={"V": "a'b\nc"}, surface=surface)
    (part,) = made.parts
    needed = part.rindex(b"}")
    for length in range(0, needed + 1, 7):
        assert told(made, part[:length], shell=shell) == [b""]
    assert list(tmp_path.iterdir()) == []
    assert len(told(made, part, shell=shell)) == 2
    assert len(list(tmp_path.iterdir())) == 1


@all_shells
def test_a_quick_opening_reads_no_more_than_its_script(
    shell: Sequence[str], tmp_path: Path
) -> None:
    made = script("cat", stdin=tmp_path)
    (part,) = made.parts
    assert told(made, part + b"the command's\nown", shell=shell)[1:] == [b"the command's", b"own"]


@all_shells
def test_a_long_text_comes_in_two_parts(shell: Sequence[str], tmp_path: Path) -> None:
    made = script(f"{LONG}echo ${{0##*/}} $#; exit 3", directory=str(tmp_path))
    first, second = made.parts
    assert len(first) < 1000
    # The second must wait for this: a shell reads ahead.
    sign, end = told(made, first, shell=shell)
    assert (sign.split()[0].decode(), end) == (SIGN, b"")
    assert told(made, second, shell=shell)[1:] == [b"sh 0", b""]


def test_nothing_of_a_command_is_in_what_a_process_list_shows() -> None:
    made = script("echo secret-text", environment={"V": "secret-value"}, directory="secret-place")
    assert "secret" not in made.opening
    assert "t.1-s1.1" not in made.opening


@pytest.mark.parametrize("login_shell", ["fish", "tcsh", "csh", "nu", ""])
def test_a_login_shell_that_is_no_posix_shell_reads_nothing_itself(login_shell: str) -> None:
    made = script("true", surface=Surface(login_shell=login_shell))
    assert made.opening == OPENING


def test_a_variable_that_no_program_can_be_given_is_named() -> None:
    script("true", environment={"V": "x" * 131_068})
    with pytest.raises(LaunchError, match="the longest variable, V, has 131072 bytes"):
        script("true", environment={"V": "é" * 65_535})


def test_the_guard_is_told_its_times() -> None:
    made = guard_script("echo $1 $2 $3", token="t.1", grace_seconds=5, nap_seconds=9.0)  # noqa: S106
    ended = subprocess.run(["sh"], input=made, capture_output=True, check=True)  # noqa: S607
    assert ended.stdout.split()[0] == b"t.1"
    assert [float(word) for word in ended.stdout.split()[1:]] == [5.0, 9.0]
