"""Bad input: one line per fault, exit code 2, nothing started, no traceback (1.2, 11.3, 12.1)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Gplmt
from tests.support.program import GPLMT, Program, one, without_privileges

MARKING = one("<run>touch $GPLMT_RUN_DIR/../started</run>")
FILES: dict[str, bytes] = {
    "empty.xml": b"",
    "blank.xml": b" \n \n",
    "text.xml": b"hello\n",
    "junk.xml": bytes(range(256)) * 20,
    "nul.xml": b"<experiment>\0</experiment>",
    "cut.xml": MARKING.encode()[:-20],
    "twice.xml": MARKING.encode() * 2,
    "latin-1.xml": "<experiment><description>fünf</description></experiment>".encode("latin-1"),
    "false.xml": b'<?xml version="1.0" encoding="utf-16"?>' + MARKING.encode(),
    "unknown.xml": b'<?xml version="1.0" encoding="klingon"?>' + MARKING.encode(),
    "doctype.xml": b"<!DOCTYPE experiment>" + MARKING.encode(),
    "bomb.xml": b'<!DOCTYPE a [<!ENTITY b "bbbb">]><experiment>&b;</experiment>',
    "html.xml": b"<html><body/></html>",
    "library.xml": b"<experiment/>",
    "no-steps.xml": b"<experiment><targets/><tasklists/><steps/></experiment>",
    "names.xml": MARKING.replace('targets="n1"', 'targets="n2"').encode(),
    "schema.xml": MARKING.replace('targets="n1"', 'target="n1"').encode(),
    "include.xml": b'<experiment><include file="gone.xml"/><steps/></experiment>',
}
ONE_LINE = re.compile(r"[^\n]+:\d+: (error|warning): [^\n]+\n")


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_experiment_is_refused_in_lines_that_name_it(
    name: str, gplmt: Gplmt, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    said = gplmt("run", name)
    assert (said.exit_code, said.stdout) == (2, "")
    lines = said.stderr.splitlines(keepends=True)
    assert lines
    assert [line for line in lines if not ONE_LINE.fullmatch(line)] == []
    assert [line for line in lines if not line.startswith(f"{name}:")] == []
    assert names_in(tmp_path) == [name]


def test_a_name_that_is_no_readable_file_is_refused(gplmt: Gplmt, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("link")
    names = (
        "missing.xml",
        "directory",
        "link",
        "/dev/null",
        "/dev/zero",
        "gone/x.xml",
        "n\xe4.xml",
    )
    for name in (*names, os.fsdecode(b"\xff.xml"), "a" * 300):
        said = gplmt("run", name)
        assert (said.exit_code, said.stdout) == (2, ""), name
        assert ONE_LINE.fullmatch(said.stderr), said.stderr
    assert names_in(tmp_path) == ["directory", "link"]


def test_what_must_not_be_read_or_entered_is_told(program: Program) -> None:
    program.write(MARKING, "secret.xml").chmod(0)
    program.write(MARKING, "lab.xml")
    (program.scratch / "sealed").mkdir(mode=0)
    without = (*without_privileges(), *GPLMT)
    file = program.call("run", "secret.xml", program=without).wait()
    inside = program.call("run", "sealed/lab.xml", program=without).wait()
    directory = program.call("run", "lab.xml", "-C", "sealed", program=without).wait()
    assert [run.exit_code for run in (file, inside, directory)] == [2, 2, 2]
    assert [run.stderr for run in (file, inside, directory)] == [
        "secret.xml:0: error: cannot read 'secret.xml': permission denied\n",
        "sealed/lab.xml:0: error: cannot read 'sealed/lab.xml': permission denied\n",
        "gplmt: error: sealed cannot be entered: permission denied\n",
    ]
    assert not (program.scratch / "gplmt-runs").exists()


def test_faults_of_schema_and_meaning_are_told_together_in_file_order(
    gplmt: Gplmt, tmp_path: Path
) -> None:
    """1.5, 12.1, 12.2."""
    (tmp_path / "lab.xml").write_text(
        """<experiment>
<targets><target name="n1" type="local"/></targets>
<tasklists><tasklist name="t"><run timeout="5 minutes">true</run></tasklist></tasklists>
<steps>
<step tasklist="t" target="n1"/>
<step tasklist="tt" targets="n1 n2"/>
</steps>
</experiment>"""
    )
    said = gplmt("run", "lab.xml")
    assert said.exit_code == 2
    told = [line.partition("error: ")[::2] for line in said.stderr.splitlines()]
    assert [place for place, _ in told] == [f"lab.xml:{line}: " for line in (3, 5, 6, 6)]
    assert any("did you mean 'targets'?" in problem for _, problem in told)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("run",), "the following arguments are required: FILE"),
        (("frob", "x.xml"), "invalid choice: 'frob'"),
        (("run", "x.xml", "y.xml"), "unrecognized arguments: y.xml"),
        (("run", "x.xml", "--parallel"), "unrecognized arguments: --parallel"),
        (("run", "x.xml", "--gra", "5"), "unrecognized arguments: --gra 5"),
        (("check", "x.xml", "--quiet"), "unrecognized arguments: --quiet"),
        (("run", "x.xml", "--grace", "soon"), "--grace: 'soon' is not a number of seconds"),
        (("run", "x.xml", "--grace", "-1"), "--grace: '-1' is not a number of seconds"),
        (("run", "x.xml", "--grace", "nan"), "--grace: 'nan' is not a number of seconds"),
        (("run", "x.xml", "--grace", "inf"), "--grace: 'inf' is not a number of seconds"),
        (("run", "x.xml", "-C"), "-C/--directory: expected one argument"),
        (("run", "x.xml", "-C", ""), "-C/--directory: it is empty"),
        (("run", "x.xml", "-C", "gone"), "gplmt: error: gone is not a directory"),
        (("run", "x.xml", "-C", "x.xml"), "gplmt: error: x.xml is not a directory"),
        (("check", "x.xml", "-C", "gone"), "gplmt: error: gone is not a directory"),
        (("run", "x.xml", "--rng", "gone.rng"), "gone.rng:0: error: cannot read the schema"),
        (("run", "x.xml", "--rng", "x.xml"), "x.xml:0: error: no RELAX NG schema"),
        (("run", ""), "argument FILE: it is empty"),
    ],
)
def test_a_wrong_command_line_is_told_and_nothing_is_made(
    words: tuple[str, ...], complaint: str, gplmt: Gplmt, tmp_path: Path
) -> None:
    (tmp_path / "x.xml").write_text(MARKING)
    said = gplmt(*words)
    assert (said.exit_code, said.stdout) == (2, "")
    assert complaint in said.stderr
    assert "Traceback" not in said.stderr
    assert names_in(tmp_path) == ["x.xml"]


def test_no_fault_is_a_traceback_whatever_the_encoding_of_the_streams(
    program: Program,
) -> None:
    calls = (
        ("check", "n\xe4.xml", "ascii:strict"),
        ("run", "n\xe4.xml", "ascii:strict"),
        ("check", os.fsdecode(b"\xff.xml"), "utf-8:strict"),
    )
    runs = [
        program.call(command, file, program=GPLMT, environment={"PYTHONIOENCODING": encoding})
        for command, file, encoding in calls
    ]
    for run in runs:
        assert (run.wait().exit_code, "Traceback" in run.stderr) == (2, False), run.stderr
        assert ONE_LINE.fullmatch(run.stdout + run.stderr)


def test_a_working_directory_that_was_removed_is_told(program: Program) -> None:
    program.write(MARKING)
    command = 'mkdir gone; cd gone; rmdir ../gone; exec "$0" "$@"'
    run = program.call(
        "run", str(program.scratch / "experiment.xml"), program=("sh", "-c", command, *GPLMT)
    )
    assert run.wait().exit_code == 2
    assert "gplmt: error: the current directory has been removed\n" in run.stderr
