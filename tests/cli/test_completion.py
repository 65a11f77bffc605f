"""What gplmt answers a shell at a press of TAB, as shells ask it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gplmt.cli.arguments import gplmt_parser, light_parser
from gplmt.cli.completion import completion_of
from tests.cli.conftest import Offered
from tests.support.program import LIGHT, Program, one

LIBRARY = """
<experiment>
  <targets>
    <target name="rack1" type="group">
      <target name="node1" type="ssh"><host>node1.example.net</host></target>
      <target name="node2" type="local"/>
    </target>
  </targets>
</experiment>
"""
EVENT = '{"target":"node1","tasklist":"measure","task":"trace"}\n'

# Runs gplmt, and tells of each thing that a program which only reads does not do.
GUARDED = """
import os, sys
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
ANSWER = os.environ["_ARGCOMPLETE_STDOUT_FILENAME"]
def audit(event, values):
    writes = event == "open" and values[2] & WRITING and values[0] not in (9, os.devnull, ANSWER)
    acts = event.startswith(("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system"))
    changes = event in ("os.mkdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.chmod")
    if writes or acts or changes or event.startswith("socket."):
        print(event, values, file=sys.stderr)
sys.addaudithook(audit)
from gplmt.cli.main import main
main()
"""


def test_commands_options_and_choices_are_offered(offered: Offered) -> None:
    assert offered("gplmt ru") == ["run", "runs"]
    assert offered("gplmt run lab.xml --pro") == ["--progress"]
    assert offered("gplmt run lab.xml --progress li") == ["live", "lines"]
    assert offered("gplmt --print-completion ") == ["bash", "zsh", "fish"]
    assert offered("gplmt-light.py lab.xml --host-key-checking=", program=LIGHT) == [
        *(f"--host-key-checking={policy}" for policy in ("strict", "accept-new", "off"))
    ]


def test_an_option_is_offered_once_unless_it_may_be_repeated(offered: Offered) -> None:
    words = offered("gplmt ping lab.xml --json --target a -")
    assert "--target" in words
    assert "--json" not in words


def test_where_nothing_can_be_known_nothing_is_offered(offered: Offered, tmp_path: Path) -> None:
    (tmp_path / "lab.xml").touch()
    assert offered("gplmt run lab.xml --grace ") == []
    assert offered("gplmt run lab.xml --nonsense --progress ") == ["auto", "live", "lines", "off"]


def test_xml_files_and_directories_come_before_other_files(
    offered: Offered, tmp_path: Path
) -> None:
    for name in ("b.xml", "A.XML", "notes.txt", ".hidden.xml", "with space.xml", "a\nb.xml"):
        (tmp_path / name).touch()
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff.xml")).touch()
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "c.xml").touch()
    assert offered("gplmt run ") == ["A.XML", "b.xml", "experiments/", "with\\ space.xml"]
    assert offered("gplmt run no") == ["notes.txt"]
    assert offered("gplmt run .h") == [".hidden.xml"]
    assert offered("gplmt run experiments/") == ["experiments/c.xml"]
    assert offered("gplmt run ~/b") == ["~/b.xml"]
    assert offered("gplmt run $HOME/b") == [f"{tmp_path}/b.xml"]
    assert offered("gplmt run ~nobody-here/b") == []
    assert offered("gplmt show ") == ["experiments/"]
    assert offered("gplmt run b.xml --junit n") == ["notes.txt"]


def test_it_is_completed_behind_other_commands_and_variables(offered: Offered) -> None:
    assert offered("cd lab && LC_ALL=C gplmt ru") == ["run", "runs"]
    assert offered("true; /opt/bin/gplmt ru") == ["run", "runs"]
    assert offered("gplmt run gplmt --pro") == ["--progress"]


def test_completing_starts_nothing_and_writes_nothing(offered: Offered, tmp_path: Path) -> None:
    (tmp_path / "lab.xml").write_text(LIBRARY)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "events.jsonl").write_text(EVENT)
    guarded = (sys.executable, "-c", GUARDED)
    assert offered("gplmt ping la", program=guarded) == ["lab.xml"]
    assert offered("gplmt ping lab.xml --target r", program=guarded) == ["rack1"]
    assert offered("gplmt show run t", program=guarded) == ["trace"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab.xml", "run"]


def actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from actions_of(command)
        elif action.nargs != 0:
            yield action


def test_of_every_argument_and_option_it_is_known_how_to_complete_it() -> None:
    actions = [*actions_of(gplmt_parser()), *actions_of(light_parser())]
    free = {
        str(action.metavar)
        for action in actions
        if action.choices is None and completion_of(action) is None
    }
    assert len(actions) > 50
    assert free == {"SECONDS", "N", "COMMAND", "URL"}


def test_no_other_call_imports_what_completion_needs(program: Program) -> None:
    program.write(one("<run>echo hello</run>"))
    code = (
        "import sys; from gplmt.cli.main import main; code = main()\n"
        "sys.exit(code or str({'argcomplete', 'gplmt.cli.completion'} & set(sys.modules) or ''))"
    )
    run = program.call("check", "experiment.xml", program=(sys.executable, "-c", code)).wait()
    assert run.stderr == "\n"
