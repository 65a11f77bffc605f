"""Every example does what its comment and `tests/examples/expectations.py` say."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from gplmt.cli.main import main
from gplmt.events import LeftoverStopped
from gplmt.recording.jsonl import read_events
from tests.examples.expectations import LIBRARIES, LOCAL, REFUSED, REMOTE, Expect, fits
from tests.examples.remote import RemoteUser
from tests.examples.running import ROOT, Ran, run_script
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server

EXAMPLES = ROOT / "examples"
RUNNABLE = {**LOCAL, **REMOTE, **REFUSED}
FILES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("**/*.xml"))
MODEL = (  # as editors want it: https://www.w3.org/TR/xml-model/
    r'<\?xml-model href="([^":]*)" type="application/xml" '
    r'schematypens="http://relaxng\.org/ns/structure/1\.0"\?>'
)
USUAL_PORTS = {"background_server.xml": "18765", "ssh_two_hosts.xml": "18766"}


@pytest.fixture
def free_port() -> str:
    """A port for the examples with a server, so that test runs do not disturb each other."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def copies(tmp_path: Path, free_port: str) -> Path:
    """The examples, with a free port instead of the one that users get."""
    copies = tmp_path / "examples"
    shutil.copytree(EXAMPLES, copies)
    for name, port in USUAL_PORTS.items():
        change(copies / name, {port: free_port})
    return copies


def change(example: Path, replacements: Mapping[str, str]) -> None:
    """Write other words for some in an example."""
    text = example.read_text()
    for words, others in replacements.items():
        assert words in text
        text = text.replace(words, others)
    example.write_text(text)


def comment_of(file: str) -> str:
    """The comment that an example begins with, on one line."""
    comment = re.search(r"<!--(.*?)-->", (EXAMPLES / file).read_text(), re.DOTALL)
    return " ".join(comment[1].split()) if comment else ""


@pytest.mark.parametrize("file", FILES)
def test_check_finds_each_example_valid(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(EXAMPLES / file)]) == 0
    kind = "library" if file in LIBRARIES else "experiment"
    assert capsys.readouterr().out == f"{EXAMPLES / file}: a valid {kind}\n"


@pytest.mark.parametrize("file", RUNNABLE)
def test_each_example_can_be_planned(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(EXAMPLES / file)]) == 0
    plan = capsys.readouterr().out
    assert plan.startswith(f"experiment {Path(file).stem} (")
    assert all(part in plan for part in ("\ntargets\n", "\nsteps\n", "\ntasklists\n"))


@pytest.mark.parametrize("file", LOCAL)
def test_local_example_does_what_it_says(
    file: str, copies: Path, free_port: str, tmp_path: Path
) -> None:
    assert_did(run_script(copies / file, tmp_path), LOCAL[file], file=file, port=free_port)


def assert_did(ran: Ran, expected: Expect, *, file: str, port: str) -> None:
    """Whether a run did what is expected, at another port than users get."""
    seen = f"--- stdout\n{ran.stdout}--- stderr\n{ran.stderr}"
    lines = [line.replace(port, USUAL_PORTS.get(file, port)) for line in ran.lines]
    assert ran.exit_code == expected.exit_code, seen
    assert fits(lines, expected.stdout), seen
    assert [text for text in expected.told if text not in ran.stderr] == [], seen
    assert list(ran.working_directory.iterdir()) == []


@pytest.mark.parametrize("file", REMOTE)
@pytest.mark.parametrize("server", of_kinds("asyncssh"), indirect=True)
def test_example_for_other_machines_does_what_it_says(
    file: str, server: Server, copies: Path, free_port: str, tmp_path: Path
) -> None:
    user = RemoteUser(tmp_path / "home", server)
    if file == "ssh_options.xml":
        shutil.copy(server.identity_file, user.home / ".ssh" / "lab_ed25519")
        change(copies / file, {">lab<": f">{server.user}<", ">2022<": f">{server.port}<"})
    options = ("--ssh-config", str(user.configuration))
    ran = run_script(copies / file, tmp_path, *options, environment=user.environment)
    assert_did(ran, REMOTE[file], file=file, port=free_port)
    assert list(server.home.iterdir()) == []


@pytest.mark.parametrize("file", REFUSED)
def test_example_that_names_what_does_not_exist_is_refused_before_it_starts(
    file: str, tmp_path: Path
) -> None:
    expected = REFUSED[file]
    ran = run_script(EXAMPLES / file, tmp_path, "--batch")
    assert (ran.exit_code, ran.stdout) == (expected.exit_code, "")
    assert [text for text in expected.told if text not in ran.stderr] == []
    assert not ran.run_directories.exists()


def run_example(file: str, scratch: Path) -> Ran:
    """Run an example that has to succeed, for what it leaves."""
    ran = run_script(EXAMPLES / file, scratch)
    assert ran.exit_code == 0, ran.stderr
    return ran


def test_results_are_collected_in_the_run_directory(tmp_path: Path) -> None:
    results = run_example("put_and_get.xml", tmp_path).run_directory / "results"
    texts = [(results / node / "loud.txt").read_text() for node in ("node1", "node2")]
    assert texts == ["HELLO FROM A FILE.\n"] * 2


def test_a_temporary_copy_is_gone_after_the_run(tmp_path: Path) -> None:
    ran = run_example("put_temporary.xml", tmp_path)
    assert not (ran.run_directory / "borrowed").exists()


def test_what_was_left_running_is_stopped_and_told_unless_allowed(tmp_path: Path) -> None:
    ran = run_example("leave_running.xml", tmp_path)
    events = read_events(ran.run_directory / "events.jsonl")
    stopped = [event for event in events if isinstance(event, LeftoverStopped)]
    assert [event.task for event in stopped] == ["stopped-at-the-end"]
    [process] = stopped[0].processes
    assert process.split()[1] in ("sleep", "sh")  # the latter where it has just been forked
    assert process in ran.stderr


def test_there_is_an_expectation_for_each_example_and_for_nothing_else() -> None:
    assert sorted((*RUNNABLE, *LIBRARIES)) == FILES


def test_each_example_has_a_place_in_the_list_for_readers() -> None:
    listed = re.findall(r"\]\(([\w/]+\.xml)\)", (EXAMPLES / "README.md").read_text())
    assert sorted(listed) == FILES


@pytest.mark.parametrize("file", FILES)
def test_each_example_begins_with_its_schema_and_what_to_expect(file: str) -> None:
    declaration, model, comment = (EXAMPLES / file).read_text().splitlines()[:3]
    assert declaration == '<?xml version="1.0" encoding="utf-8"?>'
    schema = re.fullmatch(MODEL, model)
    assert schema is not None
    assert (EXAMPLES / file).parent.joinpath(schema[1]).samefile(ROOT / "schema" / "gplmt.rng")
    assert comment.startswith("<!-- ")
    assert "expect" in comment_of(file).lower()


@pytest.mark.parametrize("file", RUNNABLE)
def test_comment_and_expectation_agree(file: str) -> None:
    expected, comment = RUNNABLE[file], comment_of(file)
    assert re.findall(r"[Ee]?xit code (\d)", comment) == [str(expected.exit_code)]
    promised = {quoted for quoted in re.findall(r"`([^`]*)`", comment) if " | " in quoted}
    assert promised <= expected.all_lines()
