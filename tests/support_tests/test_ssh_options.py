"""Servers are as unfriendly as a test wants them, and go when the tests go."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import asyncssh
import pytest

from tests.support.processes import is_alive
from tests.support.program import ROOT, until
from tests.support.ssh.client import connected
from tests.support.ssh.fixtures import StartServer
from tests.support.ssh.inprocess import Behaviour
from tests.support.ssh.keys import UserKey
from tests.support.ssh.kinds import KINDS, of_kinds

_START_AND_WAIT = """
import sys
from pathlib import Path
from tests.support.ssh.keys import make_user_key
from tests.support.ssh.keys import UserKey
from tests.support.ssh.kinds import KINDS

with KINDS[sys.argv[1]](make_user_key(Path(sys.argv[2]))) as server:
    print(server.pid, server.home.parent, flush=True)
    sys.stdin.read()
"""


@pytest.mark.openssh
async def test_openssh_limits_sessions_as_it_is_told(openssh_server: StartServer) -> None:
    server = openssh_server(settings={"MaxSessions": "1"})
    async with connected(server) as connection:
        await connection.create_process("exec sleep 1000")
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("true")


@pytest.mark.openssh
async def test_several_values_of_a_setting_all_count(openssh_server: StartServer) -> None:
    server = openssh_server(settings={"AcceptEnv": ["ONE", "TWO"]})
    async with connected(server) as connection:
        result = await connection.run("echo $ONE$TWO", env={"ONE": "1", "TWO": "2"})
    assert result.stdout == "12\n"


@pytest.mark.openssh
async def test_openssh_listens_on_several_addresses(openssh_server: StartServer) -> None:
    server = openssh_server(addresses=[f"127.0.0.{number}" for number in range(1, 17)])
    for host in ("127.0.0.1", "127.0.0.16"):
        async with connected(server.at(host)):
            pass


@pytest.mark.openssh
async def test_openssh_has_no_sftp_if_told_so(openssh_server: StartServer) -> None:
    async with connected(openssh_server(sftp=False)) as connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.start_sftp_client()


async def test_the_asyncssh_server_has_no_sftp_if_told_so(asyncssh_server: StartServer) -> None:
    async with connected(asyncssh_server(behaviour=Behaviour(sftp=False))) as connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.start_sftp_client()


async def test_the_asyncssh_server_refuses_connections(asyncssh_server: StartServer) -> None:
    server = asyncssh_server(behaviour=Behaviour(refused=2))
    for _ in range(2):
        with pytest.raises((asyncssh.ConnectionLost, ConnectionResetError)):
            async with connected(server):
                pass
    async with connected(server):
        pass


async def test_the_asyncssh_server_drops_connections(asyncssh_server: StartServer) -> None:
    server = asyncssh_server(behaviour=Behaviour(drop_after_seconds=0.2))
    async with connected(server) as connection:
        result = await connection.run("exec sleep 1000", timeout=10)
    assert result.exit_status is None
    server.end_commands()


@pytest.mark.parametrize("kind", of_kinds("openssh", "openssh-dash", "dropbear"))
def test_a_server_dies_with_the_tests(kind: str, user_key: UserKey, tmp_path: Path) -> None:
    with KINDS[kind](user_key):
        pass  # it is available here
    words = [sys.executable, "-c", _START_AND_WAIT, kind, str(tmp_path / "key")]
    with subprocess.Popen(  # noqa: S603
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as tests:
        assert tests.stdout is not None
        pid, directory = tests.stdout.readline().split()
        assert is_alive(int(pid))
        tests.kill()
    until(lambda: not is_alive(int(pid)))
    shutil.rmtree(directory)
