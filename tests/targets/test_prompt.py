"""The password prompt, on a real terminal (LANGUAGE.md 4.4)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.terminal import Terminal
from tests.targets.bench import document, slice_target
from tests.targets.servers import PASSWORD, USER, Plc

NO_PASSWORD = {"GPLMT_PLANETLAB_PASSWORD": ""}


@pytest.fixture
def plc() -> Iterator[Plc]:
    with Plc({}) as plc:
        yield plc


@pytest.fixture
def terminal(tmp_path: Path, plc: Plc) -> Iterator[Terminal]:
    """A terminal in a directory with an experiment that has a slice."""
    (tmp_path / "lab.xml").write_text(document(slice_target(plc.url)))
    with Terminal(tmp_path) as terminal:
        yield terminal


def test_a_password_can_be_typed_unseen(terminal: Terminal, plc: Plc) -> None:
    run = terminal.start("lab.xml", environment=NO_PASSWORD)
    terminal.until_shown(f"Password of {USER} at {plc.url}: ")
    assert not terminal.shows_what_is_typed
    terminal.type(f"{PASSWORD}\n")
    assert run.wait(10) == 3
    assert "knows no slice 's'" in terminal.text
    assert PASSWORD not in terminal.text
    assert plc.calls[0][1]["AuthString"] == PASSWORD
    assert terminal.shows_what_is_typed


@pytest.mark.parametrize("keys", ["\n", "\x04"], ids=["return", "ctrl-d"])
def test_typing_nothing_is_told_with_what_to_set(terminal: Terminal, plc: Plc, keys: str) -> None:
    run = terminal.start("lab.xml", environment=NO_PASSWORD)
    terminal.until_shown("Password of ")
    terminal.type(keys)
    assert run.wait(10) == 3
    assert f"Password of {USER} at {plc.url}: \nlab.xml:2: error: " in terminal.text
    assert "is given; set GPLMT_PLANETLAB_PASSWORD\n" in terminal.text
    assert plc.calls == []


def test_nobody_is_asked_with_batch(terminal: Terminal, plc: Plc) -> None:
    run = terminal.start("lab.xml", "--batch", environment=NO_PASSWORD)
    assert run.wait(10) == 3
    assert "Password of" not in terminal.text
    assert "is given; set GPLMT_PLANETLAB_PASSWORD\n" in terminal.text
    assert plc.calls == []


def test_ctrl_c_at_the_prompt_ends_at_once_and_the_terminal_shows_again(
    terminal: Terminal, plc: Plc, tmp_path: Path
) -> None:
    run = terminal.start("lab.xml", environment=NO_PASSWORD)
    terminal.until_shown("Password of ")
    terminal.type("half\x03")
    assert run.wait(10) == -signal.SIGINT
    assert terminal.shows_what_is_typed
    assert "Traceback" not in terminal.text
    assert plc.calls == []
    assert [path.name for path in tmp_path.iterdir()] == ["lab.xml"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_prompt_leaves_the_terminal_as_it_was(
    terminal: Terminal, number: signal.Signals
) -> None:
    run = terminal.start("lab.xml", environment=NO_PASSWORD)
    terminal.until_shown("Password of ")
    run.send_signal(number)
    assert run.wait(10) == -number
    assert terminal.shows_what_is_typed
