"""Names of targets and tasks, as gplmt offers them to a shell at a press of TAB."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Offered
from tests.support.program import Program, document

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


def test_the_record_of_a_real_run_has_the_names_of_all_that_ran(
    offered: Offered, program: Program
) -> None:
    calls = '<call tasklist="u"/><par name="both"><run name="x">true</run><run>true</run></par>'
    tasklists = f'<tasklist name="t">{calls}</tasklist><tasklist name="u"/>'
    steps = '<step tasklist="t" targets="n1"/>'
    run = program.run(document(targets="n1 n2", tasklists=tasklists, steps=steps))
    assert set(offered(f"gplmt show {run.run_directory} ")) == {
        *("n1", "t", "u", "call-1", "both", "x", "run-4")
    }
    assert offered(f"gplmt show {run.run_directory} u ") == ["n1"]


@pytest.mark.long  # for as long as it waits
def test_what_cannot_be_read_in_time_completes_nothing(tmp_path: Path, offered: Offered) -> None:
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run" / "events.jsonl")
    with pytest.raises(AssertionError, match=r"\(1, '', ''\)"):
        offered("gplmt show run ")
