"""The dry run shows a plan as a person would read it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gplmt.loading import load
from gplmt.planning import make_plan
from gplmt.planning.describe import describe

DOCUMENT = """\
<experiment timeout="PT1H">
  <targets>
    <target name="here" type="local"/>
    <target name="far" type="ssh"><host>far.example</host><user>ada</user><port>2222</port></target>
    <target name="both" type="group"><target ref="here"/><target ref="far"/></target>
    <target name="slice" type="planetlab"><apiurl>https://plc.example/</apiurl>
      <slicename>s1</slicename><user>ada</user></target>
  </targets>
  <tasklists>
    <tasklist name="work" on-error="stop-step" timeout="PT1M" cleanup="tidy">
      <run>

        first line
        second line
      </run>
      <par max-parallel="2"><put source="/etc/hosts" destination="a"/>
        <get source="a" destination="b" enabled="false"/></par>
      <call tasklist="fails" expected-status="1"/>
      <wait-for port="80" host="web"/><wait-for timeout="PT5S">test -e x</wait-for>
    </tasklist>
    <tasklist name="tidy"/>
    <tasklist name="fails"><fail status="on purpose"/></tasklist>
    <tasklist name="unused"/>
  </tasklists>
  <steps>
    <register-teardown tasklist="tidy" targets="here"/>
    <step name="serve" tasklist="work" targets="both" background="true" min-success="50%"
          start_relative="PT5S" stop_relative="PT1M"><export-env var="RATE" value="1"/></step>
    <synchronize targets="both"/>
    <step tasklist="work" targets="slice" min-success="80%" max-parallel="3" enabled="false"/>
    <synchronize/>
    <loop><param name="N" list="1:100"/><param name="M" list="a b"/>
      <loop repeat="2"><step tasklist="tidy" targets="here"/></loop>
    </loop>
    <loop duration="PT90S"><step tasklist="tidy" targets="here"/></loop>
    <loop until="2027-01-01T00:00:00Z"><step tasklist="tidy" targets="here"/></loop>
  </steps>
</experiment>
"""

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC).astimezone()  # shown in local time
EXPECTED = f"""\
experiment plan (plan.xml:1)
  ends after 1 h at the latest

targets
  here: local
  far: ssh ada@far.example:2222
  slice: nodes of slice s1, asked of https://plc.example/

steps
  at the end: tidy on here
  serve: work on here far (in the background, starts after 5 s, stops after 1 min, \
1 of 2 must not fail, with RATE)
  synchronize here far
  step-2: work on slice (not enabled, at most 3 at a time, 80% of the nodes must not fail)
  synchronize
  loop-1: for each N in 1 2 ... 100 and M in a b
    loop-2: 2 times
      step-3: tidy on here
  loop-3: for 1 min 30 s
    step-4: tidy on here
  loop-4: until {NEW_YEAR.isoformat(sep=" ")}
    step-5: tidy on here

tasklists
  work (plan.xml:10): on-error stop-step, at most 1 min, cleanup tidy
    run first line ...
    par, 2 at a time
      put /etc/hosts -> a
      get a -> b (not enabled)
    call fails, which must fail
    wait for at most 30 s for port 80 of web
    wait for at most 5 s until test -e x
  tidy (plan.xml:21)
  fails (plan.xml:22)
    fail: on purpose
"""


def test_a_plan_says_who_does_what_and_when(tmp_path: Path) -> None:
    (tmp_path / "plan.xml").write_text(DOCUMENT)
    loaded = load(
        str(tmp_path / "plan.xml"),
        host_environment={},
        working_directory=tmp_path,
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
    text = describe(make_plan(loaded.experiment, loaded.inventory))
    assert text.replace(f"{tmp_path}/", "") == EXPECTED


def test_long_lists_of_targets_are_cut(tmp_path: Path) -> None:
    names = " ".join(f"n{number}" for number in range(20))
    targets = "".join(f'<target name="{name}" type="local"/>' for name in names.split())
    (tmp_path / "many.xml").write_text(
        f"<experiment><targets>{targets}</targets><tasklists><tasklist name='t'/></tasklists>"
        f"<steps><step tasklist='t' targets='{names}'/></steps></experiment>"
    )
    loaded = load(
        str(tmp_path / "many.xml"),
        host_environment={},
        working_directory=tmp_path,
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
    text = describe(make_plan(loaded.experiment, loaded.inventory))
    assert "  step-1: t on n0 n1 n2 n3 n4 n5 n6 n7 and 12 more\n" in text
