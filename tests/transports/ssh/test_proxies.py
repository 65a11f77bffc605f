"""Proxy commands: what they say, how they end, and what is left of them (LANGUAGE.md 4.2)."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import pytest

from gplmt.protocols import SshSettings
from gplmt.transports.ssh.logins import Login
from gplmt.transports.ssh.openings import Openings
from tests.support.processes import called_with, children, until
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server
from tests.transports.ssh.login import Person, attempt, logged_in, node

on_servers = pytest.mark.parametrize("server", of_kinds("openssh"), indirect=True)


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


def through(server: Server, person: Person, shell: str) -> Login:
    """A login by a shell that runs `ssh`, which passes the bytes on, in its own way."""
    way = person.write("way", server.ssh_config("way"))
    passing = f"ssh -F {way} -W {server.host}:{server.port} way"
    command = f"sh -c '{shell.format(passing)}'"
    person.write("config", server.ssh_config("node", ProxyCommand=command))
    return person.login(node("node"))


@pytest.mark.parametrize("command", ["exit 1", "true", "echo no >&2; exit 3", "kill -9 $$"])
async def test_a_command_that_ends_is_waited_for_once(
    command: str, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    before = children()
    person.write("config", f"ProxyCommand sh -c '{command}'\n")
    reasons = [await attempt(person.login(node("host"))) for _ in range(20)]
    assert set(reasons) == {f"the proxy command \"sh -c '{command}'\" ended before the login"}
    assert caplog.messages == []
    assert children() == before


@on_servers
async def test_what_a_command_says_on_stderr_is_not_of_the_host(
    server: Server, person: Person
) -> None:
    login = through(server, person, "(while echo no; do sleep 0.01; done) >&2 & {}; kill $!")
    async with logged_in(login) as connection:
        for _ in range(20):
            assert (await connection.run("echo yes", check=True)).stdout == b"yes\n"


@on_servers
async def test_nothing_of_a_command_is_left_when_its_connection_has_ended(
    server: Server, person: Person
) -> None:
    openings = Openings(SshSettings())
    before = children()
    seconds = f"{random.uniform(1000, 2000):.6f}"  # noqa: S311 (the process is known by it)
    connection = await openings.open(through(server, person, f"sleep {seconds} & {{}}; wait"))
    assert called_with(seconds)
    connection.abort()
    await connection.wait_closed()
    assert children() == before
    await until(lambda: not called_with(seconds))
    await openings.close()
