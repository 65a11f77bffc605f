"""What README and docs show is valid, and prints what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from gplmt.cli.main import main
from tests.examples.pages import (
    Block,
    Shown,
    all_blocks,
    all_shown,
    blocks_of,
    page_names,
    write_documents,
)
from tests.examples.remote import RemoteUser
from tests.examples.running import ROOT, Ran, run_script
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server

GRAMMAR = etree.parse(ROOT / "schema" / "gplmt.rng")
AROUND = {  # the elements in which a fragment stands, by its first element
    "include": (),
    "targets": (),
    "target": ("targets",),
    "export-env": ("targets",),
    "tasklist": ("tasklists",),
    "step": ("steps",),
    "loop": ("steps",),
    "synchronize": ("steps",),
    "register-teardown": ("steps",),
}
IN_TASKLIST = ("tasklists", 'tasklist name="some"')


@pytest.fixture(autouse=True)
def plain_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands complain in the language of the documentation."""
    monkeypatch.setenv("LC_ALL", "C")


def documents() -> list[Block]:
    return [block for block in all_blocks() if block.is_document]


def fragments() -> list[Block]:
    return [block for block in all_blocks() if block.is_fragment]


def wrapped(fragment: str) -> str:
    """A fragment in a document of its own."""
    first = re.search(r"<([\w-]+)", fragment)
    around = AROUND.get(first[1], IN_TASKLIST) if first else ()
    opening = "".join(f"<{element}>" for element in around)
    closing = "".join(f"</{element.split()[0]}>" for element in reversed(around))
    return f"<experiment>{opening}{fragment}{closing}</experiment>"


@pytest.mark.parametrize("block", fragments(), ids=str)
def test_fragments_are_valid(block: Block) -> None:
    schema = etree.RelaxNG(GRAMMAR)
    assert schema.validate(etree.fromstring(wrapped(block.text))), schema.error_log


@pytest.mark.parametrize("block", documents(), ids=str)
def test_whole_documents_have_no_faults(
    block: Block, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = next((shown for shown in all_shown() if shown.document == block), None)
    path = write_documents(shown, tmp_path) if shown else tmp_path / "document.xml"
    path.write_text(block.text)
    assert main(["check", str(path)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("shown", [each for each in all_shown() if not each.needs_server], ids=str)
def test_documents_print_what_the_page_shows(shown: Shown, tmp_path: Path) -> None:
    write_documents(shown, tmp_path)
    assert_shows(shown, run_script(shown.name, tmp_path, cwd=tmp_path))


@pytest.mark.parametrize("shown", [each for each in all_shown() if each.needs_server], ids=str)
@pytest.mark.parametrize("server", of_kinds("asyncssh"), indirect=True)
def test_documents_with_ssh_targets_print_what_the_page_shows(
    shown: Shown, server: Server, tmp_path: Path
) -> None:
    write_documents(shown, tmp_path)
    user = RemoteUser(tmp_path / "home", server)
    assert_shows(
        shown, run_script(shown.name, tmp_path, cwd=tmp_path, environment=user.environment)
    )


def assert_shows(shown: Shown, ran: Ran) -> None:
    """Whether a run printed every line that the page promises."""
    assert ran.exit_code == shown.exit_code, ran.stderr
    printed = {*ran.stdout.splitlines(), *ran.stderr.splitlines()}
    assert [line for line in promised_lines(shown) if line not in printed] == [], ran.stderr


def promised_lines(shown: Shown) -> Iterator[str]:
    """The lines of output that a page shows, apart from those that differ each time."""
    for block in shown.output:
        for line in block.text.splitlines():
            if not line.startswith(("$ ", "time: ", "run directory: ")):
                yield line


@pytest.mark.parametrize("shown", [shown for shown in all_shown() if shown.plans], ids=str)
def test_documents_have_the_plan_that_the_page_shows(
    shown: Shown, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(write_documents(shown, tmp_path))]) == 0
    plan = capsys.readouterr().out
    assert [block.text for block in shown.plans if block.text not in plan] == []


class TestReadme:
    """What a new user meets first."""

    def first_experiment(self) -> str:
        return next(block.text for block in blocks_of("README.md") if block.is_document)

    def block_with(self, text: str) -> list[str]:
        block = next(block for block in blocks_of("README.md") if text in block.text)
        return [line for line in block.text.splitlines() if not line.startswith("$ ")]

    def test_the_mistakes_get_the_messages_shown(self, tmp_path: Path) -> None:
        experiment = self.first_experiment()
        mistaken = experiment.replace('targets="alice bob"', 'target="alice bob"')
        mistaken = mistaken.replace('targets="alice"', 'targets="alcie"')
        mistaken = mistaken.replace("PT5S", "5s", 1)
        (tmp_path / "first.xml").write_text(mistaken)
        ran = run_script("first.xml", tmp_path, cwd=tmp_path)
        assert ran.exit_code == 2
        assert ran.stderr.splitlines() == self.block_with("did you mean 'targets'?")

    def test_the_failure_gets_the_summary_shown(self, tmp_path: Path) -> None:
        measurement = "sleep 1; echo 'network: fine'"
        failing = self.first_experiment().replace(measurement, "cat no-such-file")
        (tmp_path / "first.xml").write_text(failing)
        ran = run_script("first.xml", tmp_path, cwd=tmp_path)
        assert ran.exit_code == 1
        assert "\n".join(self.block_with("see logs/alice/")) in ran.stderr

    def test_ci_runs_exactly_the_command_for_tests(self) -> None:
        commands = [block.text for block in blocks_of("README.md") if "tests/run" in block.text]
        assert len(commands) == 1
        assert (ROOT / ".ci" / "run").read_text().endswith(f"\n\n{commands[0]}")


@pytest.mark.parametrize("page", page_names())
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    links = re.findall(r"\]\(([^)#\s]*)(#[^)\s]*)?\)", text)
    broken = [
        f"{path}{anchor}"
        for path, anchor in links
        if not path.startswith("http") and not leads_somewhere(ROOT / page, path, anchor)
    ]
    assert broken == []


def leads_somewhere(page: Path, path: str, anchor: str) -> bool:
    target = (page.parent / path) if path else page
    if not target.exists():
        return False
    headings = re.findall(r"^#+ (.*)$", target.read_text() if anchor else "", re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return not anchor or anchor[1:] in slugs
