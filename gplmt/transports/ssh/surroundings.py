"""What OpenSSH's configuration may refer to: the user, the home, variables, `%` tokens."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gplmt.language.logins import check_host, check_user

_TOKEN = re.compile(r"%(.?)")
_HOST_TOKENS = frozenset("hkn")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class Surroundings(Struct, frozen=True, kw_only=True):
    """The execution host and who runs gplmt there."""

    home: Path
    user: str
    environment: Mapping[str, str]
    host_name: str
    system_directory: Path = Path("/etc/ssh")

    @classmethod
    def of_this_process(cls) -> Surroundings:
        """Those that gplmt runs in."""
        return cls(
            home=Path(os.path.expanduser("~")),  # noqa: PTH111 (fails for who has none)
            user=_local_user(),
            environment=os.environ,
            host_name=socket.gethostname(),
        )

    @property
    def directory(self) -> Path:
        """Where the user's configuration, keys and known hosts lie."""
        return self.home / ".ssh"

    def expand_home(self, path: str) -> str:
        """The path with `~/` or `~USER/` at its start expanded."""
        if path == "~" or path.startswith("~/"):
            return str(self.home) + path[1:]
        return os.path.expanduser(path) if path.startswith("~") else path  # noqa: PTH111

    def expand_variables(self, text: str) -> str:
        """The text with `${NAME}` replaced.

        Raises:
            ValueError: a variable is not set.
        """
        return _VARIABLE.sub(self._value, text)

    def expand_path(self, path: str, tokens: Mapping[str, str]) -> str:
        """A path as OpenSSH's keywords for files take it: `~`, `%` tokens, `${NAME}`.

        Raises:
            ValueError: it names an unknown token or an unset variable.
        """
        return self.expand_variables(expand_tokens(self.expand_home(path), tokens))

    def tokens(self, *, name: str, host: str, port: int, user: str, alias: str) -> dict[str, str]:
        """The `%` tokens for a host that the user calls `name`; see ssh_config(5), TOKENS."""
        connection = f"{self.host_name}{host}{port}{user}"
        return {
            "%": "%",
            "C": hashlib.sha1(connection.encode(), usedforsecurity=False).hexdigest(),
            "d": str(self.home),
            "h": host,
            "i": str(os.getuid()),
            "k": alias,
            "L": self.host_name.partition(".")[0],
            "l": self.host_name,
            "n": name,
            "p": str(port),
            "r": user,
            "u": self.user,
        }

    def _value(self, match: re.Match[str]) -> str:
        value = self.environment.get(match[1])
        if value is None:
            raise ValueError(f"the variable {match[1]} is not set")
        return value


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as containers have them
        return str(os.getuid())


def words_of(error: OSError) -> str:
    """What the system says of an error, as a part of a message."""
    return (error.strerror or str(error)).lower()


def expand_in_shell(text: str, tokens: Mapping[str, str]) -> str:
    """A command for a shell with its `%` tokens replaced, in which no name is a command.

    Raises:
        ValueError: there is no such token here, or a host or user in it has an impossible name.
    """
    expanded = expand_tokens(text, tokens)
    used = set(_TOKEN.findall(text))
    for letter in sorted(used & _HOST_TOKENS):
        check_host(tokens[letter])
    if "r" in used:
        check_user(tokens["r"])
    return expanded


def expand_tokens(text: str, tokens: Mapping[str, str]) -> str:
    """The text with its `%` tokens replaced.

    Raises:
        ValueError: there is no such token here.
    """
    if "%" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        if match[1] not in tokens:
            raise ValueError(f"{match[0]} in {text!r} means nothing here; write %% for a percent")
        return tokens[match[1]]

    return _TOKEN.sub(value, text)
