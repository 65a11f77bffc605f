"""Passphrases and passwords are asked for once, before anything starts (LANGUAGE.md 4.2)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ssh.accounts import PASSWORD
from tests.support.ssh.agent import SshAgent
from tests.support.ssh.fixtures import StartServer
from tests.support.ssh.inprocess import Behaviour
from tests.support.ssh.keys import UserKey, make_user_key
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server
from tests.support.terminal import Terminal

_PASSPHRASE = "secret"  # noqa: S105
_DOCUMENT = """\
<experiment><targets>
{targets}
</targets><tasklists><tasklist name="t"><run expected-status="0">echo done on \
"$GPLMT_TARGET"</run></tasklist></tasklists>
<steps><step tasklist="t" targets="*"/></steps></experiment>
"""


class Lab:
    """A directory with an experiment and a home, and a terminal in it."""

    def __init__(self, directory: Path, terminal: Terminal) -> None:
        self.directory = directory
        self.terminal = terminal
        self.home = directory / "home"
        (self.home / ".ssh").mkdir(parents=True)
        self.environment = {"HOME": str(self.home), "SSH_AUTH_SOCK": ""}

    def start(self, *targets: str, words: tuple[str, ...] = ()) -> None:
        """Start gplmt on an experiment with these targets."""
        document = _DOCUMENT.format(targets="\n".join(targets))
        (self.directory / "lab.xml").write_text(document)
        self._run = self.terminal.start("lab.xml", *words, environment=self.environment)

    def answer(self, prompt: str, keys: str) -> None:
        """Wait until one more prompt is shown, and type."""
        self.terminal.until_shown(prompt)
        assert not self.terminal.shows_what_is_typed
        self.terminal.type(keys)

    def ended(self) -> int:
        """The exit code."""
        return self._run.wait(30)

    @property
    def has_run(self) -> bool:
        """Whether there is a run directory."""
        return (self.directory / "gplmt-runs").exists()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Terminal(tmp_path) as terminal:
        yield Lab(tmp_path, terminal)


@pytest.fixture
def locked(tmp_path: Path) -> UserKey:
    return make_user_key(tmp_path / "locked", passphrase=_PASSPHRASE)


@pytest.mark.openssh
def test_the_passphrase_of_a_key_is_asked_for_once(
    lab: Lab, locked: UserKey, openssh_server: StartServer
) -> None:
    server = openssh_server(key=locked)
    lab.start(
        server.target_xml("a"),
        server.target_xml("b", host="localhost"),
        words=("--host-key-checking", "off"),
    )
    lab.answer(f"Passphrase of the key {locked.path}: ", f"{_PASSPHRASE}\n")
    assert lab.ended() == 0
    assert lab.terminal.text.count("Passphrase") == 1
    assert _PASSPHRASE not in lab.terminal.text


@pytest.mark.openssh
def test_a_wrong_passphrase_may_be_corrected(
    lab: Lab, locked: UserKey, openssh_server: StartServer
) -> None:
    lab.start(openssh_server(key=locked).target_xml("a"))
    prompt = f"Passphrase of the key {locked.path}: "
    lab.answer(prompt, "wrong\n")
    lab.answer(f"{prompt}\n{prompt}", f"{_PASSPHRASE}\n")
    assert lab.ended() == 0


@pytest.mark.openssh
@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (("wrong\n",) * 3, "3 wrong passphrases were given"),
        (("\n",), "no passphrase was given"),
        (("\x04",), "no passphrase was given"),
    ],
    ids=["wrong", "return", "ctrl-d"],
)
def test_without_its_passphrase_a_named_key_cannot_be_used(
    lab: Lab, locked: UserKey, openssh_server: StartServer, keys: tuple[str, ...], problem: str
) -> None:
    server = openssh_server(key=locked)
    lab.start(server.target_xml("a"), server.target_xml("b"))
    for number, typed in enumerate(keys, 1):
        lab.answer(f"Passphrase of the key {locked.path}: \n" * (number - 1) + "Passphrase", typed)
    assert lab.ended() == 3
    fault = f"lab.xml:2: error: the identity file {locked.path} cannot be used: {problem}\n"
    assert lab.terminal.text.endswith(fault)
    assert not lab.has_run


@pytest.mark.openssh
def test_nobody_is_asked_with_batch(lab: Lab, locked: UserKey, openssh_server: StartServer) -> None:
    lab.start(openssh_server(key=locked).target_xml("a"), words=("--batch",))
    assert lab.ended() == 3
    assert lab.terminal.text == (
        f"lab.xml:2: error: the identity file {locked.path} cannot be used: it is encrypted with a "
        f"passphrase, and nobody may be asked; add it to an SSH agent: ssh-add {locked.path}\n"
    )


@pytest.mark.openssh
def test_nobody_is_asked_in_vain(lab: Lab, locked: UserKey, openssh_server: StartServer) -> None:
    server = openssh_server(key=locked)
    other = server.target_xml("b", identity_file=None, password_env="NOT_SET")  # noqa: S106
    lab.start(server.target_xml("a"), other)
    assert lab.ended() == 3
    assert lab.terminal.text == (
        "lab.xml:3: error: the variable NOT_SET of <password-env> is not set; export it\n"
    )


@pytest.mark.parametrize("server", of_kinds("openssh"), indirect=True)
def test_other_keys_are_asked_for_only_where_there_is_nothing_else(
    lab: Lab, server: Server, ssh_agent: SshAgent
) -> None:
    make_user_key(lab.home / ".ssh" / "id_ed25519", passphrase=_PASSPHRASE)
    lab.environment["SSH_AUTH_SOCK"] = str(ssh_agent.path)
    lab.start(server.target_xml("a", identity_file=None))
    assert lab.ended() == 0
    assert "Passphrase" not in lab.terminal.text


@pytest.mark.openssh
def test_a_usual_key_is_asked_for_where_there_is_nothing_else(
    lab: Lab, openssh_server: StartServer
) -> None:
    key = make_user_key(lab.home / ".ssh" / "id_ed25519", passphrase=_PASSPHRASE)
    lab.start(openssh_server(key=key).target_xml("a", identity_file=None))
    lab.answer(f"Passphrase of the key {key.path}: ", f"{_PASSPHRASE}\n")
    assert lab.ended() == 0


@pytest.mark.openssh
def test_the_password_of_a_user_is_asked_for_once(lab: Lab, openssh_server: StartServer) -> None:
    server = openssh_server(settings={"PasswordAuthentication": "yes"})
    names = ("a", "b")
    lab.start(*(server.target_xml(name, identity_file=None) for name in names))
    place = f"[{server.host}]:{server.port}"
    lab.answer(f"Password of {server.user} on {place}: ", f"{PASSWORD}\n")
    assert lab.ended() == 0
    assert lab.terminal.text.count("Password") == 1
    assert PASSWORD not in lab.terminal.text


def test_a_password_that_is_asked_for_answers_interactive_questions(
    lab: Lab, asyncssh_server: StartServer
) -> None:
    server = asyncssh_server(behaviour=Behaviour(authentication=("keyboard-interactive",)))
    lab.start(server.target_xml("a", identity_file=None))
    lab.answer("Password of ", f"{PASSWORD}\n")
    assert lab.ended() == 0


@pytest.mark.parametrize("server", of_kinds("openssh"), indirect=True)
def test_ctrl_c_at_a_prompt_leaves_the_terminal_as_it_was(
    lab: Lab, server: Server, locked: UserKey
) -> None:
    lab.start(server.target_xml("a", identity_file=str(locked.path)))
    lab.answer("Passphrase", "half\x03")
    assert lab.ended() == -signal.SIGINT
    assert lab.terminal.shows_what_is_typed
    assert not lab.has_run
