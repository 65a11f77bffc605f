"""Pages that list things list all that there are: elements, options, events, keywords, tests."""

from __future__ import annotations

import re

import pytest

from gplmt import events
from gplmt.cli.main import main
from gplmt.events import Event
from gplmt.transports.ssh import keywords
from tests.examples.grammar import elements
from tests.examples.running import ROOT

REFERENCE = ROOT / "docs" / "reference"
OLD_KEYWORDS = {"challengeresponseauthentication", "pubkeyacceptedkeytypes"}  # renamed by OpenSSH


def test_the_language_page_names_every_element_and_attribute() -> None:
    page = (REFERENCE / "language.md").read_text()
    attributes = {name for element in elements().values() for name in element.attributes}
    assert sorted(name for name in elements() if f"<{name}" not in page) == []
    assert sorted(name for name in attributes if f"`{name}" not in page) == []


def test_every_rule_that_code_and_tests_cite_is_on_the_language_page() -> None:
    page = (REFERENCE / "language.md").read_text()
    files = [*(ROOT / "gplmt").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    cited = {
        rule
        for file in files
        for rule in re.findall(r"LANGUAGE\.md (\d+\.\d+)", file.read_text(encoding="utf-8"))
    }
    assert cited
    assert sorted(rule for rule in cited if f"**{rule}**" not in page) == []


def test_the_command_line_page_names_every_command_and_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (REFERENCE / "command-line.md").read_text()
    usage = help_on(capsys)
    commands = re.findall(r"^    (\w+)  +\w", usage, re.MULTILINE)
    assert len(commands) >= 8
    assert [command for command in commands if f"\ngplmt {command} " not in page] == []
    usage += "".join(help_on(capsys, command) for command in commands)
    options = {
        option
        for line in re.findall(r"^  (-.*)$", usage, re.MULTILINE)
        for option in re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", line.partition("  ")[0])
    } - {"-h"}
    assert len(options) > 30
    assert sorted(each for each in options if not re.search(rf"`[^`\n]*{each}\b", page)) == []


def help_on(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """What `--help` prints."""
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    return capsys.readouterr().out


def test_the_page_for_contributors_names_every_module_of_the_room_of_ssh() -> None:
    page = (ROOT / "docs" / "contributing.md").read_text()
    modules = {path.stem for path in (ROOT / "gplmt/transports/ssh").glob("*.py")} - {"__init__"}
    assert sorted(module for module in modules if f"`{module}`" not in page) == []


def test_the_page_on_logins_says_of_every_keyword_that_counts_whether_it_does() -> None:
    page = (ROOT / "docs" / "how-to" / "ssh-keys-and-hosts.md").read_text().lower()
    known = {*keywords.FIRST, *keywords.REPEATED, *keywords.UNSUPPORTED} - OLD_KEYWORDS
    assert sorted(keyword for keyword in known if f"`{keyword}`" not in page) == []


def test_the_page_on_events_names_every_event_and_field() -> None:
    page = (REFERENCE / "events.md").read_text()
    kinds = [
        kind
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, Event) and not kind.__subclasses__()
    ]
    words = {word for kind in kinds for word in (kind.__name__, *kind.__struct_fields__)}
    assert len(kinds) > 30
    assert sorted(word for word in words if f"`{word}`" not in page) == []


def test_the_page_on_guarantees_names_tests_that_there_are() -> None:
    text = (ROOT / "docs/explanation/guarantees.md").read_text()
    named = re.findall(r"`([\w/]+(?:\.py|/))(?:::(\w+))?`", text)
    assert len(named) > 20
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.exists(), file
        assert not test or f"def {test}(" in path.read_text(), f"{file}::{test}"
