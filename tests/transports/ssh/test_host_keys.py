"""Whose host key is accepted, recorded or refused, and what is said then (LANGUAGE.md 4.2)."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gplmt.language.values import HostKeyChecking
from gplmt.transports.ssh.known_hosts import KnownHosts, KnownHostsFile, export
from tests.support.program import ROOT
from tests.support.ssh.fixtures import StartServer
from tests.support.ssh.keys import Authority
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.places import need_program
from tests.support.ssh.servers import Server
from tests.transports.ssh.login import Person, attempt, node, options_for

_MARKS = {"": "", "CA": "@cert-authority", "REVOKED": "@revoked"}
_NAMES = st.sampled_from(("a", "A", "b.x", "c.x", "h", "[h]:22", "[h]:2222", "10.0.0.1"))
_FIELDS = st.sampled_from(
    ("a", "A,b.x", "*.x", "*.x,!b.x", "!a,*", "h,[h]:22", "[h]:*", "?", "10.0.0.*", "[*]:2222")
)
_KEY = export(asyncssh.generate_private_key("ssh-ed25519"))

on_servers = pytest.mark.parametrize(
    "server", of_kinds("asyncssh", "openssh", "dropbear"), indirect=True
)
# Dropbear 2022.83 breaks down when it is asked for a kind of key that it does not have.
on_exact_servers = pytest.mark.parametrize("server", of_kinds("asyncssh", "openssh"), indirect=True)


def fingerprint(server: Server) -> str:
    return asyncssh.import_public_key(server.host_key).get_fingerprint()


def place(server: Server) -> str:
    return f"[{server.host}]:{server.port}"


def key_of_another() -> str:
    return export(asyncssh.generate_private_key("ssh-ed25519"))


def ask_ssh_keygen(name: str, file: Path) -> list[tuple[int, str]]:
    """The lines that OpenSSH finds for a name, with their markers."""
    program = need_program("ssh-keygen", package="openssh-client", untested="KNOWN HOSTS")
    found = subprocess.run(  # noqa: S603
        [program, "-F", name, "-f", str(file)], capture_output=True, text=True, check=False
    ).stdout
    matches = re.findall(r"^# Host .* found: line (\d+) ?(\w*)", found, re.MULTILINE)
    return [(int(number), _MARKS[mark]) for number, mark in matches]


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


@given(
    entries=st.lists(st.tuples(st.sampled_from(tuple(_MARKS.values())), _FIELDS), max_size=6),
    name=_NAMES,
    is_hashed=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_lines_for_a_name_are_those_that_openssh_finds(
    entries: list[tuple[str, str]], name: str, *, is_hashed: bool
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "known_hosts")
        lines = [f"{mark} {field} {_KEY} comment\n".lstrip() for mark, field in entries]
        file.write_text("# comment\n\n|1|malformed\n" + "".join(lines))
        if is_hashed:
            subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=False, capture_output=True)  # noqa: S603, S607
        found = [(each.line, mark) for mark, each in KnownHostsFile(file).look_up(name.lower())]
        assert found == ask_ssh_keygen(name, file)


def test_a_key_is_added_to_a_new_file_that_is_the_users_own(tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_hosts"
    key = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
    assert KnownHosts().add("[h]:2222", key, file, is_hashed=False)
    assert file.read_text() == f"[h]:2222 {export(key)}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_key_is_added_behind_a_last_line_without_an_end(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"a {_KEY}")
    key = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
    known = KnownHosts()
    assert known.add("b", key, file, is_hashed=False)
    assert file.read_text() == f"a {_KEY}\nb {export(key)}\n"
    [added] = known.look_up("b", (file,)).keys
    assert (added.line, added.key) == (2, key)


def test_a_name_is_hashed_as_openssh_does(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    key = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
    known = KnownHosts()
    assert known.add("[h]:2222", key, file, is_hashed=True)
    assert "h]" not in file.read_text()
    assert ask_ssh_keygen("[h]:2222", file) == [(1, "")]
    assert [each.key for each in known.look_up("[h]:2222", (file,)).keys] == [key]


def test_what_others_add_meanwhile_is_heeded(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    ours, others = (
        asyncssh.generate_private_key("ssh-ed25519").convert_to_public() for _ in range(2)
    )
    known = KnownHosts()
    assert known.look_up("a", (file,)).keys == ()
    file.write_text(f"a {export(others)}\n")
    assert not known.add("a", ours, file, is_hashed=False)
    assert known.add("a", others, file, is_hashed=False)
    assert file.read_text() == f"a {export(others)}\n"


_ADDING = """
import sys
from pathlib import Path
import asyncssh
from gplmt.transports.ssh.known_hosts import KnownHosts
known, key = KnownHosts(), asyncssh.import_public_key(sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
for number in range(200):
    assert known.add(f"host{number}", key, Path(sys.argv[1]), is_hashed=False)
"""


def test_several_runs_that_add_at_once_add_each_key_once(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    adding = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", _ADDING, file, _KEY],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in adding:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in adding:
        assert process.stdin is not None
        process.stdin.close()
    for process in adding:
        with process:
            assert process.wait() == 0
    lines = file.read_text().splitlines()
    assert sorted(lines) == sorted(f"host{number} {_KEY}" for number in range(200))


@on_servers
async def test_a_known_key_is_accepted(server: Server, person: Person) -> None:
    login = person.login(node(server.host, options=options_for(server)))
    assert await attempt(login) is None


@on_servers
async def test_an_unknown_key_is_refused_with_what_to_do(server: Server, person: Person) -> None:
    empty = person.write("empty", "")
    options = replace(options_for(server), known_hosts_file=str(empty))
    reason = await attempt(person.login(node(server.host, options=options)))
    assert reason == (
        f"the host key of {place(server)} is not known: ssh-ed25519 {fingerprint(server)} is not "
        f"in {empty}; if it is the right one, log in once with `ssh -o UserKnownHostsFile={empty} "
        f"-i {server.identity_file} -p {server.port} {server.user}@{server.host}`, or accept it "
        "with `gplmt ping --accept-new FILE`"
    )
    assert empty.read_text() == ""


@on_servers
async def test_a_changed_key_is_refused_under_every_policy_but_off(
    server: Server, person: Person
) -> None:
    file = person.write("known", f"# comment\n{place(server)} {key_of_another()}\n")
    for checking in (HostKeyChecking.STRICT, HostKeyChecking.ACCEPT_NEW):
        options = replace(
            options_for(server), known_hosts_file=str(file), host_key_checking=checking
        )
        reason = await attempt(person.login(node(server.host, options=options)))
        assert reason is not None
        assert reason.startswith(f"the host key of {place(server)} has changed: it shows")
        assert fingerprint(server) in reason
        assert f"{file}:2 has ssh-ed25519 SHA256:" in reason
        assert reason.endswith(f"with `ssh-keygen -R '{place(server)}' -f {file}`")
    options = replace(options, host_key_checking=HostKeyChecking.OFF)
    assert await attempt(person.login(node(server.host, options=options))) is None


@on_exact_servers
async def test_a_host_known_by_a_key_of_another_kind_is_not_taken_for_new(
    server: Server, person: Person
) -> None:
    rsa = export(asyncssh.generate_private_key("ssh-rsa"))
    file = person.write("known", f"{place(server)} {rsa}\n")
    options = replace(
        options_for(server),
        known_hosts_file=str(file),
        host_key_checking=HostKeyChecking.ACCEPT_NEW,
    )
    reason = await attempt(person.login(node(server.host, options=options)))
    assert reason is not None
    assert "shows a host key of another kind than the known one" in reason


@on_servers
async def test_a_new_key_is_recorded_once_and_then_trusted(server: Server, person: Person) -> None:
    file = person.directory / "new" / "known"
    options = replace(
        options_for(server),
        known_hosts_file=str(file),
        host_key_checking=HostKeyChecking.ACCEPT_NEW,
    )
    nodes = [node(server.host, name=name, options=options) for name in ("a", "b")]
    logins = person.prepare(nodes)
    assert [await attempt(logins.of(each)) for each in nodes] == [None, None]
    assert file.read_text() == f"{place(server)} {server.host_key}\n"
    strict = replace(options, host_key_checking=HostKeyChecking.STRICT)
    assert await attempt(person.login(node(server.host, options=strict))) is None


@on_servers
async def test_a_new_key_is_recorded_hashed_where_the_configuration_asks_for_that(
    server: Server, person: Person
) -> None:
    person.write("config", "HashKnownHosts yes\nStrictHostKeyChecking accept-new\n")
    options = replace(options_for(server), known_hosts_file=None)
    assert await attempt(person.login(node(server.host, options=options))) is None
    file = person.directory / "known_hosts"
    assert file.read_text().startswith("|1|")
    assert ask_ssh_keygen(place(server), file) == [(1, "")]


@on_servers
async def test_a_key_that_cannot_be_recorded_is_accepted_with_a_warning(
    server: Server, person: Person
) -> None:
    file = person.directory / "directory"
    file.mkdir()
    person.write("config", f"StrictHostKeyChecking accept-new\nUserKnownHostsFile {file}\n")
    options = replace(options_for(server), known_hosts_file=None)
    assert await attempt(person.login(node(server.host, options=options))) is None
    assert person.warnings == [
        f"the host key of {place(server)} cannot be recorded in {file}: is a directory"
    ]


@on_servers
async def test_no_check_and_no_file_is_the_usual_configuration_of_labs(
    server: Server, person: Person
) -> None:
    person.write("config", "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n")
    options = replace(options_for(server), known_hosts_file=None)
    assert await attempt(person.login(node(server.host, options=options))) is None
    assert person.warnings == [f"host keys are not checked: of the host {server.host}"]


@on_servers
async def test_a_key_on_an_unusual_port_may_be_known_by_the_host_alone(
    server: Server, person: Person
) -> None:
    person.write("known_hosts", f"{server.host} {server.host_key}\n")
    options = replace(options_for(server), known_hosts_file=None)
    assert await attempt(person.login(node(server.host, options=options))) is None


@on_servers
async def test_a_port_of_a_host_with_another_key_is_new_not_changed(
    server: Server, person: Person
) -> None:
    person.write("known_hosts", f"{server.host} {key_of_another()}\n")
    options = replace(
        options_for(server), known_hosts_file=None, host_key_checking=HostKeyChecking.ACCEPT_NEW
    )
    assert await attempt(person.login(node(server.host, options=options))) is None


@on_servers
async def test_a_host_key_alias_is_what_files_are_asked_for(server: Server, person: Person) -> None:
    person.write("config", "HostKeyAlias Alias\n")
    person.write("known_hosts", f"alias {server.host_key}\n")
    options = replace(options_for(server), known_hosts_file=None)
    assert await attempt(person.login(node(server.host, options=options))) is None


@on_servers
async def test_a_revoked_key_is_refused_though_it_is_known(server: Server, person: Person) -> None:
    file = person.write(
        "known_hosts",
        f"{place(server)} {server.host_key}\n@revoked * {server.host_key}\n",
    )
    options = replace(options_for(server), known_hosts_file=None)
    reason = await attempt(person.login(node(server.host, options=options)))
    assert reason == f"the host key of {place(server)} is revoked; see {file}:2"


@pytest.mark.openssh
async def test_a_certificate_of_a_known_authority_is_accepted(
    openssh_server: StartServer, person: Person
) -> None:
    server = openssh_server(authority=Authority())
    assert await attempt(person.login(node(server.host, options=options_for(server)))) is None


@pytest.mark.openssh
async def test_a_server_with_a_certificate_shows_its_plain_key_to_who_knows_that(
    openssh_server: StartServer, person: Person
) -> None:
    server = openssh_server(authority=Authority())
    file = person.write("known", f"{place(server)} {server.host_key}\n")
    options = replace(options_for(server), known_hosts_file=str(file))
    assert await attempt(person.login(node(server.host, options=options))) is None


@pytest.mark.openssh
async def test_the_plain_key_of_a_new_server_with_a_certificate_is_recorded(
    openssh_server: StartServer, person: Person
) -> None:
    server = openssh_server(authority=Authority())
    options = replace(
        options_for(server),
        known_hosts_file=str(person.directory / "new"),
        host_key_checking=HostKeyChecking.ACCEPT_NEW,
    )
    assert await attempt(person.login(node(server.host, options=options))) is None
    assert (person.directory / "new").read_text() == f"{place(server)} {server.host_key}\n"


@pytest.mark.openssh
async def test_a_certificate_of_another_authority_is_refused(
    openssh_server: StartServer, person: Person
) -> None:
    server = openssh_server(authority=Authority())
    file = person.write("known", f"@cert-authority * {Authority().public}\n")
    options = replace(options_for(server), known_hosts_file=str(file))
    reason = await attempt(person.login(node(server.host, options=options)))
    assert reason is not None
    assert reason.startswith(f"the host key of {place(server)} is refused: host CA key is not")


@pytest.mark.openssh
async def test_the_kind_of_key_that_is_known_is_asked_for(
    openssh_server: StartServer, person: Person, tmp_path: Path
) -> None:
    rsa = asyncssh.generate_private_key("ssh-rsa")
    path = tmp_path / "rsa"
    path.touch(mode=0o600)
    rsa.write_private_key(path)
    server = openssh_server(settings={"HostKey": [str(path)]})
    file = person.write("known", f"{place(server)} {export(rsa)}\n")
    options = replace(options_for(server), known_hosts_file=str(file))
    assert await attempt(person.login(node(server.host, options=options))) is None
