"""What is offered to a server, and in which order: keys, certificates, agents, passwords."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import asyncssh
import pytest
from msgspec.structs import replace

from gplmt.language.targets import SshOptions
from tests.support.ssh.accounts import PASSWORD
from tests.support.ssh.agent import SshAgent, running_agent
from tests.support.ssh.fixtures import StartServer
from tests.support.ssh.inprocess import Behaviour
from tests.support.ssh.keys import Authority, UserKey, make_user_key
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server
from tests.transports.ssh.login import Person, attempt, logged_in, node, options_for

on_servers = pytest.mark.parametrize(
    "server", of_kinds("asyncssh", "openssh", "dropbear"), indirect=True
)


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


@pytest.fixture
def full_agent(tmp_path: Path, servers_of_test: ExitStack) -> SshAgent:
    """An agent that holds many keys which nobody accepts."""
    keys = [make_user_key(tmp_path / f"useless{number}") for number in range(6)]
    return servers_of_test.enter_context(running_agent(*keys))


def without_key(server: Server) -> SshOptions:
    return replace(options_for(server), identity_file=None)


async def reason_of(person: Person, server: Server, options: SshOptions) -> str | None:
    """Why a login fails."""
    return await attempt(person.login(node(server.host, options=options)))


@on_servers
async def test_a_key_where_keys_usually_lie_needs_no_word(
    server: Server, person: Person, user_key: UserKey
) -> None:
    person.write("id_ed25519", user_key.path.read_text())
    assert await reason_of(person, server, without_key(server)) is None


@on_servers
async def test_a_key_of_an_agent_is_offered(
    server: Server, person: Person, ssh_agent: SshAgent
) -> None:
    person.environment.update(ssh_agent.environment)
    assert await reason_of(person, server, without_key(server)) is None


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "ecdsa-sha2-nistp256"])
@pytest.mark.openssh
async def test_keys_of_every_kind_sign_from_files_and_agents(
    openssh_server: StartServer,
    person: Person,
    tmp_path: Path,
    servers_of_test: ExitStack,
    algorithm: str,
) -> None:
    key = make_user_key(tmp_path / "key", algorithm=algorithm)
    server = openssh_server(key=key)
    assert await reason_of(person, server, options_for(server)) is None
    agent = servers_of_test.enter_context(running_agent(key))
    person.environment.update(agent.environment)
    assert await reason_of(person, server, without_key(server)) is None


@pytest.mark.openssh
async def test_the_key_that_is_named_is_tried_before_those_of_the_agent(
    openssh_server: StartServer, person: Person, full_agent: SshAgent, user_key: UserKey
) -> None:
    server = openssh_server(settings={"MaxAuthTries": "2"})
    person.environment.update(full_agent.environment)
    assert await reason_of(person, server, options_for(server)) is None
    person.write("config", f"IdentityFile {user_key.path}\n")
    assert await reason_of(person, server, without_key(server)) is None


@pytest.mark.openssh
async def test_too_many_keys_are_told_with_what_to_do(
    openssh_server: StartServer, person: Person, full_agent: SshAgent
) -> None:
    server = openssh_server(settings={"MaxAuthTries": "2"})
    person.environment.update(full_agent.environment)
    reason = await reason_of(person, server, without_key(server))
    assert reason == (
        "the server lets nobody try more than the agent's key test key, the agent's key test key; "
        "name the right key with <identity-file>, which is tried first"
    )


@on_servers
async def test_an_encrypted_key_that_the_agent_holds_needs_no_passphrase(
    server: Server, person: Person, ssh_agent: SshAgent, user_key: UserKey
) -> None:
    person.environment.update(ssh_agent.environment)
    copy = make_encrypted_copy(user_key, person.directory / "locked")
    options = replace(options_for(server), identity_file=str(copy))
    assert await reason_of(person, server, options) is None


@on_servers
async def test_a_public_key_chooses_one_of_the_agent(
    server: Server, person: Person, ssh_agent: SshAgent, user_key: UserKey
) -> None:
    person.environment.update(ssh_agent.environment)
    person.write("chosen.pub", f"{user_key.public}\n")
    person.write("config", "IdentitiesOnly yes\n")
    options = replace(options_for(server), identity_file="~/.ssh/chosen.pub")
    assert await reason_of(person, server, options) is None


@on_servers
async def test_other_keys_of_the_agent_can_be_held_back(
    server: Server, person: Person, ssh_agent: SshAgent, tmp_path: Path
) -> None:
    other = make_user_key(tmp_path / "other")
    person.environment.update(ssh_agent.environment)
    for configuration in ("IdentitiesOnly yes\n", "IdentityAgent none\n"):
        person.write("config", configuration)
        options = replace(options_for(server), identity_file=str(other.path))
        reason = await reason_of(person, server, options)
        assert reason == (
            f"permission denied for {server.user}; tried the key {other.path}; the server takes "
            "publickey"
        )


@on_servers
async def test_the_configuration_may_name_another_agent(
    server: Server, person: Person, ssh_agent: SshAgent
) -> None:
    person.environment.update({"SSH_AUTH_SOCK": "/nowhere", "OTHER": str(ssh_agent.path)})
    for agent in (str(ssh_agent.path), "$OTHER", "${OTHER}"):
        person.write("config", f"IdentityAgent {agent}\n")
        assert await reason_of(person, server, without_key(server)) is None


@on_servers
async def test_an_agent_that_does_not_answer_is_done_without(
    server: Server, person: Person
) -> None:
    person.environment["SSH_AUTH_SOCK"] = str(person.home / "nothing")
    assert await reason_of(person, server, options_for(server)) is None


@pytest.mark.openssh
async def test_certificates_are_offered_from_beside_the_key_from_elsewhere_and_for_agents(
    openssh_server: StartServer, person: Person, tmp_path: Path, servers_of_test: ExitStack
) -> None:
    authority, unsigned = Authority(), make_user_key(tmp_path / "unsigned")
    (tmp_path / "authority").write_text(f"{authority.public}\n")
    server = openssh_server(
        key=unsigned,
        settings={
            "TrustedUserCAKeys": str(tmp_path / "authority"),
            "AuthorizedKeysFile": "none",
        },
    )
    signed = make_user_key(tmp_path / "signed", authority=authority, principals=[server.user])
    options = replace(options_for(server), identity_file=str(signed.path))
    assert await reason_of(person, server, options) is None

    assert signed.certificate is not None
    elsewhere = signed.certificate.rename(tmp_path / "elsewhere")
    assert await reason_of(person, server, options) is not None
    person.write("config", f"CertificateFile {elsewhere}\n")
    assert await reason_of(person, server, options) is None

    agent = servers_of_test.enter_context(running_agent(signed))
    person.environment.update(agent.environment)
    assert await reason_of(person, server, without_key(server)) is None


@on_servers
async def test_nothing_to_log_in_with_is_told(server: Server, person: Person) -> None:
    assert await reason_of(person, server, without_key(server)) == (
        f"permission denied for {server.user}; there is no key, no agent and no password to log in "
        "with; the server takes publickey"
    )


@on_servers
async def test_a_key_that_could_not_be_tried_is_told(
    server: Server, person: Person, user_key: UserKey
) -> None:
    locked = make_encrypted_copy(user_key, person.directory / "id_ed25519")
    reason = await reason_of(person, server, without_key(server))
    assert reason is not None
    assert reason.endswith(f"; not tried: {locked} (it is encrypted with a passphrase)")


@pytest.mark.parametrize("way", ["password", "keyboard-interactive"])
async def test_a_password_is_given_in_both_ways_in_which_servers_ask(
    asyncssh_server: StartServer, person: Person, way: str
) -> None:
    server = asyncssh_server(behaviour=Behaviour(authentication=(way,)))
    options = replace(without_key(server), password_env="SECRET")  # noqa: S106
    person.environment["SECRET"] = PASSWORD
    assert await reason_of(person, server, options) is None
    person.environment["SECRET"] = "wrong"  # noqa: S105
    tried = "the password interactively" if way == "keyboard-interactive" else "the password"
    assert await reason_of(person, server, options) == (
        f"permission denied for {server.user}; tried {tried}; the server takes {way}"
    )


@pytest.mark.openssh
async def test_a_password_of_the_document_is_tried_before_keys(
    openssh_server: StartServer, person: Person, full_agent: SshAgent
) -> None:
    server = openssh_server(settings={"PasswordAuthentication": "yes", "MaxAuthTries": "2"})
    person.environment.update({**full_agent.environment, "SECRET": PASSWORD})
    options = replace(without_key(server), password_env="SECRET")  # noqa: S106
    assert await reason_of(person, server, options) is None


@pytest.mark.dropbear
async def test_dropbear_takes_the_password(dropbear_server: StartServer, person: Person) -> None:
    server = dropbear_server(options=())
    person.environment["SECRET"] = PASSWORD
    options = replace(without_key(server), password_env="SECRET")  # noqa: S106
    assert await reason_of(person, server, options) is None


@pytest.mark.openssh
async def test_who_could_log_in_by_a_password_is_told_how(
    openssh_server: StartServer, person: Person, tmp_path: Path
) -> None:
    server = openssh_server(settings={"PasswordAuthentication": "yes"})
    other = make_user_key(tmp_path / "other")
    options = replace(options_for(server), identity_file=str(other.path))
    assert await reason_of(person, server, options) == (
        f"permission denied for {server.user}; tried the key {other.path}; the server takes "
        "publickey, password; name the variable that holds a password with <password-env>"
    )


@pytest.mark.openssh
@pytest.mark.parametrize("is_forwarded", [True, False])
async def test_the_agent_is_there_on_the_node_only_for_who_asks(
    openssh_server: StartServer,
    person: Person,
    ssh_agent: SshAgent,
    user_key: UserKey,
    *,
    is_forwarded: bool,
) -> None:
    server = openssh_server()
    person.environment.update(ssh_agent.environment)
    options = replace(options_for(server), forward_agent=is_forwarded)
    async with logged_in(person.login(node(server.host, options=options))) as connection:
        listed = (await connection.run("ssh-add -L")).stdout
    assert isinstance(listed, bytes)
    assert (user_key.public.encode() in listed) == is_forwarded


def make_encrypted_copy(key: UserKey, path: Path) -> Path:
    """The same key behind a passphrase, without anything beside it."""
    private = asyncssh.import_private_key(key.path.read_bytes())
    path.touch(mode=0o600)
    path.write_bytes(private.export_private_key("openssh", "secret", rounds=50))
    return path
