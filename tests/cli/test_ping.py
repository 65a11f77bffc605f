"""`gplmt ping` against real servers: who answers, who does not and why, and the exit code."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import termios
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest

from tests.cli.conftest import Gplmt
from tests.support.program import GPLMT, ROOT, Program, Running, until
from tests.support.ssh.fixtures import StartProxy, StartServer
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import started_through
from tests.targets.bench import WITH_PASSWORD, slice_target
from tests.targets.servers import Plc

NEAR = '<target name="near" type="local"/>'


def library(*targets: str) -> str:
    """A document of targets, with no step that uses them; each on a line of its own."""
    return "<experiment><targets>\n{}\n</targets></experiment>\n".format("\n".join(targets))


def ping(program: Program, text: str, *options: str, **environment: str) -> Running:
    """Ping the targets of a document."""
    return start(program, text, *options, **environment).wait()


def start(program: Program, text: str, *options: str, **environment: str) -> Running:
    """Start to ping the targets of a document; no configuration but the test's own counts."""
    file = program.write(text, "lab.xml")
    configuration = program.scratch / "ssh_config"
    configuration.touch()
    words = ("ping", file.name, "--batch", "--ssh-config", configuration.name, *options)
    return program.call(*words, program=GPLMT, environment=environment)


def names(run: Running) -> list[str]:
    """The targets of the table, in its order."""
    _, *lines = run.stdout.partition("\n\n")[0].splitlines()
    return [line.split()[0] for line in lines]


def summary(run: Running) -> str:
    return run.stdout.rpartition("\n\n")[2]


def entries(run: Running) -> dict[str, dict[str, object]]:
    return {entry["target"]: entry for entry in json.loads(run.stdout)}


@pytest.fixture
def there(asyncssh_server: StartServer) -> Server:
    """A server that answers."""
    return asyncssh_server()


def test_where_all_targets_answer_the_exit_code_is_0(program: Program, server: Server) -> None:
    run = ping(program, library(NEAR, server.target_xml("far")))
    assert (run.exit_code, run.stderr) == (0, "")
    header, near, far, _, told = run.stdout.splitlines()
    assert header.split() == ["target", "round", "trip", "clock", "offset", "system"]
    system = near.partition(" ms  ")[2].partition(" ms  ")[2]
    assert system.endswith(os.uname().machine)
    assert far.endswith(f" ms  {system}")
    assert " ± " in far
    assert told == "2 of 2 answered"
    until(lambda: not started_through(server.port))


def test_each_target_is_told_once_in_the_order_of_the_document_used_or_not(
    program: Program, there: Server
) -> None:
    refs = '<target ref="b"/><target ref="near"/>'
    text = library(
        f'<target name="all" type="group">{there.target_xml("c")}{refs}</target>',
        there.target_xml("a", port="1"),
        there.target_xml("b", user="nobody"),
        f'<target name="again" type="group"><target ref="all"/>{there.target_xml("d")}</target>',
        NEAR,
    )
    steps = '<steps><step tasklist="t" targets="a"/></steps></experiment>'
    tasklists = '<tasklists><tasklist name="t"><run>touch ran</run></tasklist></tasklists>'
    runnable = text.replace("</experiment>", tasklists + steps)
    for document in (text, runnable):
        run = ping(program, document)
        assert run.exit_code == 1
        assert names(run) == ["c", "b", "near", "a", "d"]
        assert summary(run) == "3 of 5 answered; not: b, a\n"
        assert run.stderr == ""
    assert not (program.scratch / "ran").exists()
    assert not (program.scratch / "gplmt-runs").exists()


def test_who_does_not_answer_is_told_why_on_a_line_and_others_are_not_affected(
    program: Program, there: Server, fault_proxy: StartProxy
) -> None:
    hole = fault_proxy(there)
    hole.hole()
    run = ping(
        program,
        library(
            there.target_xml("well"),
            there.target_xml("dead", port="1"),
            hole.server.target_xml("hole", connect_timeout="PT1S"),
            there.target_xml("refused", user="nobody"),
            there.target_xml("nameless", host="no-such-host.invalid"),
        ),
    )
    assert run.exit_code == 1
    well, *failures = run.stdout.partition("\n\n")[0].splitlines()[1:]
    assert well.startswith("well ")
    dead, deaf, refused, nameless = (line.partition("error: ")[2] for line in failures)
    assert dead == "127.0.0.1 port 1 cannot be reached: connection refused"
    assert deaf == f"no answer from 127.0.0.1 port {hole.server.port} within 1 s"
    assert refused.startswith("permission denied for nobody; tried the key ")
    assert nameless.startswith("the host name 'no-such-host.invalid' cannot be resolved: ")


def test_a_host_key_that_is_not_known_is_refused_until_it_is_accepted(
    program: Program, there: Server
) -> None:
    known_hosts = program.scratch / "known_hosts"
    known_hosts.touch()
    text = library(there.target_xml("far", known_hosts_file=str(known_hosts)))
    fingerprint = asyncssh.import_public_key(there.host_key).get_fingerprint()

    run = ping(program, text)
    assert run.exit_code == 1
    assert f"is not known: ssh-ed25519 {fingerprint} is not in {known_hosts}; " in run.stdout
    assert "`gplmt ping --accept-new FILE`" in run.stdout
    assert known_hosts.read_text() == ""

    run = ping(program, text, "--accept-new")
    assert (run.exit_code, run.stderr) == (0, "")
    assert known_hosts.read_text() == f"[{there.host}]:{there.port} {there.host_key}\n"

    run = ping(program, text)
    assert (run.exit_code, run.stderr) == (0, "")


def test_a_host_key_that_has_changed_is_not_accepted_as_a_new_one(
    program: Program, there: Server
) -> None:
    known_hosts = program.scratch / "known_hosts"
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known_hosts.write_text(f"[{there.host}]:{there.port} {other}")
    text = library(there.target_xml("far", known_hosts_file=str(known_hosts)))
    run = ping(program, text, "--accept-new")
    assert run.exit_code == 1
    assert "has changed" in run.stdout
    assert known_hosts.read_text() == f"[{there.host}]:{there.port} {other}"


def test_nothing_goes_to_stderr_for_proxy_commands_that_fail(program: Program) -> None:
    targets = [
        f'<target name="n{number}" type="ssh"><host>n{number}</host>'
        "<connect-timeout>PT0.5S</connect-timeout></target>"
        for number in range(8)
    ]
    (program.scratch / "ssh_config").write_text("ProxyCommand echo no >&2; exit 1\n")
    run = ping(program, library(*targets), "--json")
    assert not any(entry["reachable"] for entry in entries(run).values())
    assert (run.stderr, run.exit_code) == ("", 1)


def test_json_is_one_document_for_programs(program: Program, there: Server) -> None:
    text = library(NEAR, there.target_xml("far"), there.target_xml("dead", port="1"))
    run = ping(program, text, "--json")
    assert (run.exit_code, run.stderr) == (1, "")
    near, far, dead = entries(run).values()
    assert (near["kind"], near["host"], near["round_trip_seconds"]) == ("local", None, 0)
    assert (near["clock_offset_seconds"], near["clock_uncertainty_seconds"]) == (0, 0)
    assert (far["kind"], far["reachable"], far["reason"]) == ("ssh", True, None)
    assert (far["host"], far["port"], far["user"]) == (there.host, there.port, there.user)
    assert far["system"] == near["system"]
    assert far["host_key"] == asyncssh.import_public_key(there.host_key).get_fingerprint()
    assert isinstance(far["round_trip_seconds"], float)
    assert isinstance(far["connect_seconds"], float)
    assert 0 < far["round_trip_seconds"] < far["connect_seconds"]
    assert (dead["reachable"], dead["port"], dead["system"]) == (False, 1, None)
    assert dead["reason"] == "127.0.0.1 port 1 cannot be reached: connection refused"


def test_some_targets_can_be_chosen_by_name_and_pattern(program: Program, there: Server) -> None:
    text = library(
        there.target_xml("dead", port="1"),
        f'<target name="rack1" type="group">{there.target_xml("rack1.a")}'
        f"{there.target_xml('rack1.b')}</target>",
        NEAR,
    )
    assert names(ping(program, text, "--target", "near")) == ["near"]
    assert names(ping(program, text, "--target", "rack1")) == ["rack1.a", "rack1.b"]
    run = ping(program, text, "--target", "near", "--target", "rack?.[!a]")
    assert (run.exit_code, names(run)) == (0, ["rack1.b", "near"])


def test_a_wrong_document_or_command_line_ends_it_before_anything_is_connected_to(
    gplmt: Gplmt, tmp_path: Path, there: Server
) -> None:
    lab = tmp_path / "lab.xml"
    lab.write_text(library(there.target_xml("far"), NEAR))
    for options, message in (
        (("--target", "fra"), "unknown target 'fra' of --target; did you mean 'far'?"),
        (("--target", "x" * 9), "unknown target 'xxxxxxxxx' of --target"),
        (("--target", "fa?r"), "the pattern 'fa?r' of --target matches no target"),
    ):
        said = gplmt("ping", "lab.xml", *options)
        assert (said.exit_code, said.stdout) == (2, "")
        assert said.stderr == f"gplmt: error: {message}\n"
    assert gplmt("ping", "lab.xml", "--nonsense").exit_code == 2
    lab.write_text("<experiment/>")
    assert gplmt("ping", "lab.xml") == (2, "", "lab.xml:1: error: there are no targets to ping\n")
    lab.write_text(library(there.target_xml("far", port="0"), NEAR))
    said = gplmt("ping", "lab.xml")
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.startswith("lab.xml:2: error: ")


def test_what_keeps_an_experiment_from_being_set_up_is_told_with_exit_code_3(
    gplmt: Gplmt, tmp_path: Path, there: Server
) -> None:
    key = tmp_path / "no such key"
    (tmp_path / "lab.xml").write_text(
        library(NEAR, there.target_xml("far", identity_file=str(key)))
    )
    said = gplmt("ping", "lab.xml")
    assert (said.exit_code, said.stdout) == (3, "")
    assert said.stderr.startswith("lab.xml:3: error: ")
    assert str(key) in said.stderr


def test_nodes_of_all_slices_are_asked_for_where_no_step_uses_them(
    program: Program, there: Server
) -> None:
    configuration = program.scratch / "ssh_config"
    configuration.write_text(there.ssh_config("127.0.0.1", HostName=None, User=None))
    slices = {there.user: {1: "127.0.0.1"}, "other": {2: "127.0.0.1"}}
    with Plc(slices) as plc:
        targets = (
            slice_target(plc.url, slice_name=there.user),
            slice_target(plc.url, name="others", slice_name="other"),
        )
        run = ping(program, library(*targets, NEAR), **WITH_PASSWORD)
        assert run.exit_code == 1, run.stderr
        assert names(run) == ["slice.127.0.0.1", "others.127.0.0.1", "near"]
        assert summary(run) == "2 of 3 answered; not: others.127.0.0.1\n"

        plc.calls.clear()
        run = ping(program, library(*targets), "--target", "sl*", **WITH_PASSWORD)
        assert (run.exit_code, names(run)) == (0, ["slice.127.0.0.1"])
        assert [str(wanted) for _, _, wanted, _ in plc.calls] == [f"['{there.user}']", "[1]"]

    run = ping(program, library(*targets, NEAR), **WITH_PASSWORD)
    assert (run.exit_code, run.stdout) == (3, "")
    assert run.stderr.count("cannot be reached") == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_shows_what_is_known(
    number: int, program: Program, there: Server, fault_proxy: StartProxy
) -> None:
    hole = fault_proxy(there)
    hole.hole()
    text = library(NEAR, there.target_xml("dead", port="1"), hole.server.target_xml("hole"))
    run = start(program, text, "--ssh-parallelism=1")  # so the dead one is known before
    until(lambda: hole.connections)
    run.send(number).wait()
    assert run.exit_code == 128 + number
    assert run.stderr == ""
    near, dead, interrupted = run.stdout.splitlines()[1:4]
    assert near.startswith("near ")
    assert interrupted.split() == ["hole", "interrupted"]
    assert "connection refused" in dead
    assert summary(run) == "1 of 3 answered; not: dead; interrupted: hole\n"


def test_json_tells_what_an_interrupt_has_left_open(
    program: Program, there: Server, fault_proxy: StartProxy
) -> None:
    hole = fault_proxy(there)
    hole.hole()
    run = start(program, library(hole.server.target_xml("hole")), "--json")
    until(lambda: hole.connections)
    run.send(signal.SIGINT).wait()
    assert run.exit_code == 130
    assert entries(run)["hole"]["reachable"] is None


def test_a_terminal_gets_lines_that_fit(program: Program, there: Server) -> None:
    dead = [there.target_xml(f"node{number}.rack1.example", port="1") for number in range(9)]
    file = program.write(library(*dead, NEAR))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    run = program.call("ping", file.name, program=GPLMT, stdout=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the other end is closed
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert run.wait().exit_code == 1
    lines = shown.decode().splitlines()
    assert len(lines) > 12
    assert max(map(len, lines)) <= 80
    assert "".join(lines).isprintable()


def test_warnings_go_to_stderr(program: Program, there: Server) -> None:
    run = ping(program, library(there.target_xml("far")), "--host-key-checking", "off")
    assert run.exit_code == 0
    assert run.stderr == f"gplmt: warning: host keys are not checked: of the host {there.host}\n"


def test_help_tells_the_options_and_the_exit_codes(gplmt: Gplmt) -> None:
    said = gplmt("ping", "--help")
    assert (said.exit_code, said.stderr) == (0, "")
    for option in ("--accept-new", "--json", "--target NAME", "--batch", "--ssh-config FILE"):
        assert option in said.stdout
    assert "\nexit codes: 0 all answered, 1 some did not" in said.stdout


def test_the_reference_names_every_option_and_every_field(gplmt: Gplmt, program: Program) -> None:
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text()
    usage = gplmt("ping", "--help").stdout.partition("examples:")[0]
    options = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", usage))
    assert sorted(option for option in options - {"-h"} if f"`{option}" not in page) == []
    entry = entries(ping(program, library(NEAR), "--json"))["near"]
    assert [field for field in entry if f"`{field}`" not in page] == []
