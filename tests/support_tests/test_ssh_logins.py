"""What servers accept as proof of who logs in, and how they prove who they are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import asyncssh
import pytest

from tests.support.ssh.accounts import PASSWORD
from tests.support.ssh.agent import SshAgent
from tests.support.ssh.client import connected
from tests.support.ssh.fixtures import StartProxy, StartServer
from tests.support.ssh.inprocess import Behaviour
from tests.support.ssh.keys import Authority, UserKey, make_user_key
from tests.support.ssh.servers import Server

_PASSPHRASE, _WRONG = "secret", "wrong"


async def log_in(server: Server, **options: object) -> None:
    """Log in with nothing but these options; only the server's own key is trusted."""
    given: dict[str, object] = {"client_keys": None, "agent_path": None, **options}
    async with asyncssh.connect(
        server.host,
        server.port,
        username=server.user,
        known_hosts=str(server.known_hosts),
        config=None,
        **given,
    ) as connection:
        await connection.run("true", check=True)


async def test_another_key_is_refused(server: Server, tmp_path: Path) -> None:
    other = make_user_key(tmp_path / "other")
    with pytest.raises(asyncssh.PermissionDenied):
        await log_in(server, client_keys=[str(other.path)])


async def test_another_host_key_is_not_trusted(server: Server, tmp_path: Path) -> None:
    other = tmp_path / "known_hosts"
    line = server.known_hosts.read_text().partition(" ")[0]
    other.write_text(f"{line} {make_user_key(tmp_path / 'key').public}\n")
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        async with asyncssh.connect(server.host, server.port, known_hosts=str(other), config=None):
            pass


async def test_no_password_is_accepted_unless_asked_for(server: Server) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        await log_in(server, password=PASSWORD)


@pytest.mark.openssh
async def test_openssh_accepts_the_password_of_its_accounts(openssh_server: StartServer) -> None:
    server = openssh_server(settings={"PasswordAuthentication": "yes"})
    await log_in(server, password=PASSWORD)
    with pytest.raises(asyncssh.PermissionDenied):
        await log_in(server, password=_WRONG)


@pytest.mark.dropbear
async def test_dropbear_accepts_the_password_of_its_account(dropbear_server: StartServer) -> None:
    await log_in(dropbear_server(options=()), password=PASSWORD)


async def test_the_asyncssh_server_asks_for_passwords_in_two_ways(
    asyncssh_server: StartServer,
) -> None:
    for way in ("password", "keyboard-interactive"):
        server = asyncssh_server(behaviour=Behaviour(authentication=(way,)))
        await log_in(server, password=PASSWORD, preferred_auth=way)
        with pytest.raises(asyncssh.PermissionDenied):
            await log_in(server, password=_WRONG, preferred_auth=way)


@pytest.mark.openssh
async def test_openssh_asks_for_two_proofs_if_told_to(
    openssh_server: StartServer, user_key: UserKey
) -> None:
    settings = {
        "AuthenticationMethods": "publickey,password",
        "PasswordAuthentication": "yes",
    }
    server = openssh_server(settings=settings)
    await log_in(server, client_keys=[str(user_key.path)], password=PASSWORD)
    with pytest.raises(asyncssh.PermissionDenied):
        await log_in(server, client_keys=[str(user_key.path)])


@pytest.mark.openssh
async def test_openssh_accepts_keys_that_an_authority_has_signed(
    openssh_server: StartServer, tmp_path: Path
) -> None:
    authority = Authority()
    (tmp_path / "authority.pub").write_text(f"{authority.public}\n")
    server = openssh_server(settings={"TrustedUserCAKeys": str(tmp_path / "authority.pub")})
    key = make_user_key(tmp_path / "signed", authority=authority, principals=[server.user])
    await log_in(server, client_keys=[str(key.path)])
    for name, principals, before in (("foreign", ["x"], "+1d"), ("old", [server.user], "-1m")):
        key = make_user_key(
            tmp_path / name, authority=authority, principals=principals, valid_before=before
        )
        with pytest.raises(asyncssh.PermissionDenied):
            await log_in(server, client_keys=[str(key.path)])


@pytest.mark.openssh
async def test_openssh_shows_a_certificate_of_its_own(
    openssh_server: StartServer, fault_proxy: StartProxy
) -> None:
    server = openssh_server(authority=Authority())
    assert server.host_key not in server.known_hosts.read_text()
    async with connected(server):
        pass
    async with connected(fault_proxy(server).server):
        pass


def test_a_key_lies_where_only_its_owner_reads_it(tmp_path: Path) -> None:
    key = make_user_key(tmp_path / "key", authority=Authority(), principals=["lab"])
    assert key.path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "key.pub").read_text().startswith(key.public)
    assert key.certificate == tmp_path / "key-cert.pub"
    asyncssh.read_certificate(key.certificate)


@pytest.mark.parametrize(("passphrase", "fits"), [(_PASSPHRASE, True), (_WRONG, False)])
def test_an_encrypted_key_opens_with_its_passphrase(
    tmp_path: Path, passphrase: str, fits: bool
) -> None:
    key = make_user_key(tmp_path / "key", passphrase=_PASSPHRASE)
    words = ["ssh-keygen", "-y", "-P", passphrase, "-f", str(key.path)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    assert (ended.stdout.startswith(key.public), ended.returncode == 0) == (fits, fits)


async def test_an_agent_holds_the_key_of_the_tests(server: Server, ssh_agent: SshAgent) -> None:
    assert os.environ["SSH_AUTH_SOCK"] == str(ssh_agent.path)
    await log_in(server, client_keys=(), agent_path=str(ssh_agent.path))


async def test_an_agent_is_forwarded_to_commands(server: Server, ssh_agent: SshAgent) -> None:
    async with asyncssh.connect(
        server.host,
        server.port,
        username=server.user,
        known_hosts=str(server.known_hosts),
        config=None,
        agent_forwarding=True,
        agent_path=str(ssh_agent.path),
    ) as connection:
        await connection.run('test -S "$SSH_AUTH_SOCK"', check=True)


async def test_a_client_jumps_through_a_server(
    server: Server, asyncssh_server: StartServer
) -> None:
    behind = asyncssh_server()
    async with connected(server) as gateway, connected(behind, through=gateway) as connection:
        result = await connection.run("pwd", check=True)
    assert result.stdout == f"{behind.home}\n"
