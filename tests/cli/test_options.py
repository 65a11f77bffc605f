"""What the command line offers, and where what it says goes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gplmt import __version__
from gplmt.cli.arguments import parse_gplmt, parse_light
from gplmt.language.values import HostKeyChecking
from gplmt.protocols import SshSettings
from tests.cli.conftest import Gplmt
from tests.support.program import GPLMT, LIGHT, ROOT, Program, document, one

RUN_OPTIONS = (
    *("-C", "--directory DIR", "-I", "--include-dir DIR", "--rng FILE", "--logroot-dir DIR"),
    *("-d, --dry, --dry-run", "--batch", "--grace SECONDS", "-q, --quiet", "-v, --verbose"),
    *("--ssh-config FILE", "--host-key-checking POLICY", "--ssh-parallelism N"),
    *("--ssh-cooldown SECONDS", "--lease SECONDS", "--progress {auto,live,lines,off}"),
    *("--no-report", "--junit FILE", "--notify COMMAND", "--notify-url URL"),
)
TWO_STREAMS = one("<run>echo to out; echo to err >&amp;2; printf 'no end'</run>")


def test_help_and_version_go_to_stdout(program: Program) -> None:
    shown = [program.call("--version", program=GPLMT), program.call("--help", program=LIGHT)]
    assert [(run.wait().exit_code, run.stderr) for run in shown] == [(0, "")] * 2
    assert shown[0].stdout == f"gplmt {__version__}\n"
    assert "\nexamples:\n  gplmt-light.py examples/" in shown[1].stdout


@pytest.mark.parametrize("command", ["run", "check", "plan"])
def test_each_command_explains_itself(command: str, gplmt: Gplmt) -> None:
    said = gplmt(command, "--help")
    assert (said.exit_code, said.stderr) == (0, "")
    assert f"usage: gplmt {command} " in said.stdout
    if command == "run":
        assert [option for option in RUN_OPTIONS if option not in said.stdout] == []
        assert "\nexamples:\n  gplmt run " in said.stdout


def test_output_goes_to_stdout_and_stderr_line_by_line_and_the_summary_comes_last(
    program: Program,
) -> None:
    run = program.run(TWO_STREAMS, "--progress", "off")
    assert run.exit_code == 0
    assert run.stdout == "n1 | to out\nn1 | no end\n"
    first, *summary = run.stderr.splitlines()
    assert first == "n1 | to err"
    assert [line.partition(":")[0] for line in summary] == [
        *("steps", "time", "result", "run directory")
    ]
    assert summary[0] == "steps: 1 ok"
    assert summary[2] == "result: ok (exit code 0)"
    assert summary[3] == f"run directory: {run.run_directory}"


def test_the_summary_shows_for_each_failure_where_what_and_how_the_log_ends(
    program: Program,
) -> None:
    run = program.run(
        one(
            """<run name="compile" expected-status="0">
            for line in 1 2 3 4 5; do echo complaint $line >&amp;2; done; exit 2</run>""",
            targets="n1 n2",
        )
    )
    assert run.exit_code == 1
    summary = run.stderr.splitlines()[-12:]
    line = 3
    for node, told in (("n1", summary[:4]), ("n2", summary[4:8])):
        assert told[0] == (
            f"{run.file}:{line}: error: run 't.compile' on {node} exited with status 2, "
            f"expected 0; see logs/{node}/0001-t.compile.err"
        )
        assert told[1:] == [f"    complaint {number}" for number in (3, 4, 5)]
    assert summary[8] == "steps: 1 failed"
    assert re.fullmatch(r"time: [\d.]+ s", summary[9])
    assert summary[10] == "result: failed (exit code 1)"


def test_quiet_leaves_output_to_the_log_files(program: Program) -> None:
    run = program.run(TWO_STREAMS, "--quiet")
    assert run.stdout == ""
    assert run.stderr.startswith("steps: 1 ok\n")
    logs = run.run_directory / "logs" / "n1"
    assert (logs / "0001-t.run-1.out").read_text() == "to out\nno end"
    assert (logs / "0001-t.run-1.err").read_text() == "to err\n"


@pytest.mark.parametrize("options", [(), ("-v",), ("-qv",), ("--progress", "lines", "-q")])
def test_each_step_is_told_with_its_place_where_there_is_no_terminal(
    program: Program, options: tuple[str, ...]
) -> None:
    run = program.run(one("<run expected-status='1'>false</run>"), *options)
    told = [line.partition(" s] ")[2] for line in run.stderr.splitlines() if line[:1] == "["]
    assert told == [
        f"{run.file}:1: experiment-1 starts on n1",
        f"{run.file}:4: step 'step-1' starts",
        f"{run.file}:4: step 'step-1' is done",
    ]


def test_check_prints_warnings_and_its_verdict_on_stdout(gplmt: Gplmt, tmp_path: Path) -> None:
    (tmp_path / "lab.xml").write_text(
        document(tasklists='<tasklist name="unused"/>', steps="<synchronize/>")
    )
    said = gplmt("check", "lab.xml")
    assert (said.exit_code, said.stderr) == (0, "")
    *warnings, verdict = said.stdout.splitlines()
    assert verdict == "lab.xml: a valid experiment"
    assert [warning.partition("warning: ")[0] for warning in warnings] == [
        "lab.xml:2: ",
        "lab.xml:3: ",
    ]


def test_check_prints_faults_on_stdout_and_takes_libraries(gplmt: Gplmt, tmp_path: Path) -> None:
    (tmp_path / "bad.xml").write_text(one("<run/>").replace('name="n1"', 'name="n 1"'))
    said = gplmt("check", "bad.xml")
    assert (said.exit_code, said.stderr) == (2, "")
    assert said.stdout.startswith("bad.xml:2: error: ")
    (tmp_path / "library.xml").write_text("<experiment/>")
    said = gplmt("check", "library.xml")
    assert (said.exit_code, said.stdout) == (0, "library.xml: a valid library\n")


def test_dry_run_in_each_spelling_is_what_plan_prints_and_starts_nothing(
    gplmt: Gplmt, program: Program
) -> None:
    (program.scratch / "lab.xml").write_text(one("<run>touch started</run>"))
    plan = gplmt("plan", "lab.xml")
    assert (plan.exit_code, plan.stderr) == (0, "")
    assert "touch started" in plan.stdout
    for spelling in ("-d", "--dry", "--dry-run"):
        assert gplmt("run", "lab.xml", spelling) == plan
    assert not (program.scratch / "started").exists()
    assert not (program.scratch / "gplmt-runs").exists()
    light = program.call("lab.xml", "--dry").wait()
    assert (light.exit_code, light.stdout, light.stderr) == plan


def test_a_plan_that_cannot_be_printed_says_so_and_a_reader_may_leave(program: Program) -> None:
    program.write(one("<run>true</run>"))
    for command in ("plan", "check"):
        with open("/dev/full", "wb") as full:  # noqa: PTH123
            run = program.call(command, "experiment.xml", program=GPLMT, stdout=full).wait()
        assert run.exit_code == 1
        assert run.stderr == "gplmt: error: cannot write to stdout: no space left on device\n"
    shell = ("sh", "-c", '("$0" "$@"; echo $? >code) | :')
    run = program.call("plan", "experiment.xml", program=(*shell, *GPLMT)).wait()
    assert ((program.scratch / "code").read_text(), run.stderr) == ("0\n", "")


def test_closed_streams_are_no_fault_of_check_and_plan(program: Program) -> None:
    program.write(one("<run>true</run>"))
    calls = (
        ("plan", "experiment.xml", ">&-", 0, ""),
        ("plan", "experiment.xml", "2>&-", 0, "experiment experiment ("),
        ("check", "experiment.xml", "<&- 2>&-", 0, "experiment.xml: a valid"),
        ("run", "gone.xml", "2>&-", 2, ""),
    )
    for command, file, closed, exit_code, shown in calls:
        shell = ("sh", "-c", f'exec "$0" "$@" {closed}', *GPLMT)
        run = program.call(command, file, program=shell).wait()
        assert (run.exit_code, run.stderr) == (exit_code, "")
        assert run.stdout.startswith(shown)
        assert bool(run.stdout) == bool(shown)


def test_commands_start_in_the_directory_of_option_c_and_paths_of_files_do_not_depend_on_it(
    program: Program,
) -> None:
    """12.4."""
    program.write(
        "<experiment><tasklists><tasklist name='t'><run>pwd</run></tasklist></tasklists>"
        "</experiment>",
        "lib/l.xml",
    )
    program.write(
        "<experiment><include file='l.xml' prefix='l'/><targets><target name='n1' type='local'/>"
        "</targets><steps><step tasklist='l.t' targets='n1'/></steps></experiment>",
        "here/lab.xml",
    )
    elsewhere = program.scratch / "elsewhere"
    elsewhere.mkdir()
    words = ("here/lab.xml", "-I", "lib", "--logroot-dir", "runs-1", "-C", "elsewhere")
    run = program.call(*words).wait()
    assert run.exit_code == 0, run.stderr
    assert run.stdout == f"n1 | {elsewhere}\n"
    assert f"run directory: runs-1/{run.run_directory.name}\n" in run.stderr
    assert list(elsewhere.iterdir()) == []


def test_runs_go_to_gplmt_runs_where_nothing_else_is_said_and_never_into_each_other(
    program: Program,
) -> None:
    program.write(one("<run>echo $GPLMT_RUN_ID</run>"), "lab.xml")
    runs = [program.call("lab.xml") for _ in range(3)]
    ids = [run.wait().lines[0].removeprefix("n1 | ") for run in runs]
    there = {path.name for path in (program.scratch / "gplmt-runs").iterdir()}
    assert there == {*ids, "latest"}
    assert len(there) == 4
    assert all(re.fullmatch(r"lab-\d{8}T\d{6}Z(-\d)?", name) for name in ids)


def test_another_schema_is_used_instead_of_the_shipped_one(gplmt: Gplmt, tmp_path: Path) -> None:
    schema = (ROOT / "schema" / "gplmt.rng").read_text()
    (tmp_path / "strict.rng").write_text(schema.replace('name="description"', 'name="about"'))
    (tmp_path / "lab.xml").write_text("<experiment><description>x</description></experiment>")
    assert gplmt("check", "lab.xml").exit_code == 0
    refused = gplmt("check", "lab.xml", "--rng", "strict.rng")
    assert refused.exit_code == 2
    assert refused.stdout.startswith("lab.xml:1: error: ")


def test_light_script_is_run_and_takes_its_options_on_either_side(program: Program) -> None:
    file = str(program.write(TWO_STREAMS))
    options = ("--logroot-dir", "runs", "--batch", "--grace", "0.5", "--progress", "off")
    runs = [
        program.call(file, *options, program=LIGHT),
        program.call("run", *options, file, program=GPLMT),
    ]
    seen = {(run.wait().exit_code, run.stdout, run.stderr.splitlines()[0]) for run in runs}
    assert seen == {(0, "n1 | to out\nn1 | no end\n", "n1 | to err")}


def test_what_is_said_of_ssh_targets_is_taken_by_both_programs() -> None:
    words = (
        *("lab.xml", "--batch", "--ssh-config", "lab/ssh_config", "--host-key-checking", "off"),
        *("--ssh-parallelism", "8", "--ssh-cooldown", "0.25", "--lease", "600"),
    )
    said = SshSettings(
        config_file=Path("lab/ssh_config"),
        host_key_checking=HostKeyChecking.OFF,
        parallelism=8,
        cooldown_seconds=0.25,
        lease_seconds=600.0,
        is_batch=True,
    )
    assert parse_light(words).ssh == said
    assert parse_gplmt(("run", *words)).ssh == said
    assert parse_light(("lab.xml",)).ssh == SshSettings()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--lease 2.9", "--lease: '2.9' is too short; give at least 3 seconds"),
        ("--lease inf", "--lease: 'inf' is not a number of seconds"),
        ("--ssh-cooldown -1", "--ssh-cooldown: '-1' is not a number of seconds"),
        ("--ssh-parallelism 0", "--ssh-parallelism: '0' is not a whole number from 1 to 10000"),
        ("--ssh-parallelism 1.5", "--ssh-parallelism: '1.5' is not a whole number"),
        ("--host-key-checking ask", "--host-key-checking: invalid choice: 'ask'"),
    ],
)
def test_impossible_values_for_ssh_targets_are_refused(
    words: str, complaint: str, gplmt: Gplmt
) -> None:
    said = gplmt("run", "lab.xml", *words.split())
    assert (said.exit_code, said.stdout) == (2, "")
    assert complaint in said.stderr


def test_an_ssh_configuration_that_is_named_must_be_there(gplmt: Gplmt, tmp_path: Path) -> None:
    target = '<target name="far" type="ssh"><host>far.example</host></target>'
    (tmp_path / "lab.xml").write_text(
        one("<run>true</run>", targets="far").replace('<target name="far" type="local"/>', target)
    )
    said = gplmt("run", "lab.xml", "--ssh-config", "gone")
    assert (said.exit_code, said.stdout) == (3, "")
    assert said.stderr == "gone:0: error: there is no such SSH configuration file\n"
    assert [path.name for path in tmp_path.iterdir()] == ["lab.xml"]


def test_a_report_is_written_at_the_end_unless_that_is_not_wanted_or_would_take_long(
    program: Program,
) -> None:
    run = program.run(one("<run>true</run>"))
    assert (run.run_directory / "report.html").exists()
    run = program.run(one("<run>true</run>"), "--no-report")
    assert not (run.run_directory / "report.html").exists()
    swollen = '<run>head -c 68000000 /dev/zero >> "$GPLMT_RUN_DIR/events.jsonl"</run>'
    run = program.run(one(swollen))
    assert not (run.run_directory / "report.html").exists()
    assert run.exit_code == 0
    assert run.stderr.endswith(
        f"no report yet, as the record has 64 MB; 'gplmt report {run.run_directory}' writes it\n"
    )
