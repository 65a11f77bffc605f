"""The user's OpenSSH client configuration is read as OpenSSH reads it (LANGUAGE.md 4.2)."""

from __future__ import annotations

import os
import pwd
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from msgspec import structs

from gplmt.diagnostics import Faults
from gplmt.language.values import HostKeyChecking
from gplmt.transports.ssh.configuration import Configuration, HostSettings
from gplmt.transports.ssh.directives import ConfigurationFile, read_blocks
from gplmt.transports.ssh.surroundings import Surroundings
from tests.transports.ssh.openssh_client import Case, ask_openssh, cases

_CHECKING = {
    "true": HostKeyChecking.STRICT,
    "yes": HostKeyChecking.STRICT,
    "ask": HostKeyChecking.STRICT,
    "accept-new": HostKeyChecking.ACCEPT_NEW,
    "false": HostKeyChecking.OFF,
    "off": HostKeyChecking.OFF,
}
_ME = pwd.getpwuid(os.getuid())  # as OpenSSH sees who asks
_FAMILIES = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}


class Reader:
    """Reads configurations that a test writes into a home."""

    def __init__(self, home: Path) -> None:
        self.directory = home / ".ssh"
        self.directory.mkdir()
        self.file = self.directory / "config"
        self.surroundings = Surroundings(
            home=home,
            user="me",
            environment={"SHELL": "/bin/sh", "PART": "part"},
            host_name="here.example",
            system_directory=home / "etc",
        )
        self.faults = Faults()

    def write(self, text: str, name: str = "config") -> None:
        file = self.directory / name
        file.touch(mode=0o600)
        file.write_text(text)

    def read(self, text: str, *, is_named: bool = False) -> Configuration:
        self.write(text)
        files = [ConfigurationFile(path=self.file, is_named=is_named)]
        return Configuration(
            read_blocks(files, self.surroundings, self.faults), self.surroundings, self.faults
        )

    def look_up(self, text: str, name: str = "a") -> HostSettings:
        return self.read(text).look_up(name)

    @property
    def told(self) -> list[str]:
        """What was found wrong, the directory left out."""
        return [str(each).replace(f"{self.directory}/", "") for each in self.faults.in_order(())]


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_any_configuration_means_what_it_means_to_openssh(case: Case) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = case.write(Path(name))
        expected = _settings(ask_openssh(file, case.name, user=case.user, port=case.port))
        faults = Faults()
        surroundings = Surroundings(
            home=Path(_ME.pw_dir),
            user=_ME.pw_name,
            environment=os.environ,
            host_name=socket.gethostname(),
        )
        blocks = read_blocks([ConfigurationFile(path=file, is_named=True)], surroundings, faults)
        configuration = Configuration(blocks, surroundings, faults)
        found = configuration.look_up(case.name, user=case.user, port=case.port)
    assert _as_openssh_tells(found) == expected
    assert faults.in_order(()) == ()


def _settings(values: Mapping[str, Sequence[str]]) -> HostSettings:
    """What OpenSSH has told; its default identities stand for none."""

    def one(keyword: str) -> str | None:
        return values[keyword][0] if keyword in values else None

    def is_set(keyword: str) -> bool:
        return one(keyword) not in ("no", "false")

    identities = [each for each in values["identityfile"] if not each.startswith("~/.ssh/id_")]
    timeout = one("connecttimeout")
    return HostSettings(
        host_name=values["hostname"][0].lower(),
        user=values["user"][0],
        port=int(values["port"][0]),
        address_family=_FAMILIES[values["addressfamily"][0]],
        batch_mode=is_set("batchmode"),
        bind_address=one("bindaddress"),
        certificate_files=tuple(values.get("certificatefile", ())),
        compression=is_set("compression"),
        connect_timeout_seconds=None if timeout in (None, "none") else int(timeout),
        forward_agent=is_set("forwardagent"),
        global_known_hosts_files=tuple(values["globalknownhostsfile"]),
        hash_known_hosts=is_set("hashknownhosts"),
        host_key_alias=one("hostkeyalias"),
        host_key_checking=_CHECKING[values["stricthostkeychecking"][0]],
        identities_only=is_set("identitiesonly"),
        identity_agent=one("identityagent"),
        identity_files=tuple(identities),
        keyboard_interactive=is_set("kbdinteractiveauthentication"),
        password=is_set("passwordauthentication"),
        preferred_authentications=one("preferredauthentications"),
        proxy_command=one("proxycommand"),
        proxy_jump=one("proxyjump"),
        public_key=is_set("pubkeyauthentication"),
        tcp_keep_alive=is_set("tcpkeepalive"),
        user_known_hosts_files=tuple(values["userknownhostsfile"]),
    )


def _as_openssh_tells(found: HostSettings) -> HostSettings:
    """With what holds where nothing is said, and several files on one line."""
    user_files = (f"{_ME.pw_dir}/.ssh/known_hosts", f"{_ME.pw_dir}/.ssh/known_hosts2")
    global_files = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
    return structs.replace(
        found,
        host_name=found.host_name.lower(),
        address_family=found.address_family or socket.AF_UNSPEC,
        batch_mode=found.batch_mode or False,
        compression=found.compression or False,
        forward_agent=found.forward_agent or False,
        global_known_hosts_files=(" ".join(found.global_known_hosts_files or global_files),),
        hash_known_hosts=found.hash_known_hosts or False,
        host_key_checking=found.host_key_checking or HostKeyChecking.STRICT,
        identities_only=found.identities_only or False,
        identity_files=found.identity_files or (),
        keyboard_interactive=found.keyboard_interactive is not False,
        password=found.password is not False,
        public_key=found.public_key is not False,
        tcp_keep_alive=found.tcp_keep_alive is not False,
        user_known_hosts_files=(" ".join(found.user_known_hosts_files or user_files),),
    )


def test_comments_quotes_and_escapes_are_those_of_openssh(reader: Reader) -> None:
    found = reader.look_up('User "a b"  # not Port\nHostName=x\\ y\n IdentityFile \'/k "1"\'\n')
    assert (found.user, found.host_name, found.identity_files) == ("a b", "x y", ('/k "1"',))
    assert reader.told == []


def test_match_host_ignores_case_and_host_does_not(reader: Reader) -> None:
    text = "Host A\nUser host\nMatch host A originalhost A*\nUser match\n"
    assert [reader.look_up(text, name).user for name in ("A", "a")] == ["host", "match"]


def test_included_files_count_where_they_are_included_and_in_order(reader: Reader) -> None:
    (reader.directory / "part.0").mkdir()
    reader.write("User second\nPort 2\n", "part.2")
    reader.write("User first\n", "part.1")
    found = reader.look_up("Include part.*\nUser last\nConnectTimeout 9\n")
    assert (found.user, found.port, found.connect_timeout_seconds) == ("first", 2, 9)


def test_an_included_file_counts_only_where_its_block_does(reader: Reader) -> None:
    reader.write("User included\nHost *\nPort 2\n", "part")
    text = "Host b\nInclude ${PART}\nIdentityFile x\nHost *\nUser last\n"
    assert reader.look_up(text, "a").user == "last"
    assert reader.look_up(text, "a").port == 22
    found = reader.look_up(text, "b")
    assert (found.user, found.port, found.identity_files) == ("included", 2, ("x",))


def test_files_that_include_one_another_are_refused(reader: Reader) -> None:
    reader.read("Include config\n")
    assert reader.told == ["config:1: error: Include: too many files include one another"]


def test_all_malformed_lines_are_told_with_their_places(reader: Reader) -> None:
    reader.look_up(
        """\
User "me
Port
Match user
ConnectTimeout soon
Port 70000
StrictHostKeyChecking perhaps
Compression maybe
HostName %d
User a b
Match all host b
Match exec "test %z"
"""
    )
    assert reader.told == [
        'config:1: error: User: the quote " is not closed',
        "config:2: error: Port has no value",
        "config:3: error: Match: 'user' has no argument",
        "config:10: error: Match: 'all' cannot be combined with other criteria",
        "config:11: error: Match: %z in 'test %z' means nothing here; write %% for a percent",
    ]


def test_values_are_judged_only_for_the_hosts_that_they_count_for(reader: Reader) -> None:
    configuration = reader.read(
        """\
Host b
ConnectTimeout soon
Port 70000
StrictHostKeyChecking perhaps
Compression maybe
HostName %d
User a b
"""
    )
    configuration.look_up("a")
    assert reader.told == []
    configuration.look_up("b")
    assert reader.told == [
        "config:2: error: ConnectTimeout: 'soon' is not a time; write one like '30', '30s' or "
        "'1m30s'",
        "config:3: error: Port: '70000' is not a port from 1 to 65535",
        "config:4: error: StrictHostKeyChecking: 'perhaps' is not known; write 'yes', "
        "'accept-new', 'ask' or 'no'",
        "config:5: error: Compression: 'maybe' is neither 'yes' nor 'no'",
        "config:6: error: HostName: %d in '%d' means nothing here; write %% for a percent",
        "config:7: error: User: 'b' is one word too many",
    ]


def test_a_block_whose_criterion_is_not_known_counts_for_no_host(reader: Reader) -> None:
    assert reader.look_up("Match localnetwork 10.0.0.0/8\nUser x\n").user == "me"
    assert reader.told == [
        "config:1: warning: gplmt does not know Match localnetwork; the block counts for no host"
    ]


def test_what_is_not_done_is_told_once_for_each_keyword(reader: Reader) -> None:
    configuration = reader.read(
        """\
Host a b
KnownHostsCommand /bin/keys
SetEnv A=b
UseKeychain yes
CanonicalizeHostname no
ControlMaster auto
Host *
KnownHostsCommand /bin/other
Host c
ProxyUseFdpass yes
"""
    )
    for name in ("a", "b"):
        configuration.look_up(name)
    assert reader.told == [
        "config:2: warning: gplmt does not do what KnownHostsCommand asks for; write the keys to "
        "a file for UserKnownHostsFile",
        "config:3: warning: gplmt does not do what SetEnv asks for; set variables with "
        "<export-env>",
        "config:4: warning: UseKeychain is not known to gplmt, and is ignored; look for a "
        "misspelling",
    ]


def test_keywords_that_the_user_lets_be_unknown_are_not_told(reader: Reader) -> None:
    reader.look_up("IgnoreUnknown UseKeychain,Foo*\nUseKeychain yes\nFooBar no\n")
    assert reader.told == []


def test_a_command_of_match_exec_runs_once(reader: Reader) -> None:
    runs = reader.directory / "runs"
    configuration = reader.read(f'Match exec "echo >> {runs}; test %n = a -o %n = b"\nUser x\n')
    users = [configuration.look_up(name).user for name in ("a", "a", "c", "c")]
    assert users == ["x", "x", "me", "me"]
    assert len(runs.read_text().splitlines()) == 2


def test_a_host_is_held_only_against_the_blocks_that_may_be_meant(reader: Reader) -> None:
    blocks = [f"Host node{number}\nPort {number}\n" for number in range(1, 501)]
    configuration = reader.read(f"{''.join(blocks)}Host *\nUser x\n")
    assert len(configuration.candidates("node7")) == 2
    found = [configuration.look_up(f"node{number}") for number in range(1, 501)]
    assert [each.port for each in found] == list(range(1, 501))


def test_the_files_of_the_user_and_of_the_system_count_in_this_order(reader: Reader) -> None:
    system = reader.surroundings.system_directory
    system.mkdir()
    (system / "ssh_config").write_text("User system\nPort 2\nInclude more\n")
    (system / "more").write_text("ConnectTimeout 9\n")
    reader.write("User mine\n")
    files = [
        ConfigurationFile(path=reader.file),
        ConfigurationFile(path=system / "ssh_config", is_system=True),
    ]
    blocks = read_blocks(files, reader.surroundings, reader.faults)
    found = Configuration(blocks, reader.surroundings, reader.faults).look_up("a")
    assert (found.user, found.port, found.connect_timeout_seconds) == ("mine", 2, 9)


def test_only_a_file_that_is_named_must_exist(reader: Reader) -> None:
    for is_named in (False, True):
        files = [ConfigurationFile(path=reader.directory / "none", is_named=is_named)]
        read_blocks(files, reader.surroundings, reader.faults)
    assert reader.told == ["none:0: error: there is no such SSH configuration file"]


def test_a_file_that_cannot_be_read_is_refused(reader: Reader) -> None:
    files = [ConfigurationFile(path=reader.directory, is_named=True)]
    read_blocks(files, reader.surroundings, reader.faults)
    [told] = reader.told
    assert told.endswith(":0: error: the SSH configuration file cannot be read: is a directory")


def test_a_file_to_which_others_may_write_is_refused_as_openssh_does(reader: Reader) -> None:
    reader.write("User other\n")
    reader.file.chmod(0o666)
    files = [ConfigurationFile(path=reader.file)]
    assert read_blocks(files, reader.surroundings, reader.faults) == ()
    [told] = reader.told
    assert "config:0: error: others may write to this SSH configuration file" in told
