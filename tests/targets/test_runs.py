"""Slices in runs of the real program: when APIs are asked, and what comes of it (4.4, 11.3)."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from tests.support.program import GPLMT, LIGHT, Program, until
from tests.targets.bench import STEP, WITH_PASSWORD, document, slice_target
from tests.targets.servers import PASSWORD, USER, Plc, Rough, keeping_silent

SLICES = {"s": {1: "a.example", 2: "b.example"}}
SCRIPT = (  # which leaves it to Python what Ctrl-C does
    sys.executable,
    "-c",
    "import sys; from gplmt.cli.commands import call_light; sys.exit(call_light(sys.argv[1:]))",
)
NEAR = '<target name="near" type="local"/>'
NEAR_STEP = '<step tasklist="t" targets="near"/>'


def test_check_plan_and_dry_run_ask_no_api_and_show_the_slice_as_it_is(program: Program) -> None:
    with Plc(SLICES) as plc:
        program.write(document(slice_target(plc.url)), "lab.xml")
        for words in (("check", "lab.xml"), ("plan", "lab.xml"), ("run", "lab.xml", "--dry-run")):
            run = program.call(*words, program=GPLMT, environment=WITH_PASSWORD).wait()
            assert run.exit_code == 0, run.stderr
            shown = f"slice: nodes of slice s, asked of {plc.url}\n"
            assert (shown in run.stdout) == ("check" not in words)
    assert plc.calls == []


def test_without_password_and_terminal_nothing_runs_and_what_to_set_is_told(
    program: Program,
) -> None:
    with Plc(SLICES) as plc:
        targets = slice_target(plc.url) + NEAR
        text = document(targets, STEP + NEAR_STEP)
        run = program.run(text, environment={"GPLMT_PLANETLAB_PASSWORD": ""})
    assert (run.exit_code, run.stdout) == (3, "")
    assert run.stderr == (
        f"{run.file}:2: error: target 'slice': no password for user '{USER}' of the API {plc.url} "
        "is given; set GPLMT_PLANETLAB_PASSWORD\n"
    )
    assert not run.has_run_directory
    assert plc.calls == []


def test_faults_of_all_apis_and_of_what_they_tell_are_setup_errors(program: Program) -> None:
    with Plc(SLICES) as plc:
        targets = "\n".join(
            (
                slice_target(plc.url),
                slice_target(plc.url, name="wrong", more="<password>guessed</password>"),
                slice_target("http://127.0.0.1:1/", name="gone"),
            )
        )
        steps = '<step tasklist="t" targets="wrong gone"/>\n'
        steps += '<step tasklist="t" targets="slice" min-success="3"/>'
        run = program.run(document(targets, steps), environment=WITH_PASSWORD)
    assert (run.exit_code, run.stdout) == (3, "")
    assert [line.split(": ")[:3] for line in run.stderr.splitlines()] == [
        [f"{run.file}:3", "error", "target 'wrong'"],
        [f"{run.file}:4", "error", "target 'gone'"],
        [f"{run.file}:7", "error", "min-success is 3, but the step has 2 targets"],
    ]
    assert PASSWORD not in run.stderr
    assert not run.has_run_directory


def test_slices_of_nothing_that_is_enabled_are_not_asked_for(program: Program) -> None:
    steps = (
        f'<step tasklist="t" targets="slice" enabled="false"/>{NEAR_STEP}'
        '<loop repeat="2" enabled="false"><step tasklist="t" targets="slice"/>'
        '<register-teardown tasklist="t" targets="slice"/></loop>'
    )
    with Plc(SLICES) as plc:
        targets = slice_target(plc.url) + slice_target(plc.url, name="unused") + NEAR
        run = program.run(document(targets, steps), environment=WITH_PASSWORD)
    assert run.exit_code == 0, run.stderr
    assert plc.calls == []


def test_slices_of_teardowns_and_loops_are_asked_for(program: Program) -> None:
    steps = (
        '<register-teardown tasklist="t" targets="down"/>'
        '<loop repeat="0"><step tasklist="t" targets="in*"/></loop>'
    )
    with Plc({}) as plc:
        targets = slice_target(plc.url, name="down", slice_name="d")
        targets += slice_target(plc.url, name="inside", slice_name="i")
        run = program.run(document(targets, steps), environment=WITH_PASSWORD)
    assert run.exit_code == 3
    assert sorted(str(names) for _, _, names, _ in plc.calls) == ["['d']", "['i']"]


@pytest.mark.parametrize("caller", [LIGHT, SCRIPT], ids=["program", "script"])
def test_ctrl_c_ends_the_asking_at_once(program: Program, caller: tuple[str, ...]) -> None:
    with Rough(keeping_silent) as server:
        other = slice_target(server.url, name="other", slice_name="o")
        text = document(slice_target(server.url) + other, STEP + STEP.replace("slice", "other"))
        run = program.start(text, program=caller, environment=WITH_PASSWORD)
        until(lambda: server.connections == 2)
        started = time.monotonic()
        run.send(signal.SIGINT).wait()
    assert time.monotonic() - started < 2
    assert run.exit_code == 128 + signal.SIGINT
    assert "Traceback" not in run.stderr
    assert not run.has_run_directory
