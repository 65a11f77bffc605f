"""What remains of a run: record, logs, manifest, the experiment itself (DESIGN.md)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from gplmt import __version__
from tests.support.program import GPLMT, Program, Running, until

LIBRARY = """<experiment>
<targets><export-env var="PLACE" value="library"/>
<target name="a" type="local"><export-env var="API_TOKEN" value="s3cret"/></target></targets>
<tasklists>
<tasklist name="work" cleanup="tidy">
<run name="speak">cat; echo $PLACE $ROUND; echo complaint >&amp;2</run>
<call tasklist="deeper" expected-status="1"/>
<par><run>true</run><seq><run expected-status="0 3">exit 3</run></seq></par>
<run enabled="false">never</run>
</tasklist>
<tasklist name="deeper"><run retries="1" expected-status="0">false</run></tasklist>
<tasklist name="tidy"><wait-for>true</wait-for></tasklist>
</tasklists>
</experiment>
"""
ROOT_DOCUMENT = """<?xml version="1.0" encoding="iso-8859-1"?>
<experiment>
<description>f\xfcnf</description>
<include file="../lib dir/lib.xml" prefix="l"/>
<targets><target name="b" type="local"><export-env var="PLACE" value="root"/></target>
<target name="both" type="group"><target ref="l.a"/><target ref="b"/></target></targets>
<tasklists><tasklist name="break"><run name="it" expected-status="0">exit 4</run></tasklist>
<tasklist name="hang"><run>sleep 1000</run></tasklist></tasklists>
<steps>
<register-teardown tasklist="l.work" targets="b"/>
<step tasklist="hang" targets="b" background="true"/>
<loop list="x y" param="ROUND"><step name="main" tasklist="l.work" targets="both"/></loop>
<synchronize/>
<step tasklist="break" targets="b"/>
<step tasklist="hang" targets="b" stop_relative="PT0.1S"/>
</steps>
</experiment>
"""
STARTED = re.compile(r"(.+)(Started|Reached)")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Program(tmp_path_factory.mktemp("recorded")) as program:
        program.write(LIBRARY, "lib dir/lib.xml")
        program.write(ROOT_DOCUMENT.encode("latin-1"), "main dir/lab.xml")
        words = ("lab.xml", "--logroot-dir", "runs-1", "-C", "../work", "--grace", "1")
        run = program.call(*words, cwd=program.scratch / "main dir").wait()
        run.run_directories = program.scratch / "main dir" / "runs-1"
        assert run.exit_code == 1, run.stderr
        yield run


def test_every_line_of_the_record_is_a_fact_with_time_place_and_outcome(run: Running) -> None:
    events = run.events
    assert [event["kind"] for event in (*events[:2], events[-1])] == [
        *("RecordOpened", "ExperimentStarted", "ExperimentFinished")
    ]
    times = [datetime.fromisoformat(str(event["time"])) for event in events]
    assert all(time.tzinfo == UTC for time in times)
    assert all(one <= next_ for one, next_ in pairwise(times))
    files = {"lab.xml": ROOT_DOCUMENT, "../lib dir/lib.xml": LIBRARY}
    for event in events[1:]:
        file, _, line = str(event["at"]).rpartition(":")
        assert 1 <= int(line) <= files[file].count("\n"), event


def test_what_starts_ends_once_with_an_outcome_and_inside_of_what_encloses_it(run: Running) -> None:
    begun: dict[object, dict[str, object]] = {}
    for event in run.events:
        kind = str(event["kind"])
        if STARTED.fullmatch(kind):
            assert event.get("parent") is None or event["parent"] in begun, event
            begun.setdefault(event["span"], event)
        elif kind.endswith("Finished"):
            start = begun.pop(event["span"])
            match = STARTED.fullmatch(str(start["kind"]))
            assert match is not None
            assert match[1] == kind.removesuffix("Finished")
            assert (start["at"], start.get("target")) == (event["at"], event.get("target"))
            assert event["outcome"] in ("ok", "failed", "timeout", "stopped", "skipped")
            if event["outcome"] == "failed" and kind.startswith("Run"):
                assert event["reason"]
    assert begun == {}
    kinds = {str(event["kind"]) for event in run.events}
    assert {"LoopFinished", "IterationFinished", "TeardownFinished", "SeqFinished"} <= kinds
    assert {"ParFinished", "CallFinished", "WaitForFinished", "AttemptFailed"} <= kinds


def test_logs_stand_by_target_in_order_and_the_record_names_them(run: Running) -> None:
    named = {
        str(event[stream])
        for event in run.of_kind("RunFinished", "WaitForFinished")
        for stream in ("stdout", "stderr")
        if stream in event
    }
    logs = run.run_directory / "logs"
    there = {f"logs/{path.relative_to(logs)}" for path in logs.rglob("*") if path.is_file()}
    assert there == named
    assert all(re.fullmatch(r"logs/(l\.a|b)/\d{4}-[\w.-]+\.(out|err)", name) for name in there)
    speak = sorted(path.name for path in (logs / "l.a").glob("*speak*"))
    assert [name[4:] for name in speak] == ["-l.work.speak.err", "-l.work.speak.out"] * 2
    texts = [(logs / "l.a" / name).read_text() for name in speak]
    assert texts == ["complaint\n", "library x\n", "complaint\n", "library y\n"]


def test_manifest_says_what_was_run_by_whom_and_how_it_ended(run: Running) -> None:
    manifest = json.loads((run.run_directory / "manifest.json").read_text())
    assert manifest["run_id"] == run.run_directory.name
    assert manifest["gplmt"] == __version__
    assert manifest["document"] == "lab.xml"
    assert manifest["arguments"][0] == "lab.xml"
    assert set(manifest["targets"]) == {"l.a", "b", "both"}
    assert manifest["environment"] == ["API_TOKEN", "PLACE"]
    assert (manifest["outcome"], manifest["exit_code"]) == ("failed", 1)
    assert manifest["started"] < manifest["ended"]


def test_the_experiment_stands_in_the_run_directory_as_read_and_as_resolved(
    run: Running, program: Program
) -> None:
    """It loads again and means the same; sources keep their bytes and their places."""
    sources = run.run_directory / "sources"
    files = sorted(str(path.relative_to(sources)) for path in sources.rglob("*.xml"))
    assert files == ["lib dir/lib.xml", "main dir/lab.xml"]
    assert (sources / "main dir/lab.xml").read_bytes() == ROOT_DOCUMENT.encode("latin-1")
    resolved = run.run_directory / "experiment.xml"
    secret = {"API_TOKEN": "s3cret"}  # it was left out, so now it comes from outside
    original = run.run_directory.parent.parent / "lab.xml"
    plans = [
        program.call("plan", str(file), program=GPLMT, environment=secret)
        for file in (original, resolved, sources / "main dir/lab.xml")
    ]
    assert len({without_places(plan.wait().stdout) for plan in plans}) == 1
    assert [(plan.exit_code, plan.stderr) for plan in plans] == [(0, "")] * 3
    again = program.start_file(resolved, environment=secret).wait()
    assert sorted(again.lines) == sorted(run.lines)


def without_places(plan: str) -> str:
    return re.sub(r" ?\([^()]*:\d+\)", "", plan.partition("\n")[2])


def test_secrets_stand_nowhere_in_the_run_directory(run: Running) -> None:
    """Values of variables that look secret: not in the record, the manifest, or a copy."""
    texts = [path.read_bytes() for path in run.run_directory.rglob("*") if path.is_file()]
    assert len(texts) > 10
    assert not [text for text in texts if b"s3cret" in text]


def test_the_record_is_on_disk_while_the_run_lasts_and_survives_a_crash(program: Program) -> None:
    text = ROOT_DOCUMENT.replace('<?xml version="1.0" encoding="iso-8859-1"?>\n', "")
    program.write(LIBRARY, "lib dir/lib.xml")
    program.write(text, "main dir/lab.xml")
    run = program.start_file(program.scratch / "main dir/lab.xml")
    until(lambda: run.has_run_directory and len(run.of_kind("StepFinished")) >= 1)
    os.kill(run.pid, 9)
    run.wait()
    assert run.events[-1]["kind"] != "ExperimentFinished"
    assert json.loads((run.run_directory / "manifest.json").read_text())["ended"] is None
    until(lambda: not run.survivors())


def test_a_file_is_found_however_it_is_named_and_told_of_as_it_was_typed(program: Program) -> None:
    """12.1; relative, ./, absolute, through links, with blanks and other scripts."""
    program.write(LIBRARY, "lib dir/lib.xml")
    text = ROOT_DOCUMENT.encode("latin-1")
    file = program.write(text, "main dir/l\xe4b \u4e16.xml")
    (program.scratch / "links").mkdir()
    (program.scratch / "links" / "to-file.xml").symlink_to("../main dir/l\xe4b \u4e16.xml")
    (program.scratch / "to-dir").symlink_to("main dir")
    names = (
        *("main dir/l\xe4b \u4e16.xml", "./main dir/../main dir/l\xe4b \u4e16.xml"),
        *(str(file), "links/to-file.xml", "to-dir/l\xe4b \u4e16.xml"),
    )
    runs = [program.start_file(name, "-q") for name in names]
    for run, name in zip(runs, names, strict=True):
        assert run.wait().exit_code == 1, run.stderr
        assert f"{name}:7: error: run 'break.it' on b exited with status 4" in run.stderr
