"""What gplmt answers a shell at a press of TAB, as shells ask it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gplmt.cli.arguments import gplmt_parser, light_parser
from gplmt.cli.completion import completion_of
from tests.support.program import GPLMT, LIGHT, ROOT, Program, one

Offered = Callable[..., list[str]]

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
INCLUDING = """
<experiment>
  <include file="library.xml" prefix="lab"/>
  <targets><target name="here" type="local"/></targets>
</experiment>
"""
FAULTY = """
<experiment>
  <include file="missing.xml"/>
  <include file="library.xml" prefix="lab"/>
  <targets>
    <target name="here" type="local" colour="red"/>
    <target name="here" type="local"/>
    <target name="there" type="shh"/>
    <target name="not a name" type="local"/>
  </targets>
  <steps><step tasklist="nothing" targets="nobody"/></steps>
</experiment>
"""
EVENTS = """\
{"kind":"RecordOpened","time":"2027-01-31T18:00:00Z","format":1,"gplmt":"9"}
{"kind":"TasklistStarted","time":"2027-01-31T18:00:00Z","target":"node1","tasklist":"measure"}
{"kind":"RunStarted","time":"2027-01-31T18:00:00Z","target":"node1","tasklist":"measure","task":"ping"}
{"kind":"RunStarted","time":"2027-01-31T18:00:00Z","target":"node2","tasklist":"measure","task":"trace"}
{"kind":"RunStarted","target":7}
no event
{"kind":"SomethingNew","time":"2027-01-31T18:00:00Z","target":"node2","tasklist":"tidy","task":"run-1"}
{"kind":"RunStarted","time":"2027-01-31T18:00:00Z","target":"node3","tas"""

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


@pytest.fixture
def offered(tmp_path: Path) -> Offered:
    """What gplmt, asked in a directory of the test's own, offers for a line."""

    def ask(line: str, *, program: tuple[str, ...] = GPLMT, dialect: str = "bash") -> list[str]:
        answer = tmp_path.with_suffix(".answer")
        answer.touch()
        called = subprocess.run(  # noqa: S603
            program,
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
                "HOME": str(tmp_path),
                "COMP_LINE": line,
                "COMP_POINT": str(len(line)),
                "_ARGCOMPLETE": "1",
                "_ARGCOMPLETE_SHELL": dialect,
                "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (called.returncode, called.stdout, called.stderr) == (0, "", "")
        return [word.rstrip() for word in answer.read_text().split("\v") if word]

    return ask


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
    for name in ("b.xml", "A.XML", "notes.txt", ".hidden.xml", "with space.xml"):
        (tmp_path / name).touch()
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


def test_targets_of_includes_and_groups_are_offered_by_their_full_names(
    offered: Offered, tmp_path: Path
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "library.xml").write_text(LIBRARY)
    (tmp_path / "lab.xml").write_text(INCLUDING)
    all_names = ["lab.rack1", "lab.node1", "lab.node2", "here"]
    assert offered("gplmt ping lab.xml -I lib --target ") == all_names
    assert offered("gplmt ping ~/lab.xml -I ~/lib --json --target h") == ["here"]
    assert offered("gplmt ping lab.xml -I lib --target=lab.r") == ["--target=lab.rack1"]
    assert offered("gplmt ping lab.xml --target ") == ["here"]
    assert offered("gplmt ping --target ") == []


def test_a_shell_that_shows_it_is_told_what_each_target_is(
    offered: Offered, tmp_path: Path
) -> None:
    (tmp_path / "lab.xml").write_text(LIBRARY)
    assert offered("gplmt ping lab.xml --target ", dialect="zsh") == [
        "rack1:group of 2",
        "node1:ssh to node1.example.net",
        "node2:this machine",
    ]


def test_a_document_with_faults_completes_what_it_declares(
    offered: Offered, tmp_path: Path
) -> None:
    (tmp_path / "library.xml").write_text(LIBRARY)
    (tmp_path / "lab.xml").write_text(FAULTY)
    names = offered("gplmt ping lab.xml --target ")
    assert {"here", "lab.node1"} <= set(names)
    assert not [name for name in names if " " in name]


def test_what_is_no_document_completes_nothing_and_is_not_waited_for(
    offered: Offered, tmp_path: Path
) -> None:
    (tmp_path / "cut.xml").write_text(LIBRARY[:100])
    (tmp_path / "noise.xml").write_bytes(bytes(range(256)))
    os.mkfifo(tmp_path / "pipe.xml")
    for file in ("cut.xml", "noise.xml", "pipe.xml", "missing.xml", ".", "/dev/stdin", "/dev/zero"):
        assert offered(f"gplmt ping {file} --target ") == []


def test_names_in_a_record_are_offered_and_narrow_each_other_down(
    offered: Offered, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "events.jsonl").write_text(EVENTS)
    assert offered("gplmt show run ") == [
        *("node1", "measure", "ping", "node2", "trace", "tidy", "run-1")
    ]
    assert offered("gplmt show run measure.") == ["measure.ping", "measure.trace"]
    assert offered("gplmt show run node2 ") == ["measure", "trace", "tidy", "run-1"]
    assert offered("gplmt show run node2 trace ") == ["measure"]
    assert offered("gplmt show run nobody ") == []
    assert offered("gplmt show nowhere ") == []


def test_it_is_completed_behind_other_commands_and_variables(offered: Offered) -> None:
    assert offered("cd lab && LC_ALL=C gplmt ru") == ["run", "runs"]
    assert offered("true; /opt/bin/gplmt ru") == ["run", "runs"]
    assert offered("gplmt run gplmt --pro") == ["--progress"]


def test_completing_starts_nothing_and_writes_nothing(offered: Offered, tmp_path: Path) -> None:
    (tmp_path / "lab.xml").write_text(LIBRARY)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "events.jsonl").write_text(EVENTS)
    guarded = (sys.executable, "-c", GUARDED)
    assert offered("gplmt ping la", program=guarded) == ["lab.xml"]
    assert offered("gplmt ping lab.xml --target r", program=guarded) == ["rack1"]
    assert offered("gplmt show run t", program=guarded) == ["trace", "tidy"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab.xml", "run"]


@pytest.mark.long  # for as long as it waits
def test_what_cannot_be_read_in_time_completes_nothing(tmp_path: Path, offered: Offered) -> None:
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run" / "events.jsonl")
    with pytest.raises(AssertionError, match=r"\(1, '', ''\)"):
        offered("gplmt show run ")


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
