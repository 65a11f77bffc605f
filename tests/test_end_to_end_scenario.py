"""One experiment as people write them, with most of the language in it."""

from __future__ import annotations

import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.program import Fields, Program, Running, until

LIBRARY = """<experiment>
<tasklists>
<tasklist name="serve" cleanup="log-end">
  <put source="site" destination="served/" keep="false"/>
  <run name="server" directory="served/site" stop-signal="INT">
    exec $PYTHON -m http.server --bind 127.0.0.1 PORT</run>
</tasklist>
<tasklist name="log-end"><run>echo "$GPLMT_TARGET $GPLMT_STEP" >>ended</run></tasklist>
<tasklist name="fetch" on-error="stop-step" cleanup="log-end" timeout="PT20S">
  <wait-for port="PORT" timeout="PT10S" interval="PT0.1S"/>
  <par>
    <run name="download" expected-status="0">$PYTHON -c 'import sys, urllib.request as u
sys.stdout.buffer.write(u.urlopen("http://127.0.0.1:PORT/" + sys.argv[1]).read())' page-$SIZE.txt \
      >"$GPLMT_TARGET-$SIZE"; test -s "$GPLMT_TARGET-$SIZE"</run>
    <seq><run name="flaky" retries="2" retry-delay="PT0.05S" expected-status="0">
      mkdir "tried-$GPLMT_TARGET-$SIZE" &amp;&amp; exit 1; exit 0</run></seq>
  </par>
  <call tasklist="crash-on-last"/>
  <get source="$GPLMT_TARGET-*" destination="$GPLMT_RUN_DIR/results/$GPLMT_TARGET/"/>
</tasklist>
<tasklist name="crash-on-last" on-error="stop-step">
  <run name="crash" expected-status="0">[ "$GPLMT_TARGET_INDEX" != 2 ] || kill -SEGV $$</run>
</tasklist>
<tasklist name="watch"><run name="watcher">while :; do echo $GPLMT_ITERATION tick
  touch ticked; sleep 0.05; done</run></tasklist>
<tasklist name="report"><run>cat $GPLMT_RUN_DIR/results/*/* | sort | uniq -c</run></tasklist>
</tasklists>
</experiment>
"""
EXPERIMENT = """<experiment timeout="PT1M">
<description>Clients fetch pages of several sizes from a server.</description>
<include file="$LIB/net.xml" prefix="net"/>
<targets>
  <export-env var="PYTHON"/>
  <target name="server" type="local"/>
  <target name="clients" type="group">
    <target name="client1" type="local"/><target name="client2" type="local"/>
    <target name="client3" type="local"/>
  </target>
</targets>
<tasklists><tasklist name="done"><run>echo all iterations are over</run></tasklist></tasklists>
<steps>
  <step name="service" tasklist="net.serve" targets="server" background="true"/>
  <step name="watch" tasklist="net.watch" targets="server" start_relative="PT0.1S"
        stop_relative="PT0.5S"/>
  <loop list="1:3:2" param="SIZE">
    <step name="transfer" tasklist="net.fetch" targets="client*" min-success="60%"/>
  </loop>
  <register-teardown tasklist="net.report" targets="server"/>
  <synchronize/>
  <step tasklist="done" targets="server"/>
</steps>
</experiment>
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def start(program: Program, *options: str) -> Running:
    for size in (1, 3):
        program.write(f"page of {size}\n" * size, f"lib/site/page-{size}.txt")
    program.write(LIBRARY.replace("PORT", str(free_port())), "lib/net.xml")
    environment = {"LIB": str(program.scratch / "lib"), "PYTHON": sys.executable}
    return program.start(EXPERIMENT, *options, environment=environment)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Program(tmp_path_factory.mktemp("scenario")) as program:
        yield start(program, "-v").wait()


def position(run: Running, kind: str, **fields: object) -> int:
    """Where in the record the first such event stands."""

    def fits(event: Fields) -> bool:
        return event["kind"] == kind and fields.items() <= event.items()

    return next(place for place, event in enumerate(run.events) if fits(event))


def test_a_whole_experiment_does_what_it_says(run: Running) -> None:
    assert run.exit_code == 0, run.stderr
    results = run.run_directory / "results"
    found = {str(path.relative_to(results)): path.read_text() for path in results.rglob("c*-*")}
    assert found == {
        f"{client}/{client}-{size}": f"page of {size}\n" * size
        for client in ("client1", "client2")
        for size in (1, 3)
    }
    reported = [line.split() for line in run.lines if "page" in line]
    assert [words[2:] for words in reported] == [
        *(["2", "page", "of", "1"], ["6", "page", "of", "3"])
    ]
    assert "server | all iterations are over" in run.lines
    assert "server | tick" in run.lines

    segmentation = "on client3 in iteration 1 was killed by SIGSEGV, expected 0"
    assert f"warning: tolerated: run 'net.crash-on-last.crash' {segmentation}" in run.stderr
    assert run.stderr.count("tolerated: ") == 2
    assert "error: " not in run.stderr.partition("\nsteps: ")[2]
    assert "steps: 3 ok, 2 stopped\n" in run.stderr
    assert len(run.of_kind("AttemptFailed")) == 6


def test_a_whole_experiment_ends_in_order_and_leaves_nothing(run: Running) -> None:
    order = [
        position(run, "StepFinished", step="transfer", iteration="0"),
        position(run, "StepReached", step="transfer", iteration="1"),
        position(run, "SynchronizeFinished"),
        position(run, "StepReached", tasklist="done"),
        position(run, "TeardownStarted"),
        position(run, "TeardownFinished", outcome="ok"),
        position(run, "StepFinished", step="service", outcome="stopped"),
        position(run, "CopiesRemoved"),
        position(run, "ExperimentFinished", outcome="ok"),
    ]
    assert order == sorted(order)
    assert run.survivors() == {}
    *cleanups, last = (run.work / "ended").read_text().splitlines()
    assert sorted(cleanups) == [f"client{n} transfer" for n in (1, 1, 2, 2, 3, 3)]
    assert last == "server service"
    assert not (run.work / "served").exists()


def test_a_whole_experiment_can_be_stopped_at_any_time(program: Program) -> None:
    """Whatever it was doing, Ctrl-C leaves nothing."""
    for moment in ("StepStarted", "CallFinished", "SynchronizeFinished"):
        shutil.rmtree(program.work)
        program.work.mkdir()
        run = start(program)
        until(partial(run.of_kind, moment))
        run.send(signal.SIGINT)
        assert run.wait(10).exit_code == 130
        assert run.survivors() == {}
        assert run.events[-1]["kind"] == "ExperimentFinished"
        assert not (program.work / "served").exists()
