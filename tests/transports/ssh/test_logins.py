"""How to log in is resolved once: who beats whom, and what is refused (LANGUAGE.md 4.2, 12)."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from gplmt.errors import SetupError
from gplmt.inventory import Node
from gplmt.language.targets import SshOptions
from gplmt.language.values import HostKeyChecking
from gplmt.protocols import SshSettings
from tests.support.ssh.keys import make_user_key
from tests.support.ssh.servers import Server
from tests.transports.ssh.login import Person, attempt, logged_in, node


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


def faults_of(person: Person, *nodes: Node, settings: SshSettings | None = None) -> list[str]:
    """What is refused, the home left out."""
    with pytest.raises(SetupError) as raised:
        person.prepare(nodes, settings)
    assert raised.value.exit_code == 3
    return str(raised.value).replace(f"{person.home}/", "~/").split("\n")


async def test_a_name_of_the_users_configuration_is_enough(server: Server, person: Person) -> None:
    person.write("config", server.ssh_config("alias"))
    login = person.login(node("alias"))
    assert (login.host, login.port, login.user) == (server.host, server.port, server.user)
    assert await attempt(login) is None


def test_nothing_said_anywhere_means_what_openssh_does(person: Person) -> None:
    login = person.login(node("host"))
    assert (login.host, login.port, login.user) == ("host", 22, "me")
    assert login.connect_timeout_seconds == 30
    assert login.policy.checking is HostKeyChecking.STRICT
    assert login.policy.names == ("host",)
    assert login.policy.user_files == (
        person.directory / "known_hosts",
        person.directory / "known_hosts2",
    )
    assert (login.jumps, login.proxy_command, login.forwarded_agent) == ((), None, None)


def test_the_document_beats_the_configuration(person: Person) -> None:
    person.write(
        "config",
        """\
User configured
Port 1
ConnectTimeout 7
StrictHostKeyChecking no
ForwardAgent yes
UserKnownHostsFile configured
Host host
ProxyJump gateway
""",
    )
    person.environment["SSH_AUTH_SOCK"] = "/agent"
    said = SshOptions(
        user="said",
        port=2,
        connect_timeout=timedelta(seconds=5),
        host_key_checking=HostKeyChecking.ACCEPT_NEW,
        forward_agent=False,
        proxy_jump="none",
        known_hosts_file="~/said",
    )
    login = person.login(node("host", options=said))
    assert (login.user, login.port, login.connect_timeout_seconds) == ("said", 2, 5)
    assert login.policy.checking is HostKeyChecking.ACCEPT_NEW
    assert login.policy.user_files == (person.home / "said",)
    assert (login.jumps, login.forwarded_agent) == ((), None)
    login = person.login(node("host"))
    assert (login.user, login.port, login.connect_timeout_seconds) == ("configured", 1, 7)
    assert login.policy.checking is HostKeyChecking.OFF
    assert login.policy.user_files == (Path("configured"),)
    assert login.forwarded_agent == "/agent"
    assert [jump.host for jump in login.jumps] == ["gateway"]


def test_the_command_line_beats_the_document(person: Person) -> None:
    strict = SshOptions(host_key_checking=HostKeyChecking.STRICT, proxy_jump="gateway")
    settings = SshSettings(host_key_checking=HostKeyChecking.ACCEPT_NEW)
    login = person.login(node("host", options=strict), settings)
    checked = [each.policy.checking for each in (login, *login.jumps)]
    assert checked == [HostKeyChecking.ACCEPT_NEW] * 2


def test_a_configuration_that_is_named_is_read_in_the_place_of_the_usual_ones(
    person: Person,
) -> None:
    person.write("config", "User usual\n")
    other = person.write("other", "Port 7\n")
    login = person.login(node("host"), SshSettings(config_file=other))
    assert (login.user, login.port) == ("me", 7)


def test_all_faults_are_told_at_once_each_at_its_place(person: Person, tmp_path: Path) -> None:
    """LANGUAGE.md 12.1."""
    locked = make_user_key(tmp_path / "locked", passphrase="secret")  # noqa: S106
    person.write("text", "no key")
    said = [
        SshOptions(password_env="UNSET"),  # noqa: S106
        SshOptions(identity_file="~/missing"),
        SshOptions(identity_file="~/.ssh/text"),
        SshOptions(identity_file=str(locked.path)),
        SshOptions(known_hosts_file="~/missing"),
        SshOptions(proxy_jump="a:b:c"),
        SshOptions(),
        SshOptions(identity_file="~/%z", known_hosts_file="~/${NONE}"),
        SshOptions(proxy_jump="loop"),
    ]
    person.write(
        "config", "Host n7\nPort seven\nHost loop\nProxyJump me@pool\nHost pool\nProxyJump loop\n"
    )
    nodes = [
        node(f"n{number}", name=f"n{number}", line=number, options=options)
        for number, options in enumerate(said, 1)
    ]
    assert faults_of(person, *nodes) == [
        "lab.xml:1: error: the variable UNSET of <password-env> is not set; export it",
        "lab.xml:2: error: the identity file ~/missing cannot be used: there is no such file; "
        "name the file of a private key",
        "lab.xml:3: error: the identity file ~/.ssh/text cannot be used: it holds no key that can "
        "be used (invalid private key); name the file of a private key",
        "lab.xml:4: error: the identity file ~/locked cannot be used: it is encrypted with a "
        "passphrase, and nobody may be asked; add it to an SSH agent: ssh-add ~/locked",
        "lab.xml:5: error: the known-hosts file ~/missing cannot be read: no such file or "
        "directory",
        "lab.xml:6: error: 'a:b:c' is not a jump host; write USER@HOST:PORT or HOST",
        "lab.xml:8: error: %z in '~/%z' means nothing here; write %% for a percent",
        "lab.xml:9: error: the jump hosts lead in a circle: loop -> pool -> loop",
        "~/.ssh/config:2: error: Port: 'seven' is not a port from 1 to 65535",
    ]


def test_a_fault_of_many_targets_is_told_once(person: Person) -> None:
    options = SshOptions(identity_file="~/missing")
    nodes = [node(f"n{line}", name=f"n{line}", line=line, options=options) for line in (3, 1, 2)]
    [told] = faults_of(person, *nodes)
    assert told.startswith("lab.xml:3: error: the identity file ~/missing")


def test_a_configuration_that_is_named_and_missing_is_refused(person: Person) -> None:
    settings = SshSettings(config_file=person.home / "none")
    told = faults_of(person, node("host"), settings=settings)
    assert told == ["~/none:0: error: there is no such SSH configuration file"]


def test_keys_of_the_configuration_that_are_missing_are_passed_over(person: Person) -> None:
    person.write("config", "IdentityFile ~/.ssh/none\nCertificateFile ~/.ssh/none-cert.pub\n")
    assert person.login(node("host")).credentials.identities == ()
    assert person.warnings == []


def test_what_the_configuration_asks_for_in_vain_becomes_a_warning(person: Person) -> None:
    person.write("config", "Host *\nVerifyHostKeyDNS yes\n")
    person.prepare([node("a", name="a"), node("b", name="b")])
    assert person.warnings == [
        f"{person.directory}/config:2: gplmt does not do what VerifyHostKeyDNS asks for; keys must "
        "stand in a known_hosts file"
    ]


def test_hosts_whose_keys_are_not_checked_are_told_in_one_warning(person: Person) -> None:
    options = SshOptions(host_key_checking=HostKeyChecking.OFF)
    person.prepare([node(name, name=name, options=options) for name in ("a", "b", "c")])
    assert person.warnings == ["host keys are not checked: of 3 hosts, among them a"]


def test_a_known_hosts_file_need_not_exist_where_new_keys_are_recorded(person: Person) -> None:
    options = SshOptions(known_hosts_file="~/new", host_key_checking=HostKeyChecking.ACCEPT_NEW)
    assert person.login(node("a", options=options)).policy.user_files == (person.home / "new",)


def test_paths_may_name_the_home_tokens_and_variables(person: Person) -> None:
    person.environment["LAB"] = "lab"
    options = SshOptions(
        known_hosts_file="%d/${LAB}/%h-%p",
        host_key_checking=HostKeyChecking.ACCEPT_NEW,
        port=7,
    )
    login = person.login(node("a", options=options))
    assert login.policy.user_files == (person.home / "lab" / "a-7",)


def test_jump_hosts_are_resolved_by_the_configuration_too(person: Person) -> None:
    person.write(
        "config",
        """\
Host node*
  ProxyJump inner
Host inner
  HostName inner.example
  User gate
  ProxyJump outer
Host outer
  Port 2222
""",
    )
    logins = person.prepare([node(name, name=name) for name in ("node1", "node2")])
    first, second = (logins.of(node(name, name=name)) for name in ("node1", "node2"))
    assert [(jump.host, jump.user, jump.port) for jump in first.jumps] == [
        ("outer", "me", 2222),
        ("inner.example", "gate", 22),
    ]
    assert first.jumps[-1] is second.jumps[-1]
    assert first.jumps[-1].jumps == first.jumps[:-1]
    assert first.jumps[-1].server_key == second.jumps[-1].server_key
    assert first.server_key != second.server_key


def test_several_jump_hosts_are_gone_through_in_the_order_that_is_written(person: Person) -> None:
    person.write("config", "Host b\nProxyJump elsewhere\nPort 5\n")
    options = SshOptions(proxy_jump="a,ssh://u@b,x@y@[::1]:7")
    jumps = person.login(node("host", options=options)).jumps
    assert [(jump.host, jump.user, jump.port) for jump in jumps] == [
        ("a", "me", 22),
        ("b", "u", 5),
        ("::1", "x@y", 7),
    ]


def test_jump_hosts_without_an_end_are_refused(person: Person) -> None:
    person.write("config", "ProxyJump via-%h\n")
    [told] = faults_of(person, node("host"))
    assert told == "lab.xml:1: error: there are more than 16 jump hosts to go through"


def test_who_bears_a_proxy_command_is_told_by_the_command(person: Person) -> None:
    person.write("config", "ProxyCommand connect --to %h:%p as %r %% %n\nHostName %h.example\n")
    logins = person.prepare([node(name, name=name) for name in ("a", "b")])
    first, second = (logins.of(node(name, name=name)) for name in ("a", "b"))
    assert first.proxy_command == ("/bin/sh", "-c", "exec connect --to a.example:22 as me % a")
    assert first.server_key == second.server_key


def test_targets_of_one_host_share_their_login(person: Person) -> None:
    nodes = [node("host", name=name, line=line) for line, name in enumerate(("a", "b"))]
    logins = person.prepare(nodes)
    assert logins.of(nodes[0]) is logins.of(nodes[1])


async def test_connecting_reads_no_file(server: Server, person: Person) -> None:
    for name, file in (("key", server.identity_file), ("known", server.known_hosts)):
        person.write(name, file.read_text())
    person.write(
        "config",
        server.ssh_config("alias", IdentityFile="~/.ssh/key", UserKnownHostsFile="~/.ssh/known"),
    )
    login = person.login(node("alias"))
    shutil.rmtree(person.directory)
    assert await attempt(login) is None


async def test_what_is_meant_for_terminals_has_no_effect(server: Server, person: Person) -> None:
    more = {"RequestTTY": "force", "RemoteCommand": "echo other", "SendEnv": "*"}
    person.write("config", server.ssh_config("alias", **more))
    async with logged_in(person.login(node("alias"))) as connection:
        ended = await connection.run("echo one; test -t 1 || echo two")
    assert ended.stdout == b"one\ntwo\n"


async def test_ciphers_are_the_fast_ones_unless_the_configuration_names_others(
    server: Server, person: Person
) -> None:
    named = {"Ciphers": "unknown,aes256-*,aes128-ctr", "MACs": "hmac-sha2-256"}
    person.write("config", server.ssh_config("usual") + server.ssh_config("named", **named))
    logins = person.prepare([node("usual", name="usual"), node("named", name="named")])
    found = []
    for name in ("usual", "named"):
        async with logged_in(logins.of(node(name, name=name))) as connection:
            found.append(connection.get_extra_info("send_cipher"))
    expected = "aes128-gcm@openssh.com"
    if server.kind == "dropbear":  # which has no such ciphers
        expected = "chacha20-poly1305@openssh.com"
    assert found[0] == expected
    assert found[1] in ("aes256-gcm@openssh.com", "aes256-ctr")


def test_algorithms_that_are_all_unknown_are_refused(person: Person) -> None:
    person.write("config", "Ciphers rot13\n")
    told = faults_of(person, node("host"))
    assert told == ["lab.xml:1: error: Ciphers: gplmt knows none of 'rot13'"]


@pytest.mark.parametrize(
    ("keyword", "is_compressed"), [("no", False), ("yes", True)], ids=["off", "on"]
)
async def test_only_who_asks_for_it_gets_compression(
    server: Server, person: Person, keyword: str, *, is_compressed: bool
) -> None:
    person.write("config", server.ssh_config("alias", Compression=keyword))
    async with logged_in(person.login(node("alias"))) as connection:
        compression = connection.get_extra_info("send_compression")
    assert (compression != "none") == is_compressed


def test_a_login_does_not_show_its_password(person: Person) -> None:
    person.environment["SECRET"] = "hunter2"  # noqa: S105
    login = person.login(node("host", options=SshOptions(password_env="SECRET")))  # noqa: S106
    assert "hunter2" not in repr(login)
    assert login.credentials.password is not None
