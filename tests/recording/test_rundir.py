from __future__ import annotations

import getpass
import os
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from gplmt import __version__
from gplmt.diagnostics import Location
from gplmt.errors import LogError, SetupError
from gplmt.events import Outcome
from gplmt.language.experiment import Experiment, SourceFile
from gplmt.language.steps import Loop, RegisterTeardown, Repeat, Step
from gplmt.language.targets import ExportEnv, LocalTarget
from gplmt.recording.manifest import read_manifest
from gplmt.recording.rundir import RunDirectory

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
AT = Location("lab.xml", 1)


def _experiment(*sources: tuple[str, bytes], name: str = "lab") -> Experiment:
    return Experiment(
        at=AT,
        name=name,
        targets={},
        tasklists={},
        sources=tuple(SourceFile(name=file, content=content) for file, content in sources),
    )


def test_the_directory_is_named_after_the_experiment_and_the_time_in_utc(tmp_path: Path) -> None:
    now = NOW.astimezone(timezone(timedelta(hours=5)))
    run_directory = RunDirectory.create(tmp_path / "runs", _experiment(), now=now)
    assert run_directory.path == tmp_path / "runs" / "lab-20261123T101500Z"
    assert run_directory.run_id == "lab-20261123T101500Z"
    assert (run_directory.path / "logs").is_dir()


def test_runs_of_the_same_second_never_share_a_directory(tmp_path: Path) -> None:
    paths, start = list[Path](), threading.Barrier(8)

    def create() -> None:
        start.wait()
        paths.append(RunDirectory.create(tmp_path, _experiment(), now=NOW).path)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path.name for path in paths} == {
        "lab-20261123T101500Z",
        *(f"lab-20261123T101500Z-{number}" for number in range(2, 9)),
    }


def test_a_directory_is_never_used_again(tmp_path: Path) -> None:
    (tmp_path / "lab-20261123T101500Z").mkdir()
    assert RunDirectory.create(tmp_path, _experiment(), now=NOW).run_id.endswith("Z-2")


def test_an_odd_file_name_makes_a_plain_directory(tmp_path: Path) -> None:
    name = "../größe 1;" + "x" * 300
    run_directory = RunDirectory.create(tmp_path, _experiment(name=name), now=NOW)
    assert run_directory.path.parent == tmp_path
    assert run_directory.run_id.startswith("_._gr__e_1_xxx")


def test_latest_links_to_the_newest_run(tmp_path: Path) -> None:
    for _ in range(2):
        run_directory = RunDirectory.create(tmp_path, _experiment(), now=NOW)
    assert (tmp_path / "latest").readlink() == Path(run_directory.run_id)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_latest_of_the_users_own_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine").touch()
    RunDirectory.create(tmp_path, _experiment(), now=NOW)
    assert (tmp_path / "latest" / "mine").exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_the_umask_decides_who_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        run_directory = RunDirectory.create(tmp_path / "new", _experiment(), now=NOW)
    finally:
        os.umask(before)
    assert run_directory.path.stat().st_mode & 0o777 == 0o750


def test_a_root_that_is_a_file_is_a_setup_error(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    root.touch()
    with pytest.raises(SetupError, match="runs: not a directory; choose another place with --log"):
        RunDirectory.create(root, _experiment(), now=NOW)


def test_a_root_that_cannot_be_written_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match="cannot create a run directory in /proc/runs: no such"):
        RunDirectory.create(Path("/proc/runs"), _experiment(), now=NOW)


def test_a_full_disk_is_a_setup_error(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1024 * 1024))
    with pytest.raises(SetupError, match="no space left on device"):
        RunDirectory.create(small_disk, _experiment(), now=NOW)


def test_sources_stand_to_each_other_as_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sources = (("exp/lab.xml", b"<a/>"), ("exp/../lib/a.xml", b"<b/>"), (f"{tmp_path}/c", b"<c/>"))
    run_directory = RunDirectory.create(tmp_path / "runs", _experiment(*sources), now=NOW)
    kept = run_directory.path / "sources"
    assert (kept / "exp/lab.xml").read_bytes() == b"<a/>"
    assert (kept / "lib/a.xml").read_bytes() == b"<b/>"
    assert (kept / "c").read_bytes() == b"<c/>"


def test_sources_do_not_leave_the_run_directory(tmp_path: Path) -> None:
    sources = (("/a/b/lab.xml", b"1"), ("../../../../../../../../x.xml", b"2"))
    run_directory = RunDirectory.create(tmp_path, _experiment(*sources), now=NOW)
    assert sum(path.is_file() for path in (run_directory.path / "sources").rglob("*")) == 2


def test_passwords_are_not_kept(tmp_path: Path) -> None:
    experiment = _experiment(("lab.xml", b"<password>geheim</password>"))
    run_directory = RunDirectory.create(tmp_path, experiment, now=NOW)
    for path in run_directory.path.rglob("*"):
        assert path.is_dir() or b"geheim" not in path.read_bytes()


def _with_variables() -> Experiment:
    def variable(name: str) -> tuple[ExportEnv, ...]:
        return (ExportEnv(at=AT, var=name, value="the-value"),)

    step = Step(at=AT, name="s", tasklist="t", targets=("a",), environment=variable("IN_STEP"))
    loop = Loop(
        at=AT,
        label="loop-1",
        iterations=Repeat(count=1),
        body=(step, RegisterTeardown(at=AT, tasklist="t", targets=(), environment=variable("T"))),
        environment=variable("IN_LOOP"),
    )
    target = LocalTarget(
        at=AT, name="a", environment=variable("OWN"), document_environment=variable("ALL")
    )
    return Experiment(at=AT, name="lab", targets={"a": target}, tasklists={}, steps=(loop,))


def test_the_manifest_of_a_running_experiment_says_that_it_has_not_ended(tmp_path: Path) -> None:
    run_directory = RunDirectory.create(
        tmp_path, _with_variables(), now=NOW, arguments=("lab.xml", "-q")
    )
    manifest = read_manifest(run_directory.path / "manifest.json")
    assert manifest.run_id == run_directory.run_id
    assert manifest.arguments == ("lab.xml", "-q")
    assert manifest.targets == ("a",)
    assert manifest.environment == ("ALL", "IN_LOOP", "IN_STEP", "OWN", "T")
    assert manifest.gplmt == __version__
    assert manifest.python == sys.version.split()[0]
    assert manifest.host == os.uname().nodename
    assert manifest.user == getpass.getuser()
    assert manifest.started == NOW
    assert (manifest.ended, manifest.outcome, manifest.exit_code) == (None, None, None)
    assert "the-value" not in (run_directory.path / "manifest.json").read_text()


def test_finishing_completes_the_manifest(tmp_path: Path) -> None:
    run_directory = RunDirectory.create(tmp_path, _experiment(), now=NOW)
    end = NOW + timedelta(seconds=3)
    run_directory.finish(Outcome.FAILED, exit_code=1, now=end)
    manifest = read_manifest(run_directory.path / "manifest.json")
    assert (manifest.started, manifest.ended) == (NOW, end)
    assert (manifest.outcome, manifest.exit_code) == (Outcome.FAILED, 1)
    assert [path.name for path in run_directory.path.glob(".*")] == []


def test_a_manifest_that_cannot_be_completed_stays_as_it_was(small_disk: Path) -> None:
    run_directory = RunDirectory.create(small_disk, _experiment(), now=NOW)
    before = (run_directory.path / "manifest.json").read_bytes()
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(bytes(2048 * 1024))
    with pytest.raises(LogError, match=r"manifest\.json: no space left on device"):
        run_directory.finish(Outcome.OK, exit_code=0, now=NOW)
    assert (run_directory.path / "manifest.json").read_bytes() == before
    assert [path.name for path in run_directory.path.glob(".*")] == []
