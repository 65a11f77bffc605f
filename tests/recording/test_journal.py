"""The journal of a run: what stands there at any moment, and who may take it over."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gplmt.commands import Command, Origin
from gplmt.diagnostics import Location
from gplmt.errors import SetupError
from gplmt.inventory import HostValue, LocalAddress, Node
from gplmt.obligations import (
    CommandAlive,
    FilesToRemove,
    JournalOpened,
    NodeInUse,
    read_path,
    split_variables,
    written_path,
)
from gplmt.recording.journal import JournalFile
from gplmt.recording.kept_journal import NAME, KeptJournal, is_outstanding, read_statements

NODE = Node(at=Location("lab.xml", 3), name="n1", address=LocalAddress())


def opened(**fields: object) -> JournalOpened:
    values: dict[str, object] = {
        "gplmt": "0",
        "process": os.getpid(),
        "run_tokens": ("cafe",),
        "started_in": "/",
        "directory": "/",
        "grace_seconds": 5.0,
        "ssh_parallelism": 64,
        "ssh_cooldown_seconds": 0.0,
        "lease_seconds": 45.0,
        **fields,
    }
    return JournalOpened(**values)  # type: ignore[arg-type]


def command(identity: str, *, leave_running: bool = False) -> Command:
    origin = Origin(at="lab.xml:5", target="n1", step="s", tasklist="t", task="run-1")
    return Command(
        identity=identity,
        origin=origin,
        text="true",
        environment={},
        leave_running=leave_running,
    )


def files(number: int, *paths: str) -> FilesToRemove:
    return FilesToRemove(
        key=f"copy {number}.1 files 1", at="lab.xml:7", target="n1", paths=paths or ("/x",)
    )


class Held:
    """A journal in a directory, and what was told to the user."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self.messages: list[str] = []
        self.file = JournalFile()
        self.file.create(directory, opened(), report=self.messages.append)

    def owed(self) -> list[str]:
        return list(read_statements(self.path)[1])


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    held = Held(tmp_path)
    yield held
    held.file.close(all_stopped=True)


def test_what_is_owed_stands_there_until_it_is_settled(held: Held) -> None:
    held.file.owe(files(1))
    held.file.owe(files(2))
    assert held.owed() == ["copy 1.1 files 1", "copy 2.1 files 1"]
    held.file.settle("copy 1.1 files 1")
    held.file.settle("copy 1.1 files 1")
    held.file.settle("never heard of")
    assert held.owed() == ["copy 2.1 files 1"]


def test_only_its_owner_can_read_it(held: Held) -> None:
    assert held.path.stat().st_mode & 0o777 == 0o600


def test_a_command_is_known_before_it_lives_and_its_group_afterwards(held: Held) -> None:
    held.file.command_starts(NODE, command("17.1", leave_running=True), "cafe-l17.1/n1")
    _, owed = read_statements(held.path)
    assert owed["node n1"] == NodeInUse(key="node n1", node=NODE)
    starting = CommandAlive(
        key="command 17.1", target="n1", marker="cafe-l17.1/n1", leave_running=True
    )
    assert owed["command 17.1"] == starting
    held.file.command_lives(command("17.1"), 4711)
    assert read_statements(held.path)[1]["command 17.1"] == CommandAlive(
        key="command 17.1", target="n1", marker="cafe-l17.1/n1", group=4711, leave_running=True
    )
    held.file.command_ended(command("17.1"))
    assert held.owed() == ["node n1"]


def test_a_node_stands_there_once(held: Held) -> None:
    for number in range(3):
        held.file.command_starts(NODE, command(f"{number}.1"), f"cafe-s{number}.1/n1")
    assert held.path.read_text().count('"NodeInUse"') == 1


def test_it_stays_as_small_as_what_is_owed(held: Held) -> None:
    held.file.owe(files(0))
    for number in range(1, 12_000):
        held.file.command_starts(NODE, command(f"{number}.1"), f"cafe-s{number}.1/n1")
        held.file.command_ended(command(f"{number}.1"))
    assert held.path.stat().st_size < 2_000_000
    assert held.owed() == ["copy 0.1 files 1", "node n1"]
    assert held.path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in held.path.parent.iterdir()] == [NAME]


def test_a_last_line_that_a_crash_has_cut_is_left_out(held: Held) -> None:
    held.file.owe(files(1))
    held.file.owe(files(2))
    content = held.path.read_bytes()
    for cut in (1, 20, 60):
        held.path.write_bytes(content[:-cut])
        assert held.owed() == ["copy 1.1 files 1"]


def test_a_journal_that_cannot_be_written_is_told_once_and_written_again_later(
    tmp_path: Path,
) -> None:
    """A file system that is full, made by a limit on the size of files."""
    script = """
import resource, signal, sys
from pathlib import Path
from tests.recording.test_journal import Held, files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
held = Held(Path(sys.argv[1]))
held.file.owe(files(1))
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (held.path.stat().st_size + 20, unlimited[1]))
held.file.owe(files(2, "/long" * 50))
held.file.owe(files(3))
before = held.owed()
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
held.file.owe(files(4))
print([before, held.owed(), held.messages])
"""
    answer = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    before, after, messages = eval(answer.stdout)  # noqa: S307
    assert before == ["copy 1.1 files 1"]
    assert after == [f"copy {number}.1 files 1" for number in range(1, 5)]
    (message,) = messages
    assert message.startswith("warning: journal.jsonl cannot be written: ")


def test_a_lack_of_descriptors_is_told_and_ends_nothing(held: Held) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held.file.owe(files(1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        held.file.sync()
        held.file.owe(files(2))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(held.messages) == 1
    assert "cannot be written: too many open files" in held.messages[0]
    assert held.owed() == [files(1).key, files(2).key]
    held.file.sync()
    held.file.close(all_stopped=False)


def test_it_is_gone_when_nothing_is_owed_any_more(held: Held) -> None:
    held.file.owe(files(1))
    held.file.command_starts(NODE, command("1.1"), "cafe-s1.1/n1")
    held.file.settle("copy 1.1 files 1")
    assert held.file.close(all_stopped=True)
    assert not held.path.exists()


def test_it_stays_while_something_is_owed(held: Held) -> None:
    held.file.owe(files(1))
    assert not held.file.close(all_stopped=True)
    assert held.owed() == ["copy 1.1 files 1"]


def test_a_node_where_something_may_live_is_owed_a_visit_after_a_crash(held: Held) -> None:
    held.file.use(NODE)
    assert not held.file.close(all_stopped=False)
    assert held.owed() == ["node n1"]


def test_nobody_takes_over_from_a_run_that_is_running(held: Held) -> None:
    with pytest.raises(SetupError, match=f"still running, as process {os.getpid()}"):
        KeptJournal.take(held.path)
    assert not is_outstanding(held.path.parent)


def test_one_at_a_time_takes_over_from_a_run_that_has_ended(held: Held) -> None:
    held.file.owe(files(1))
    held.file.close(all_stopped=True)
    assert is_outstanding(held.path.parent)
    kept = KeptJournal.take(held.path)
    with pytest.raises(SetupError, match="still running"):
        KeptJournal.take(held.path)
    successor = JournalFile()
    successor.resume(kept, opened(run_tokens=("cafe", "beef")), report=held.messages.append)
    with pytest.raises(SetupError, match="still running"):
        KeptJournal.take(held.path)
    assert read_statements(held.path)[0].run_tokens == ("cafe", "beef")
    successor.settle("copy 1.1 files 1")
    assert successor.close(all_stopped=False)
    assert not held.path.exists()


def test_what_is_no_journal_is_told_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / NAME
    for content in (b"", b"\n", b"{}\n", b"\xff\n", b'{"kind":"Done","key":"x"}\n'):
        path.write_bytes(content)
        with pytest.raises(SetupError, match=f"{path} is no journal"):
            KeptJournal.take(path)


def test_a_journal_of_a_newer_gplmt_is_told(held: Held) -> None:
    line = json.loads(held.path.read_text().splitlines()[0])
    held.path.write_text(json.dumps({**line, "format": 99}) + "\n")
    with pytest.raises(SetupError, match="in format 99; this gplmt reads up to 1"):
        read_statements(held.path)


@given(st.binary(max_size=40).map(os.fsdecode) | st.text(st.characters(codec="utf-8")))
def test_any_path_can_be_written_and_read_again(path: str) -> None:
    written = written_path(path)
    assert read_path(json.loads(json.dumps(written).encode())) == path


def test_values_from_the_environment_are_kept_by_name_only() -> None:
    variables = {"A": "literal", "B": HostValue("secret"), "C": "x"}
    assert split_variables(variables) == ({"A": "literal", "C": "x"}, ("B",))


async def test_what_is_secured_has_been_brought_to_the_disk_with_its_name(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", note)
    held.file.owe(files(1))
    assert synced == []
    await held.file.secured()
    directory = held.path.parent
    assert synced == [str(held.path), str(directory), str(directory.parent)]
    await held.file.secured()
    assert len(synced) == 3, "nothing new was owed"
    held.file.owe(files(2))
    held.file.sync()
    assert synced[3:] == [str(held.path)]
