"""Experiments on nodes, run as a user runs them, on real OpenSSH servers."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.examples.pages import Block, blocks_of
from tests.support.program import GPLMT, Program, Running, until
from tests.support.ssh.accounts import PASSWORD
from tests.support.ssh.fixtures import StartServer
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.nodes import LoginShell
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import started_through

pytestmark = pytest.mark.openssh
ON_OPENSSH = pytest.mark.parametrize("server", of_kinds("openssh"), indirect=True)

DEAD = '<target name="dead" type="ssh"><host>127.0.0.1</host><port>1</port></target>'
NEAR = '<target name="near" type="local"/>'
MANY = 200
ORIGINAL = """<?xml version="1.0" encoding="utf-8"?>
<experiment>
  <targets>
    <target name="alpha" type="ssh"><host>alpha</host></target>
    <target name="both" type="group">
      <target ref="alpha"/>
      <target name="beta" type="ssh">
        <host>beta</host>
        <export-env var="WHO" value="it's beta"/>
      </target>
    </target>
  </targets>
  <tasklists>
    <tasklist name="prepare" cleanup="tidy" on-error="stop-experiment">
      <seq>
        <put><source>data.txt</source><destination>data.txt</destination></put>
        <par>
          <run expected-status="0">cp data.txt one.txt</run>
          <run expected-status="3">cp data.txt two.txt; exit 3</run>
        </par>
        <call tasklist="look"/>
        <get><source>one.txt</source><destination>got.txt</destination></get>
      </seq>
    </tasklist>
    <tasklist name="look"><run>cat one.txt two.txt</run></tasklist>
    <tasklist name="tidy"><run>rm data.txt one.txt two.txt; echo tidied up</run></tasklist>
    <tasklist name="greet"><seq><run>echo "I am ${WHO:-nobody}"</run></seq></tasklist>
    <tasklist name="end"><run>echo the end</run></tasklist>
  </tasklists>
  <steps>
    <register-teardown tasklist="end" targets="beta"/>
    <step tasklist="prepare" targets="alpha"/>
    <synchronize/>
    <loop repeat="2"><step tasklist="greet" targets="both" stop_relative="PT1H"/></loop>
  </steps>
</experiment>
"""


def experiment(targets: str, tasks: str, *, used: str, attributes: str = "") -> str:
    """A step with these tasks on those of the targets that are used."""
    return (
        f"<experiment>\n<targets>{targets}</targets>\n"
        f'<tasklists><tasklist name="t">{tasks}</tasklist></tasklists>\n'
        f'<steps><step tasklist="t" targets="{used}" {attributes}/></steps>\n</experiment>\n'
    )


def on_node(server: Server, tasks: str, *, inner: str = "", **options: str | None) -> str:
    """A step with these tasks on a node `far`; its `inner` and `options` as for `target_xml`."""
    return experiment(server.target_xml("far", inner=inner, **options), tasks, used="far")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home: nothing but the experiment says how to log in."""
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.mark.parametrize("is_named", [False, True], ids=["~/.ssh/config", "--ssh-config"])
@ON_OPENSSH
def test_a_file_for_the_original_runs_unmodified_where_the_configuration_knows_the_hosts(
    server: Server, program: Program, home: Path, is_named: bool
) -> None:
    """4.2: the targets of the file are host names and nothing else."""
    configuration = home / ("lab_hosts" if is_named else ".ssh/config")
    configuration.parent.mkdir(exist_ok=True)
    configuration.write_text(server.ssh_config("alpha") + server.ssh_config("beta"))
    (program.scratch / "data.txt").write_text("data\n")
    options = ("--ssh-config", str(configuration)) if is_named else ()
    run = program.run(ORIGINAL, *options, environment={"HOME": str(home)})
    assert run.exit_code == 0, run.stderr
    assert run.lines[:3] == ["alpha | data", "alpha | data", "alpha | tidied up"]
    greetings = ["alpha | I am nobody", "beta | I am it's beta"]
    assert sorted(run.lines[3:-1]) == sorted([*greetings, *greetings])
    assert run.lines[-1] == "beta | the end"
    assert (run.work / "got.txt").read_text() == "data\n"
    assert list(server.home.iterdir()) == []
    assert "warning: " not in run.stderr


class TestReadme:
    """The section on other machines, followed by somebody who has no key yet."""

    def blocks(self) -> list[Block]:
        """The set-up, the document, the ping, the run, and a failure."""
        blocks = blocks_of("README.md")
        start = next(rank for rank, block in enumerate(blocks) if block.mark == ("ssh", "set-up"))
        return blocks[start : start + 5]

    def test_who_follows_it_sees_what_it_shows(
        self, openssh_server: StartServer, program: Program
    ) -> None:
        server = openssh_server(settings={"AuthorizedKeysFile": ".ssh/authorized_keys"})
        environment = {"HOME": str(server.home), "SSH_AUTH_SOCK": ""}
        setup, document, ping, run, failure = self.blocks()
        words = ("bash", "-eu", "-c", setup.text)
        subprocess.run(words, env={**os.environ, **environment}, check=True)  # noqa: S603
        (server.home / ".ssh" / "config").write_text(f"Host localhost\n    Port {server.port}\n")
        program.write(document.text, document.mark[1])

        refused = program.call("run", "remote.xml", program=GPLMT, environment=environment).wait()
        assert (refused.exit_code, "is not known: " in refused.stderr) == (1, True)
        called, *table, _, count = ping.text.splitlines()
        pinged = program.call(*words_of(called), program=GPLMT, environment=environment).wait()
        assert pinged.lines[-1] == count
        assert [line.split()[0] for line in pinged.lines[:-2]] == [
            line.split()[0] for line in table
        ]
        called, *shown = run.text.splitlines()
        ran = program.call(*words_of(called), program=GPLMT, environment=environment).wait()
        printed = [*ran.lines, *ran.stderr.splitlines()]
        varying = ("time: ", "run directory: ")
        assert [
            line for line in shown if line not in printed and not line.startswith(varying)
        ] == []
        assert ran.exit_code == 0
        latest = program.scratch / "gplmt-runs" / "latest"
        assert (latest / "results" / "node1" / "numbers").read_text().endswith("\n1000\n")
        assert (latest / "logs" / "node1" / "0001-measure.count.out").read_text() == "1000\n"
        assert [path.name for path in server.home.iterdir()] == [".ssh"]

        (server.home / ".ssh" / "config").write_text("Host localhost\n    Port 1\n")
        failed = program.call("run", "remote.xml", program=GPLMT, environment=environment).wait()
        assert failed.exit_code == 1
        assert failure.text.replace("port 22", "port 1") in failed.stderr


def words_of(called: str) -> list[str]:
    """The words behind `gplmt` of a line in which somebody calls it."""
    return shlex.split(called.removeprefix("$ gplmt "))


@ON_OPENSSH
def test_a_dead_node_fails_with_the_reason_and_the_output_of_the_others_is_there(
    server: Server, program: Program, home: Path
) -> None:
    """7.7, in a group of ssh and local targets."""
    group = f'<target name="all" type="group">{server.target_xml("far")}{DEAD}{NEAR}</target>'
    tasks = '<run name="say">echo "$GPLMT_TARGET $GPLMT_TARGET_INDEX"</run>'
    text = experiment(group, tasks, used="all")
    run = program.run(text, "--progress", "off", environment={"HOME": str(home)})
    assert run.exit_code == 1
    assert sorted(run.lines) == ["far | far 0", "near | near 2"]
    reason = "127.0.0.1 port 1 cannot be reached: connection refused"
    first, *summary = run.stderr.splitlines()
    assert first.startswith(f"{run.file}:3: error: run 't.say' on dead failed: {reason}; see logs/")
    assert summary[0] == "steps: 1 failed"


@ON_OPENSSH
def test_a_dead_node_within_the_quorum_is_told_and_changes_nothing(
    server: Server, program: Program, home: Path
) -> None:
    """7.6."""
    targets = server.target_xml("far") + DEAD
    tasks = '<run expected-status="0">echo here</run>'
    text = experiment(targets, tasks, used="far dead", attributes='min-success="50%"')
    run = program.run(text, environment={"HOME": str(home)})
    assert (run.exit_code, run.lines) == (0, ["far | here"])
    assert f"{run.file}:3: warning: tolerated: run 't.run-1' on dead failed: " in run.stderr


@ON_OPENSSH
def test_an_unknown_host_key_is_refused_until_the_command_that_is_told_has_been_given(
    server: Server, program: Program, home: Path
) -> None:
    """4.2."""
    (home / ".ssh").mkdir()
    text = on_node(server, "<run>echo in</run>", known_hosts_file=None)
    environment = {"HOME": str(home)}
    refused = program.run(text, "--progress", "off", environment=environment)
    assert (refused.exit_code, refused.stdout) == (1, "")
    place, told = f"[{server.host}]:{server.port}", refused.stderr.splitlines()[0]
    assert f"failed: the host key of {place} is not known: ssh-ed25519 SHA256:" in told
    (command,) = re.findall(r"or accept it with `gplmt ([^`]*)`", told)
    words = [refused.file if word == "FILE" else word for word in shlex.split(command)]
    assert program.call(*words, program=GPLMT, environment=environment).wait().exit_code == 0
    accepted = program.run(text, environment=environment)
    assert (accepted.exit_code, accepted.lines) == (0, ["far | in"]), accepted.stderr

    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJb0VVhGYB9Zs2uPl0LqBYcNQdJXUD8cNxC8mXq9AfQ1"
    (home / ".ssh" / "known_hosts").write_text(f"{place} {other}\n")
    changed = program.run(text, "--progress", "off", environment=environment)
    assert changed.exit_code == 1
    (command,) = re.findall(r"remove the old key with `([^`]*)`", changed.stderr)
    subprocess.run(shlex.split(command), check=True, capture_output=True)  # noqa: S603
    again = program.run(text, "--host-key-checking", "accept-new", environment=environment)
    assert (again.exit_code, again.lines) == (0, ["far | in"]), again.stderr


@ON_OPENSSH
def test_several_targets_on_one_new_host_accept_its_key_and_record_it_once(
    server: Server, program: Program, home: Path
) -> None:
    """4.2: they see the key at the same time."""
    known_hosts = home / "known_hosts"
    targets = "".join(
        server.target_xml(f"node{number}", known_hosts_file=str(known_hosts)) for number in range(6)
    )
    text = experiment(targets, "<run>true</run>", used="node*")
    options = ("--host-key-checking", "accept-new")
    run = program.run(text, *options, environment={"HOME": str(home)})
    assert run.exit_code == 0, run.stderr
    assert known_hosts.read_text().count(server.host_key) == 1


@ON_OPENSSH
def test_put_and_get_copy_to_the_node_and_back(
    server: Server, program: Program, home: Path
) -> None:
    """6.3; what keep="false" has made is removed, what the put found there is not."""
    (program.scratch / "tree" / "sub").mkdir(parents=True)
    (program.scratch / "tree" / "sub" / "odd name\n").write_bytes(bytes(range(256)))
    (program.scratch / "tree" / "tool").write_text("#!/bin/sh\necho tool\n")
    (program.scratch / "tree" / "tool").chmod(0o750)
    (server.home / "lab").mkdir()
    tasks = """
      <put source="tree" destination="~/lab/" keep="false"/>
      <run expected-status="0" directory="lab/tree">./tool; echo more >results.txt</run>
      <get source="lab/tree/*.txt" destination="$GPLMT_RUN_DIR/$GPLMT_TARGET/"/>
      <get source="lab/tree" destination="back"/>
      <run>rm lab/tree/results.txt</run>"""
    run = program.run(on_node(server, tasks), environment={"HOME": str(home)})
    assert (run.exit_code, run.lines) == (0, ["far | tool"]), run.stderr
    assert (run.run_directory / "far" / "results.txt").read_text() == "more\n"
    back = run.work / "back"
    assert (back / "sub" / "odd name\n").read_bytes() == bytes(range(256))
    assert (back / "tool").stat().st_mode & 0o777 == 0o750
    assert [path.name for path in server.home.iterdir()] == ["lab"]
    assert list((server.home / "lab").iterdir()) == []


@ON_OPENSSH
def test_a_copy_that_cannot_be_made_says_which_path_and_why(
    server: Server, program: Program, home: Path
) -> None:
    run = program.run(
        on_node(server, '<get source="gone.txt" destination="here.txt"/>'),
        environment={"HOME": str(home)},
    )
    assert run.exit_code == 1
    assert "get 't.get-1' on far failed: " in run.stderr
    assert "gone.txt" in run.stderr
    assert list(run.work.iterdir()) == []


@ON_OPENSSH
def test_a_step_waits_for_a_port_of_the_node(server: Server, program: Program, home: Path) -> None:
    """6.8: the port is the server's own, which is open, and one that nobody listens on."""
    tasks = f"""<wait-for port="{server.port}"/><run>echo open</run>
      <wait-for port="1" timeout="PT0.5S"/>"""
    run = program.run(on_node(server, tasks), environment={"HOME": str(home)})
    assert (run.exit_code, run.lines) == (1, ["far | open"])
    assert "wait-for 't.wait-for-3' on far failed: " in run.stderr


@ON_OPENSSH
def test_values_of_variables_are_in_no_process_list_and_secrets_in_no_file(
    server: Server, program: Program, home: Path
) -> None:
    """5.4."""
    value = "value-of-a-secret-variable"
    inner = f'<export-env var="LAB_TOKEN" value="{value}"/>'
    tasks = """<run>printf %s "$LAB_TOKEN" | wc -c; touch started
      until [ -e go ]; do sleep 0.1; done</run>"""
    text = on_node(server, tasks, inner=inner)
    run = program.start(text, environment={"HOME": str(home)})
    until((server.home / "started").exists)
    listed = list(command_lines())
    (server.home / "go").touch()
    assert (run.wait().exit_code, run.lines) == (0, [f"far | {len(value)}"])
    assert [words for words in listed if b"until [ -e go ]" in words]
    assert [words for words in listed if value.encode() in words] == []
    assert_kept_out(run, value)


def test_a_password_comes_from_a_variable_and_goes_nowhere(
    openssh_server: StartServer, program: Program, home: Path
) -> None:
    """4.2."""
    server = openssh_server(
        settings={"PasswordAuthentication": "yes", "PubkeyAuthentication": "no"},
        shell=LoginShell.DASH,
    )
    login = "<password-env>LAB_PASSWORD</password-env>"
    text = on_node(server, "<run>env</run>", identity_file=None, inner=login)
    environment = {"HOME": str(home), "SSH_AUTH_SOCK": "", "LAB_PASSWORD": PASSWORD}
    run = program.run(text, "--batch", environment=environment)
    assert run.exit_code == 0, run.stderr
    assert f"far | HOME={server.home}" in run.lines
    assert_kept_out(run, PASSWORD)
    wrong = program.run(text, "--batch", environment={**environment, "LAB_PASSWORD": "wrong"})
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert f"failed: permission denied for {server.user}; tried the password" in wrong.stderr


def command_lines() -> Iterator[bytes]:
    """The process list, which everybody on the node can see."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            yield file.read_bytes()


def assert_kept_out(run: Running, secret: str) -> None:
    """Whether a secret is in nothing that a run has left or shown."""
    files = [path for path in run.run_directory.rglob("*") if path.is_file()]
    assert [path.name for path in files if secret.encode() in path.read_bytes()] == []
    assert secret not in run.stdout + run.stderr


def test_many_targets_on_one_server_all_answer_with_its_usual_limits(
    openssh_server: StartServer, program: Program, home: Path
) -> None:
    """One sshd, on as many addresses as it can have, with the MaxStartups that is its default."""
    addresses = [f"127.0.0.{number}" for number in range(1, 17)]
    server = openssh_server(addresses=addresses, settings={"MaxStartups": "10:30:100"})
    hosts = [addresses[number % len(addresses)] for number in range(MANY)]
    targets = "".join(
        server.target_xml(f"node{number}", host=host) for number, host in enumerate(hosts)
    )
    run = program.start(
        experiment(targets, '<run expected-status="0">true</run>', used="node*"),
        environment={"HOME": str(home)},
    )
    assert run.wait(120).exit_code == 0, run.stderr
    outcomes = [event["outcome"] for event in run.of_kind("RunFinished")]
    assert outcomes == ["ok"] * MANY
    assert "result: ok (exit code 0)\n" in run.stderr
    until(lambda: started_through(server.port) == set())


@ON_OPENSSH
def test_a_node_that_sends_links_writes_nowhere_but_where_gets_say(
    program: Program, server: Server
) -> None:
    mine = program.scratch / "mine"
    mine.write_text("mine")
    text = f"""<experiment>
  <targets>{server.target_xml("node")}{NEAR}</targets>
  <tasklists>
    <tasklist name="bait" on-error="stop-experiment">
      <run expected-status="0">
        rm -rf t u; mkdir t u; for link in t/a t/b u/c; do ln -s {mine} $link; done
      </run>
      <get source="t" destination="out/"/>
      <get source="u" destination="out/t/u"/>
      <run expected-status="0">rm t/a u/c; echo evil | tee t/a > u/c</run>
      <get source="t" destination="out/"/>
      <get source="u" destination="out/t/u"/>
    </tasklist>
    <tasklist name="near"><get source="out/t/a" destination="out/t/b"/></tasklist>
  </tasklists>
  <steps>
    <loop repeat="2">
      <step tasklist="bait" targets="node"/><synchronize/><step tasklist="near" targets="near"/>
    </loop>
  </steps>
</experiment>
"""
    run = program.run(text, "--ssh-config", "/dev/null")
    assert (run.exit_code, mine.read_text()) == (0, "mine")
    for name in ("t/a", "t/b", "t/u/c"):
        assert (run.work / "out" / name).read_text() == "evil\n"
