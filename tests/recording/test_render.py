from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gplmt.diagnostics import Location
from gplmt.language.experiment import Experiment
from gplmt.language.tasks import Fail, Par, Put, Retries, Run, Seq, Task, Tasklist, WaitFor
from gplmt.language.values import OnError
from gplmt.loading import load
from gplmt.recording.render import render
from gplmt.recording.rundir import RunDirectory

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT = Location("lab.xml", 1)

EVERYTHING = """<?xml version="1.0"?>
<experiment timeout="PT2H">
  <description> All there is: &lt;&amp;&gt; "quoted"
    on two lines </description>
  <include file="lib/lib.xml" prefix="lib"/>
  <targets>
    <export-env var="ALL" value="1"/>
    <target name="here" type="local">
      <export-env var="A" value=" &#10;&#9;&quot;&lt;&amp;'"/>
    </target>
    <target name="far" type="ssh">
      <host>far.example</host><user>me</user><port>2222</port>
      <identity-file>keys/id</identity-file><proxy-jump>a,b:22</proxy-jump>
      <known-hosts-file>none</known-hosts-file><host-key-checking>accept-new</host-key-checking>
      <connect-timeout>PT1.5S</connect-timeout><forward-agent>false</forward-agent>
      <password-env>SECRET</password-env><export-env var="HOME"/>
    </target>
    <target name="rack" type="group">
      <user>root</user><identity-file>~/.ssh/rack</identity-file><export-env var="R" value="1"/>
      <target name="rack.1" type="ssh"><host>r1</host></target>
      <target ref="here"/>
      <target name="inner" type="group">
        <target name="rack.2" type="ssh"><host>r2</host><port>1</port></target>
        <target ref="lib.server"/>
      </target>
    </target>
    <target name="slice" type="planetlab">
      <apiurl>https://api</apiurl><slicename>s_l</slicename><user>u@x</user>
    </target>
  </targets>
  <tasklists>
    <tasklist name="empty"/>
    <tasklist name="all" on-error="stop-step" cleanup="empty" timeout="P1DT0.25S">
      <run>
  echo "&lt;a&gt;" &amp;&amp; cat &lt;&lt;EOF ]]&gt;
\ttab&#13;return
EOF
</run>
      <run name="named" expected-status="0 143" timeout="PT1M" retries="3" retry-delay="PT0.5S"
        directory="/tmp" stop-signal="INT" leave-running="true"/>
      <run name="run-4" enabled="false">taken</run>
      <run>gets run-5</run>
      <put source="/etc/hosts" destination="$$" keep="false" retries="1"/>
      <put><source>/etc/hosts</source><destination>a b</destination></put>
      <get source="/x/$ALL" destination="out/${GPLMT_TARGET}/"/>
      <call tasklist="lib.clean"/>
      <call tasklist="empty" expected-status="0"/>
      <call tasklist="empty" expected-status="1" enabled="false"/>
      <fail status="because &quot;so&quot;"/>
      <wait-for timeout="PT5S">test -e x &amp;&amp; true</wait-for>
      <wait-for port="80" host="example" interval="PT2S"/>
      <par max-parallel="2" name="p"><seq/><seq><run/><par><run>x</run></par></seq></par>
    </tasklist>
    <tasklist name="going" on-error="continue"><seq><run>x</run></seq></tasklist>
    <tasklist name="copying">
      <run stdin="files/input">cat</run>
      <put source="files" destination="/x/"/>
      <put source="files/*.txt" destination="/x/"/>
      <put source="files/$GPLMT_TARGET.conf" destination="~/$ALL"/>
      <put source="$ALL/x" destination="/x"/>
      <put source="cost$$/x" destination="/x"/>
      <put source="/etc/hosts" destination="/x"/>
    </tasklist>
  </tasklists>
  <steps>
    <step tasklist="all" targets="here far rack*"/>
    <step name="mine" tasklist="lib.work" targets="rack" background="true" start_relative="PT0S"
      stop_relative="PT1H" max-parallel="3" min-success="66.6%">
      <export-env var="S" value=""/>
    </step>
    <step tasklist="going" targets="slice" start_absolute="2027-01-31T18:00:00.25+01:00"
      stop_absolute="2027-02-01T00:00:00Z" min-success="1" enabled="false"/>
    <step tasklist="copying" targets="here"/>
    <synchronize/>
    <synchronize targets="here rack"/>
    <register-teardown tasklist="empty" targets="here">
      <export-env var="T" value="t"/>
    </register-teardown>
    <loop repeat="0"/>
    <loop list="1:5" param="I"><step tasklist="empty" targets="here"/></loop>
    <loop enabled="false">
      <param name="A" list="a &amp; b"/><param name="B" list="10:1:-3"/><param name="C" list=""/>
      <export-env var="L" value="l"/>
      <loop duration="PT10M"><step name="inside" tasklist="empty" targets="here"/></loop>
      <loop until="2027-01-31T18:00:00Z"><step tasklist="empty" targets="here"/></loop>
    </loop>
  </steps>
</experiment>
"""

LIBRARY = """<experiment>
  <targets>
    <export-env var="ALL" value="1"/>
    <target name="server" type="ssh"><host>s</host><identity-file>key</identity-file></target>
  </targets>
  <tasklists>
    <tasklist name="work" cleanup="clean">
      <call tasklist="clean"/>
      <put source="beside.txt" destination="/tmp/"/>
      <put source="files/elsewhere.txt" destination="/tmp/"/>
    </tasklist>
    <tasklist name="clean"><run>rm x</run></tasklist>
  </tasklists>
</experiment>
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a document that says everything, and a library beside it."""
    directory = tmp_path / "la[b] $1"
    for name in ("files/input", "files/a.txt", "files/elsewhere.txt", "cost$/x", "lib/beside.txt"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).touch()
    (directory / "lib" / "lib.xml").write_text(LIBRARY)
    (directory / "lab.xml").write_text(EVERYTHING)
    monkeypatch.chdir(directory)
    return directory


def _load(file: str) -> Experiment:
    loaded = load(
        file,
        host_environment={"HOME": "/h", "API_KEY": "other"},
        working_directory=Path.cwd(),
        now=NOW,
    )
    return loaded.experiment


def _reload(text: str, directory: Path) -> Experiment:
    directory.mkdir(exist_ok=True)
    (directory / "experiment.xml").write_text(text, encoding="utf-8")
    return _load(str(directory / "experiment.xml"))


def _meaning(value: object) -> object:
    """What a model says, without the places."""
    if isinstance(value, msgspec.Struct):
        names = (name for name in value.__struct_fields__ if name != "at")
        return type(value).__name__, {name: _meaning(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [_meaning(part) for part in value]
    if isinstance(value, Mapping):
        return {name: _meaning(part) for name, part in value.items()}
    return value


def _meaning_of(experiment: Experiment, *, without: tuple[str, ...] = ()) -> object:
    """What an experiment says, some targets and tasklists aside."""
    return _meaning(
        replace(
            experiment,
            name="",
            sources=(),
            targets={name: it for name, it in experiment.targets.items() if name not in without},
            tasklists={
                name: it for name, it in experiment.tasklists.items() if name not in without
            },
        )
    )


def test_everything_that_the_language_has_loads_again_as_it_was(tmp_path: Path, lab: Path) -> None:
    experiment = _load("lab.xml")
    again = _reload(render(experiment, directory=lab), tmp_path / "again")
    with_paths = ("far", "lib.server", "rack", "inner", "copying", "lib.work")
    assert _meaning_of(again, without=with_paths) == _meaning_of(experiment, without=with_paths)


def test_what_was_rendered_once_stays_as_it_is(tmp_path: Path, lab: Path) -> None:
    once = render(_load("lab.xml"), directory=lab)
    assert render(_reload(once, tmp_path / "again"), directory=tmp_path) == once


def _sources(experiment: Experiment, tasklist: str) -> list[str | None]:
    tasks = experiment.tasklists[tasklist].tasks
    return [
        task.source if isinstance(task, Put) else task.stdin
        for task in tasks
        if isinstance(task, Put | Run)
    ]


def test_what_lay_beside_its_document_is_named_absolutely(tmp_path: Path, lab: Path) -> None:
    again = _reload(render(_load("lab.xml"), directory=lab), tmp_path / "again")
    escaped = str(lab).replace("$", "$$")
    assert _sources(again, "copying") == [
        f"{escaped}/files/input",
        f"{escaped}/files",
        f"{escaped.replace('[', '[[]')}/files/*.txt",
        f"{escaped}/files/$GPLMT_TARGET.conf",
        "$ALL/x",
        f"{escaped}/cost$$/x",
        "/etc/hosts",
    ]
    # one is beside the library that names it, one in the working directory, where it stays
    assert _sources(again, "lib.work") == [f"{escaped}/lib/beside.txt", "files/elsewhere.txt"]


def test_paths_of_ssh_options_are_named_absolutely(lab: Path) -> None:
    text = render(_load("lab.xml"), directory=lab)
    assert f"<identity-file>{lab}/keys/id</identity-file>" in text
    assert f"<identity-file>{lab}/lib/key</identity-file>" in text
    assert "<identity-file>~/.ssh/rack</identity-file>" in text
    assert "<known-hosts-file>none</known-hosts-file>" in text


def _document(targets: str) -> str:
    return (
        f"<experiment>{targets}<tasklists><tasklist name='t'/></tasklists>"
        "<steps><step tasklist='t' targets='a'/></steps></experiment>"
    )


def _rendered(directory: Path, targets: str) -> str:
    (directory / "lab.xml").write_text(_document(targets))
    return render(_load(str(directory / "lab.xml")), directory=directory)


def test_a_small_experiment_looks_as_a_person_would_write_it(tmp_path: Path) -> None:
    text = _rendered(tmp_path, "<targets><target name='a' type='local'/></targets>")
    assert text.partition("-->\n")[2] == (
        "<experiment>\n"
        "  <targets>\n"
        '    <target name="a" type="local"/>\n'
        "  </targets>\n"
        "  <tasklists>\n"
        '    <tasklist name="t"/>\n'
        "  </tasklists>\n"
        "  <steps>\n"
        '    <step tasklist="t" targets="a"/>\n'
        "  </steps>\n"
        "</experiment>\n"
    )


def test_secrets_are_left_out_and_asked_of_the_environment(tmp_path: Path) -> None:
    targets = """<targets>
      <target name="a" type="local"><export-env var="API_KEY" value="hidden"/></target>
      <target name="b" type="planetlab"><apiurl>https://x</apiurl><slicename>s</slicename>
        <user>u</user><password>hidden</password></target>
    </targets>"""
    text = _rendered(tmp_path, targets)
    assert "hidden" not in text
    assert '<export-env var="API_KEY"/>' in text
    assert "GPLMT_PLANETLAB_PASSWORD" in text
    _reload(text, tmp_path / "again")


def test_variables_of_targets_stay_with_the_targets_of_their_document(tmp_path: Path) -> None:
    # 5.2: those of <targets> are of one document, and weaker than a group's
    (tmp_path / "lib.xml").write_text(
        "<experiment><targets><export-env var='L' value='lib'/><export-env var='G' value='lib'/>"
        "<target name='c' type='local'><export-env var='L' value='own'/></target>"
        "<target name='d' type='local'/></targets></experiment>"
    )
    (tmp_path / "lab.xml").write_text(
        "<experiment><include file='lib.xml'/><targets>"
        "<export-env var='L' value='lab'/><target name='a' type='local'/>"
        "<target name='g' type='group'><export-env var='G' value='group'/>"
        "<target name='e' type='local'/></target></targets>"
        "<tasklists><tasklist name='t'/></tasklists>"
        "<steps><step tasklist='t' targets='a c d g'/></steps></experiment>"
    )
    text = render(_load(str(tmp_path / "lab.xml")), directory=tmp_path)
    (tmp_path / "again.xml").write_text(text)
    environments = []
    for name in ("lab.xml", "again.xml"):
        loaded = load(
            str(tmp_path / name), host_environment={}, working_directory=tmp_path, now=NOW
        )
        members = loaded.inventory.members(["a", "c", "d", "g"])
        environments.append({member.node.name: dict(member.environment) for member in members})
    assert environments[0] == environments[1]
    assert "<!-- G was weaker than that of a group -->" in text


def test_the_run_directory_has_the_resolved_experiment(tmp_path: Path) -> None:
    targets = "<targets><target name='a' type='local'/></targets>"
    (tmp_path / "lab.xml").write_text(_document(targets))
    experiment = _load(str(tmp_path / "lab.xml"))
    run_directory = RunDirectory.create(tmp_path / "runs", experiment, now=NOW)
    again = _load(str(run_directory.path / "experiment.xml"))
    assert _meaning_of(again) == _meaning_of(experiment)
    (source,) = (run_directory.path / "sources").iterdir()
    assert source.read_text() == _document(targets)


# What XML can hold: no control characters but three, no surrogates, no non-characters
_texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    | st.sampled_from("\n\t\r&<>\"']")
)
_names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
_durations = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=900))
_runs = st.builds(
    Run,
    at=st.just(AT),
    label=_names,
    command=_texts,
    expected_status=st.none() | st.lists(st.integers(0, 255), min_size=1).map(tuple),
    timeout=st.none() | _durations,
    retries=st.builds(Retries, count=st.integers(0, 99), delay=_durations),
    leave_running=st.booleans(),
    enabled=st.booleans(),
)
_waits = st.builds(
    WaitFor,
    at=st.just(AT),
    label=_names,
    command=_texts.filter(lambda text: bool(text.strip())),
    timeout=_durations,
    interval=_durations,
)
_fails = st.builds(Fail, at=st.just(AT), label=_names, status=_texts)


def _nested(tasks: st.SearchStrategy[Task]) -> st.SearchStrategy[Task]:
    some = st.lists(tasks, max_size=3).map(tuple)
    most = st.none() | st.integers(1, 9)
    return st.builds(Seq, at=st.just(AT), label=_names, tasks=some) | st.builds(
        Par, at=st.just(AT), label=_names, tasks=some, max_parallel=most
    )


def _labels(tasks: tuple[Task, ...]) -> list[str]:
    labels: list[str] = []
    for task in tasks:
        labels.append(task.label)
        if isinstance(task, Seq | Par):
            labels += _labels(task.tasks)
    return labels


_tasks: st.SearchStrategy[tuple[Task, ...]] = (
    st.lists(st.recursive(_runs | _waits | _fails, _nested, max_leaves=5), max_size=4)
    .map(tuple)
    .filter(lambda tasks: len(set(_labels(tasks))) == len(_labels(tasks)))
)


@settings(max_examples=30, deadline=None)
@given(
    st.builds(
        Tasklist,
        at=st.just(AT),
        name=_names,
        tasks=_tasks,
        on_error=st.sampled_from(OnError),
        timeout=st.none() | _durations,
    )
)
def test_any_tasklist_loads_again_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, tasklist: Tasklist
) -> None:
    experiment = Experiment(at=AT, name="x", targets={}, tasklists={tasklist.name: tasklist})
    directory = tmp_path_factory.getbasetemp()
    again = _reload(render(experiment, directory=directory), directory)
    assert _meaning_of(again) == _meaning_of(experiment)
