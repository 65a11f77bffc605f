"""Every kind of server is a real node: shells, files, sessions that can be cut and ended."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
from pathlib import Path

import asyncssh
import pytest

from gplmt.inventory import SshAddress
from gplmt.loading import load
from tests.support.clock import START
from tests.support.processes import is_alive, marked_by, until
from tests.support.ssh.client import connected
from tests.support.ssh.fixtures import StartServer
from tests.support.ssh.keys import UserKey
from tests.support.ssh.kinds import CONTRACT, KINDS, ODD_SHELLS, of_kinds
from tests.support.ssh.leftovers import Markers
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import descendants, started_through

ALL_KINDS = (*CONTRACT, *ODD_SHELLS)
_SLEEP = "sleep 1000 >/dev/null 2>&1 </dev/null"
every_kind = pytest.mark.parametrize("server", of_kinds(*ALL_KINDS), indirect=True)


@pytest.fixture
def mark() -> str:
    """An assignment that no other test's commands have."""
    return f"SLEEPER=T{secrets.token_hex(8)}"


async def run(server: Server, command: str) -> str:
    async with connected(server) as connection:
        result = await connection.run(command, check=True)
    assert isinstance(result.stdout, str)
    return result.stdout


@every_kind
async def test_a_command_runs_as_the_user_in_the_home(server: Server) -> None:
    assert await run(server, "id -un; pwd") == f"{server.user}\n{server.home}\n"
    assert await run(server, "/bin/sh -c 'echo $HOME'") == f"{server.home}\n"


@every_kind
async def test_commands_run_without_the_variables_of_the_tests(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_TESTS", "1")
    assert "OF_THE_TESTS" not in await run(server, "env")


@pytest.mark.parametrize(
    ("server", "name"),
    [
        pytest.param(kind, name, marks=pytest.mark.openssh)
        for kind, name in (
            ("openssh-dash", "dash"),
            ("openssh-bash", "bash"),
            ("openssh-busybox", "ash"),
            ("openssh-fish", "fish"),
            ("openssh-tcsh", "tcsh"),
        )
    ],
    indirect=["server"],
)
async def test_the_login_shell_of_an_ordinary_user_is_as_named(server: Server, name: str) -> None:
    shell = await run(server, "echo $SHELL")
    assert Path(shell.strip()).name == name
    uid = int(await run(server, "id -u"))
    assert uid != 0
    assert server.home.stat().st_uid == uid


@pytest.mark.parametrize(
    ("server", "program"),
    [
        pytest.param(f"openssh-{name}", name, marks=pytest.mark.openssh)
        for name in ("dash", "bash", "busybox")
    ],
    indirect=["server"],
)
async def test_a_bourne_login_shell_is_bin_sh_as_well(server: Server, program: str) -> None:
    """Its file is that which /bin/sh leads to there."""
    inode = await run(server, "/bin/sh -c 'stat -L -c %i /proc/$$/exe; :'")
    assert int(inode) == os.stat(shutil.which(program) or "").st_ino  # noqa: PTH116


@pytest.mark.openssh
@pytest.mark.parametrize("server", ["openssh-busybox"], indirect=True)
async def test_a_busybox_node_has_the_programs_of_busybox(server: Server) -> None:
    assert "BusyBox" in await run(server, "tar --help 2>&1")


@every_kind
async def test_the_status_of_a_command_is_exact(server: Server) -> None:
    async with connected(server) as connection:
        ended = await connection.run("/bin/sh -c 'exit 37'")
        killed = await connection.run("exec /bin/sh -c 'kill -9 $$'")
    assert ended.exit_status == 37
    assert killed.exit_signal is not None
    assert killed.exit_signal[0] == "KILL"


async def test_the_status_is_told_while_others_still_hold_the_output(server: Server) -> None:
    """And the channel stays open for what they write, though not with Dropbear."""
    async with connected(server) as connection:
        process = await connection.create_process("/bin/sh -c 'sleep 1000 & exit 3'")
        await until(lambda: process.exit_status is not None)
        assert process.exit_status == 3
        assert process.channel.is_closing() is (server.kind == "dropbear")


@every_kind
async def test_files_are_reached_from_the_home_and_from_the_root(server: Server) -> None:
    async with connected(server) as connection, connection.start_sftp_client() as files:
        assert await files.realpath(".") == str(server.home)
        async with files.open("made", "w") as file:
            await file.write("content")
        assert (server.home / "made").read_text() == "content"
        assert await files.exists(str(server.home / "made"))


@every_kind
async def test_killing_sessions_cuts_connections_and_lets_commands_live(
    server: Server, mark: str
) -> None:
    """As after the loss of a node: the stdin of a command ends, and nothing else happens."""
    script = f"{mark} {_SLEEP} & read line; touch was-cut"
    async with connected(server) as connection:
        await connection.create_process(f"/bin/sh -c '{script}'")
        await until(lambda: marked_by(mark) != {})
        server.kill_sessions()
        await asyncio.wait_for(connection.wait_closed(), 10)
    await until((server.home / "was-cut").exists)
    assert marked_by(mark)
    assert await run(server, "echo again") == "again\n"


@every_kind
async def test_ending_commands_leaves_none_daemons_included(server: Server, mark: str) -> None:
    script = f"{mark} {_SLEEP} & {mark} setsid {_SLEEP} & exec sleep 1000"
    async with connected(server) as connection:
        await connection.create_process(f"exec /bin/sh -c '{script}'")
        await until(lambda: len(marked_by(mark)) == 2)
        await until(lambda: len(started_through(server.port)) == 3)
        server.kill_sessions()
        server.end_commands()
        assert marked_by(mark) == {}
        assert started_through(server.port) == set()
    assert await run(server, "echo again") == "again\n"


@pytest.mark.parametrize("kind", of_kinds(*ALL_KINDS))
async def test_nothing_is_left_of_a_server(kind: str, user_key: UserKey) -> None:
    """Nor of its sessions, one whose client has not logged in among them."""
    with KINDS[kind](user_key) as server:
        _, stranger = await asyncio.open_connection(server.host, server.port)
        async with connected(server) as connection:
            await connection.create_process("exec sleep 1000")
            await until(lambda: started_through(server.port) != set())
            own = descendants(server.pid) if server.pid is not None else ()
            pids = {*own, *started_through(server.port)}
    stranger.close()
    assert [pid for pid in pids if is_alive(pid)] == []
    assert server.pid is None or not is_alive(server.pid)
    assert not server.home.parent.exists()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncssh.connect(server.host, server.port, config=None)


@pytest.mark.parametrize("kind", of_kinds("openssh", "openssh-dash", "dropbear"))
def test_the_machine_has_no_new_account(kind: str, user_key: UserKey) -> None:
    before = [Path(file).read_bytes() for file in ("/etc/passwd", "/etc/group", "/etc/shells")]
    with KINDS[kind](user_key) as server:
        assert str(server.home) not in Path("/etc/passwd").read_text()
        after = [Path(file).read_bytes() for file in ("/etc/passwd", "/etc/group", "/etc/shells")]
    assert after == before


async def test_a_server_of_many_tests_has_an_empty_home_in_each(server: Server) -> None:
    """Runs twice, see below."""
    assert [entry.name for entry in server.home.iterdir() if entry.name != ".ssh"] == []
    await run(server, "mkdir -p tree/inside; touch tree/inside/file; ln -s /nowhere link")


test_a_server_of_many_tests_has_an_empty_home_in_the_next = (
    test_a_server_of_many_tests_has_an_empty_home_in_each
)


def test_the_target_of_a_server_leads_to_it(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "experiment.xml"
    target = server.target_xml("n1", user="lab", connect_timeout="PT5S", known_hosts_file="/a&b")
    path.write_text(f"<experiment><targets>{target}</targets></experiment>")
    loaded = load(str(path), host_environment={}, working_directory=tmp_path, now=START)
    (member,) = loaded.inventory.members(["n1"])
    address = member.node.address
    assert isinstance(address, SshAddress)
    assert address.host == server.host
    assert address.options.port == server.port
    assert address.options.user == "lab"
    assert address.options.identity_file == str(server.identity_file)
    assert address.options.known_hosts_file == "/a&b"
    assert address.options.connect_timeout is not None


@pytest.mark.openssh
def test_the_openssh_client_finds_a_server_by_its_alias(server: Server, tmp_path: Path) -> None:
    client = shutil.which("ssh")
    if client is None:
        pytest.skip("OPENSSH CLIENT NOT TESTED: there is no ssh here (Debian: openssh-client)")
    configuration = tmp_path / "config"
    configuration.write_text(server.ssh_config("some-node", LogLevel="ERROR"))
    words = [client, "-F", str(configuration), "-o", "BatchMode=yes", "some-node", "echo here"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    assert (ended.stdout, ended.stderr) == ("here\n", "")


async def test_what_a_test_must_not_leave_is_found(asyncssh_server: StartServer, mark: str) -> None:
    server, markers = asyncssh_server(), Markers()
    markers(mark)
    await run(server, f"{mark} {_SLEEP} &")
    with pytest.raises(AssertionError, match=r"left behind.*sleep 1000"):
        markers.check()
    server.end_commands()
    markers.check()
