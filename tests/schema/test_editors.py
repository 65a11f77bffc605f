"""What editors make of the schema: Emacs itself, and Jing, with which VS Code validates."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TypedDict

import pytest

from tests.support.program import ROOT
from tests.support.ssh.places import need_program

SCHEMA = ROOT / "schema"
EXAMPLES = sorted((ROOT / "examples").glob("**/*.xml"))
MARKED = {  # what is offered at the mark
    "<steps>\n<step-!-\n</steps>": ["step"],
    '<steps>\n<step tasklist="a" stop-!-\n</steps>': ["stop_absolute", "stop_relative"],
    '<targets>\n<target name="a" type="-!-"/></targets>': ["group", "local", "planetlab", "ssh"],
    '<tasklists><tasklist name="a">\n<run stop-signal="-!-">true</run></tasklist></tasklists>': [
        *("HUP", "INT", "KILL", "QUIT", "TERM", "USR1", "USR2")
    ],
}
FAULTY = """\
<experiment>
  <targets><target name="here" type="local"/></targets>
  <steps>
    <step tasklist="greet" target="here"/>
    <step tasklist="greet" targets="here" start_relative="5s"/>
    <synchronize/>
  </steps>
</experiment>
"""


class Opened(TypedDict):
    """What Emacs tells of a file."""

    schema: str | None
    errors: list[int]
    offered: list[str]


def opened_in_emacs(*files: Path) -> list[Opened]:
    emacs = need_program("emacs", package="emacs-nox", untested="THE SCHEMA IN EMACS")
    script = Path(__file__).with_name("emacs.el")
    called = subprocess.run(  # noqa: S603
        [emacs, "-Q", "--batch", "-l", script, SCHEMA / "schemas.xml", *files],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert called.returncode == 0, called.stderr
    return [json.loads(line) for line in called.stdout.splitlines()]


def test_emacs_finds_the_schema_of_each_example_and_no_error() -> None:
    opened = opened_in_emacs(*EXAMPLES)
    valid = Opened(schema=str(SCHEMA / "gplmt.rnc"), errors=[], offered=[])
    assert opened == [valid] * len(EXAMPLES)


def test_emacs_underlines_faults_and_offers_what_is_allowed(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.xml" for number in range(len(MARKED) + 1)]
    files[0].write_text(FAULTY)
    for file, text in zip(files[1:], MARKED, strict=True):
        file.write_text(f"<experiment>\n{text}\n</experiment>\n")
    faulty, *marked = opened_in_emacs(*files)
    assert faulty["errors"] == [4, 5]
    assert [sorted(each["offered"]) for each in marked] == list(MARKED.values())


@pytest.mark.long  # as libxml2 reads the same schema in many other tests
@pytest.mark.parametrize("words", [("gplmt.rng",), ("-c", "gplmt.rnc")], ids=["rng", "rnc"])
def test_jing_takes_the_schema_and_finds_what_is_wrong(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    jing = need_program("jing", package="jing", untested="THE SCHEMA IN JING")
    faulty = tmp_path / "faulty.xml"
    faulty.write_text(FAULTY)
    called = subprocess.run(  # noqa: S603
        [jing, *words, *EXAMPLES, faulty],
        cwd=SCHEMA,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    places = [line.split(": ")[0] for line in called.stdout.splitlines()]
    assert sorted({place.rpartition(":")[0] for place in places}) == [f"{faulty}:4", f"{faulty}:5"]
