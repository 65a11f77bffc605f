"""Names of hosts and users, which the user's configuration gives to a shell (LANGUAGE.md 4.2)."""

from __future__ import annotations

import string
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from gplmt.diagnostics import Faults
from gplmt.inventory import SshAddress
from gplmt.language.logins import check_host, check_user
from gplmt.language.targets import SshOptions
from gplmt.transports.ssh.configuration import Configuration
from gplmt.transports.ssh.directives import ConfigurationFile, read_blocks
from gplmt.transports.ssh.routes import Route, Routes
from gplmt.transports.ssh.surroundings import Surroundings
from tests.support.ssh.places import need_program


class Person:
    """Has a configuration, and a file that no command may make."""

    def __init__(self, home: Path, text: str) -> None:
        self.made = home / "made"
        file = home / "config"
        file.write_text(text.replace("MADE", str(self.made)))
        surroundings = Surroundings(
            home=home, user="me", environment={"SHELL": "/bin/sh"}, host_name="here"
        )
        faults = Faults()
        blocks = read_blocks([ConfigurationFile(path=file)], surroundings, faults)
        self._routes = Routes(Configuration(blocks, surroundings, faults))

    def route(self, host: str, *, user: str | None = None, jump: str | None = None) -> Route:
        return self._routes.to(
            SshAddress(host=host, options=SshOptions(user=user, proxy_jump=jump))
        )


@pytest.mark.parametrize(
    "configuration",
    [
        "ProxyCommand nc %h 22\n",
        "ProxyCommand nc '%n' %%%p\n",
        'Match exec "touch MADE; echo %h"\nPort 2\n',
        'Match exec "touch MADE; echo %%%n"\nPort 2\n',
        'Match exec "touch MADE; echo %k"\nPort 2\n',
    ],
)
def test_a_host_that_is_a_command_gets_into_no_shell(configuration: str, tmp_path: Path) -> None:
    person = Person(tmp_path, configuration)
    with pytest.raises(ValueError, match=r"^'\$\(touch /x\)' is not a host name; none begins with"):
        person.route("$(touch /x)")
    assert not person.made.exists()


@pytest.mark.parametrize(
    "configuration", ["ProxyCommand nc %r %h\n", 'Match exec "touch MADE; echo %r"\nPort 2\n']
)
@pytest.mark.parametrize("user", ["`x`", "a$IFS-x", "-x", "a\\", "a -x", "a\nb"])
def test_a_user_that_is_a_command_gets_into_no_shell(
    user: str, configuration: str, tmp_path: Path
) -> None:
    person = Person(tmp_path, configuration)
    with pytest.raises(ValueError, match=r" is not a user name; none begins with -, ends with "):
        person.route("host", user=user)
    assert not person.made.exists()


@pytest.mark.parametrize(
    "lines", ["HostName a;b\n", "HostName %h;b\n", 'HostKeyAlias a;b\nMatch exec "echo %k"\n']
)
def test_names_that_the_configuration_says_get_into_no_shell_either(
    lines: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"^'\w+;b' is not a host name; none begins with -"):
        Person(tmp_path, f"{lines}ProxyCommand nc %h\n").route("a")


def test_jump_hosts_that_are_commands_get_into_no_shell(tmp_path: Path) -> None:
    person = Person(tmp_path, "Host target\nProxyJump a;b\nHost a*\nProxyCommand nc %h\n")
    with pytest.raises(ValueError, match=r"^'a;b' is not a host name"):
        person.route("target")
    with pytest.raises(ValueError, match=r"^'a\|b' is not a host name"):
        person.route("c", jump="a|b")


def test_names_that_no_shell_gets_are_as_the_configuration_says(tmp_path: Path) -> None:
    person = Person(tmp_path, "HostName a;b\nUser first second\nProxyCommand nc fixed\n")
    assert person.route("a").settings.host_name == "a;b"


def test_an_address_with_a_zone_is_a_host(tmp_path: Path) -> None:
    person = Person(tmp_path, 'Match exec "test %h = fe80::1%%eth0"\nProxyCommand nc %h %r\n')
    route = person.route("fe80::1%eth0", user="HOST$")
    assert route.settings.host_name == "fe80::1%eth0"
    assert route.proxy_command is not None
    assert route.proxy_command.text == "nc fe80::1%eth0 HOST$"


def test_what_is_refused_is_what_openssh_refuses() -> None:
    ssh = need_program("ssh", package="openssh-client", untested="NAMES AS OPENSSH TAKES THEM")
    if _refused(ssh, "host", "a;b") is None:
        pytest.skip("OPENSSH'S RULES NOT TESTED: this one, before 9.6, has none")
    names = [*(f"a{sign}b" for sign in string.punctuation), "-a", "a-", "a\\", "%", "é", "a b"]
    # The comma is refused by newer ones.
    assert _differing(check_host, lambda name: _refused(ssh, name), names) in ([], ["a,b"])
    # The dollar sign has been found since to be as dangerous within the names of users.
    names = ["a$b", *(name for name in (*names, "a -b") if name != "a$b")]
    assert _differing(check_user, lambda name: _refused(ssh, "host", name), names) == ["a$b"]


def _differing(
    check: Callable[[str], str], refused: Callable[[str], str | None], names: Iterable[str]
) -> list[str]:
    return [name for name in names if _is_refused(check, name) != (refused(name) is not None)]


def _is_refused(check: Callable[[str], str], name: str) -> bool:
    try:
        check(name)
    except ValueError:
        return True
    return False


def _refused(ssh: str, host: str, user: str = "me") -> str | None:
    """What OpenSSH says against a name."""
    words = [ssh, "-G", "-F", "none", "-l", user, "--", host]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    return ended.stderr if ended.returncode else None
