"""Exit codes tell the truth (LANGUAGE.md 11.3); setup faults are told before anything runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Gplmt
from tests.support.program import LIGHT, Program, document, one, without_privileges

MARKING = one("<run>touch started</run>")
SSH = """<experiment>
<targets><target name="n1" type="local"/>
<target name="far" type="ssh"><host>far.example</host></target></targets>
<tasklists><tasklist name="t"><run>touch started</run></tasklist></tasklists>
<steps><step tasklist="t" targets="n1"/><synchronize/>
<step tasklist="t" targets="far"/></steps></experiment>"""


@pytest.mark.parametrize(
    ("tasks", "code"),
    [
        ("<run>exit 7</run>", 0),
        ("<run expected-status='7'>exit 7</run>", 0),
        ("<run>kill -KILL $$</run>", 0),
        ("<run expected-status='137'>kill -KILL $$</run>", 0),
        ("<run expected-status='0'>kill -KILL $$</run>", 1),
        ("<run expected-status='0'>exit 7</run>", 1),
        ("<run timeout='PT0.1S'>sleep 100</run>", 1),
        ("<fail status='because'/>", 1),
        ("<fail status='because' enabled='false'/>", 0),
        ("<run expected-status='0'>no-such-program</run>", 1),
        ("<run directory='/no/such'>true</run>", 1),
    ],
)
def test_exit_code_is_one_exactly_where_something_failed(
    tasks: str, code: int, gplmt: Gplmt, tmp_path: Path
) -> None:
    (tmp_path / "lab.xml").write_text(one(tasks))
    said = gplmt("run", "lab.xml")
    assert said.exit_code == code, said.stderr
    assert f"(exit code {code})\n" in said.stderr
    assert ("error: " in said.stderr) == (code == 1)


def test_failures_in_cleanups_teardowns_and_background_steps_count(
    gplmt: Gplmt, tmp_path: Path
) -> None:
    bad = '<tasklist name="bad"><fail status="on purpose"/></tasklist>'
    calm = '<tasklist name="calm" cleanup="bad"><run>true</run></tasklist>'
    for steps in (
        '<step tasklist="calm" targets="n1"/>',
        '<register-teardown tasklist="bad" targets="n1"/>',
        '<step tasklist="bad" targets="n1" background="true"/>',
    ):
        (tmp_path / "lab.xml").write_text(document(tasklists=bad + calm, steps=steps))
        assert gplmt("run", "lab.xml").exit_code == 1


def test_targets_of_a_type_to_come_are_checked_and_planned_but_not_run(
    gplmt: Gplmt, tmp_path: Path
) -> None:
    (tmp_path / "lab.xml").write_text(SSH)
    assert gplmt("check", "lab.xml") == (0, "lab.xml: a valid experiment\n", "")
    plan = gplmt("plan", "lab.xml")
    assert (plan.exit_code, plan.stderr) == (0, "")
    said = gplmt("run", "lab.xml")
    assert (said.exit_code, said.stdout) == (3, "")
    assert said.stderr.startswith("lab.xml:3: error: target 'far' is of type ssh, ")
    assert said.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["lab.xml"]


def test_a_target_of_a_type_to_come_that_no_step_uses_does_no_harm(
    gplmt: Gplmt, tmp_path: Path
) -> None:
    unused = SSH.replace('<step tasklist="t" targets="far"/>', "")
    (tmp_path / "lab.xml").write_text(unused)
    said = gplmt("run", "lab.xml")
    assert said.exit_code == 0
    assert "lab.xml:3: warning: " in said.stderr


@pytest.mark.parametrize("root", ["file", "file/below", "/proc/nowhere", "link/below"])
def test_a_log_root_that_cannot_be_written_is_a_setup_error(
    root: str, gplmt: Gplmt, tmp_path: Path
) -> None:
    (tmp_path / "lab.xml").write_text(MARKING)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    said = gplmt("run", "lab.xml", "--logroot-dir", root)
    assert (said.exit_code, said.stdout) == (3, "")
    assert said.stderr.startswith(f"gplmt: error: cannot create a run directory in {root}: ")
    assert said.stderr.count("\n") == 1
    assert not (tmp_path / "started").exists()


def test_a_log_root_without_permission_is_a_setup_error(program: Program) -> None:
    program.write(MARKING)
    (program.scratch / "sealed").mkdir(mode=0o500)
    without = (*without_privileges(), *LIGHT)
    run = program.call("experiment.xml", "--logroot-dir", "sealed", program=without).wait()
    assert (run.exit_code, run.stderr) == (
        3,
        "gplmt: error: cannot create a run directory in sealed: permission denied; "
        "choose another place with --logroot-dir\n",
    )
    assert not (program.scratch / "started").exists()


def test_a_log_root_without_room_is_a_setup_error(program: Program) -> None:
    program.write(MARKING)
    full = program.scratch / "full"
    full.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(full)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("NO FULL LOG ROOT TESTED: a tmpfs needs root")
    try:
        run = program.call("experiment.xml", "--logroot-dir", "full").wait()
    finally:
        subprocess.run(["umount", str(full)], check=True)  # noqa: S603, S607
    assert run.exit_code == 3
    assert run.stderr.endswith("no space left on device; choose another place with --logroot-dir\n")
    assert not (program.scratch / "started").exists()
