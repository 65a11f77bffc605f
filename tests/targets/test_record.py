"""What a run directory tells of slices: the nodes they had, and no password (LANGUAGE.md 4.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gplmt.language.experiment import Experiment
from gplmt.planning import Launch
from gplmt.planning.plan import walk
from gplmt.recording.manifest import read_manifest
from gplmt.recording.rundir import RunDirectory
from tests.targets.bench import Bench, plan_of, slice_target
from tests.targets.servers import PASSWORD, Plc

SLICES = {"s": {2: "b.example", 1: "a.example"}}
STEPS = """<step tasklist="t" targets="slice.*"/><step tasklist="t" targets="*"/>
  <loop repeat="1"><step tasklist="t" targets="again g" min-success="2"/></loop>"""


@pytest.fixture
def experiment(bench: Bench) -> Experiment:
    """An experiment with slices that say their password, their nodes known."""
    given = f"<password>{PASSWORD}</password>"
    with Plc(SLICES) as plc:
        grouped = slice_target(plc.url, name="again", more=given)
        targets = (
            f'<export-env var="A" value="1"/><target name="g" type="group"><port>2222</port>'
            f'<export-env var="B" value="2"/>{grouped}</target>'
            '<target name="slice.extra" type="local"/>' + slice_target(plc.url, more=given)
        )
        return bench.resolve(targets, STEPS)


def reached(experiment: Experiment) -> list[dict[str, object]]:
    """The nodes of each step, and how they are reached."""
    return [
        {one.node.name: (one.node.address, one.environment) for one in item.members}
        for item in walk(plan_of(experiment).items)
        if isinstance(item, Launch)
    ]


def recorded(experiment: Experiment, directory: Path) -> Path:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return RunDirectory.create(directory / "runs", experiment, now=now).path


def test_the_recorded_experiment_runs_on_the_same_nodes_again(
    bench: Bench, experiment: Experiment, tmp_path: Path
) -> None:
    text = (recorded(experiment, tmp_path) / "experiment.xml").read_text()
    again = bench.load(text).experiment
    assert reached(again) == reached(experiment)
    assert [list(nodes) for nodes in reached(again)] == [
        ["slice.extra"],
        ["again.b.example", "again.a.example", "slice.extra", "slice.b.example", "slice.a.example"],
        ["again.b.example", "again.a.example"],
    ]
    assert "planetlab" not in text


def test_the_manifest_names_the_nodes(experiment: Experiment, tmp_path: Path) -> None:
    manifest = read_manifest(recorded(experiment, tmp_path) / "manifest.json")
    assert {"slice", "slice.a.example", "slice.b.example"} <= set(manifest.targets)


def test_no_file_of_the_record_has_a_password(experiment: Experiment, tmp_path: Path) -> None:
    files = [path for path in recorded(experiment, tmp_path).rglob("*") if path.is_file()]
    assert {"experiment.xml", "manifest.json", "lab.xml"} <= {path.name for path in files}
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []
