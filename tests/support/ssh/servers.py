"""A running SSH server, as a test sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from xml.sax.saxutils import escape

from msgspec import Struct
from msgspec.structs import replace


class Sessions(Protocol):
    """What can be done to a server while it runs."""

    def kill_sessions(self) -> None:
        """Cut all connections, as if their server processes had died; the commands live on."""

    def end_commands(self) -> None:
        """Cut all connections, and kill whatever their sessions have started."""

    def is_alive(self) -> bool:
        """Whether it still accepts connections."""

    def log(self) -> str:
        """What the server has written so far."""


class Server(Struct, frozen=True, kw_only=True):
    """Where a server listens, and what a client needs to log in to it.

    `user` logs in with the key in `identity_file`, and starts in `home`.  `known_hosts` trusts
    the server, whose key is `host_key`, in OpenSSH's form.  `pid` is that of the process which
    listens; None where that is the tests' own.
    """

    kind: str
    host: str
    port: int
    user: str
    identity_file: Path
    known_hosts: Path
    host_key: str
    pid: int | None
    home: Path
    control: Sessions

    def at(self, host: str) -> Server:
        """The same server at another of its addresses."""
        return replace(self, host=host)

    def target_xml(self, name: str, *, inner: str = "", **options: str | None) -> str:
        """A `<target>` that leads here.

        `options` are further elements, or other values for those that there are (`host`, `user`,
        `port`, `identity_file`, `known_hosts_file`); None leaves one out.  `inner` is XML.
        """
        values = {
            "host": self.host,
            "user": self.user,
            "port": str(self.port),
            "identity_file": str(self.identity_file),
            "known_hosts_file": str(self.known_hosts),
            **options,
        }
        elements = "".join(_element(option, text) for option, text in values.items())
        return f'<target name="{name}" type="ssh">{elements}{inner}</target>'

    def ssh_config(self, alias: str, **options: str | None) -> str:
        """A `Host` block of an OpenSSH client configuration that leads here by an alias.

        `options` are further keywords, or other values for those that there are; None leaves
        one out.
        """
        values = {
            "HostName": self.host,
            "User": self.user,
            "Port": str(self.port),
            "IdentityFile": f'"{self.identity_file}"',
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": f'"{self.known_hosts}"',
            "StrictHostKeyChecking": "yes",
            **options,
        }
        lines = [f"    {keyword} {value}\n" for keyword, value in values.items() if value]
        return f"Host {alias}\n{''.join(lines)}"

    def kill_sessions(self) -> None:
        """Cut all connections, as if their server processes had died; the commands live on."""
        self.control.kill_sessions()

    def end_commands(self) -> None:
        """Cut all connections, and kill whatever their sessions have started."""
        self.control.end_commands()

    def log(self) -> str:
        """What the server has written so far."""
        return self.control.log()


def _element(option: str, text: str | None) -> str:
    if text is None:
        return ""
    name = option.replace("_", "-")
    return f"<{name}>{escape(text)}</{name}>"
