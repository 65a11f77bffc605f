"""The servers of the tests are what they say."""

from __future__ import annotations

from tests.support.ssh.client import connected
from tests.support.ssh.servers import Server


async def test_a_command_runs_as_the_user_in_the_home(server: Server) -> None:
    async with connected(server) as connection:
        result = await connection.run("id -un; pwd", check=True)
    assert result.stdout == f"{server.user}\n{server.home}\n"
