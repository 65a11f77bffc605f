"""Logging in as a run does, to servers that a test has."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncssh
from msgspec.structs import replace

from gplmt.diagnostics import Location
from gplmt.inventory import Node, SshAddress
from gplmt.language.targets import SshOptions
from gplmt.protocols import SshSettings
from gplmt.transports.ssh.explaining import explain
from gplmt.transports.ssh.logins import Login, Logins
from gplmt.transports.ssh.proxies import Proxy
from gplmt.transports.ssh.surroundings import Surroundings
from tests.support.ssh.servers import Server


def node(host: str, *, name: str = "n", line: int = 1, options: SshOptions | None = None) -> Node:
    """A target of a document."""
    address = SshAddress(host=host, options=options or SshOptions())
    return Node(at=Location("lab.xml", line), name=name, address=address)


def options_for(server: Server) -> SshOptions:
    """What a document has to say so that a login succeeds."""
    return SshOptions(
        user=server.user,
        port=server.port,
        identity_file=str(server.identity_file),
        known_hosts_file=str(server.known_hosts),
    )


class Person:
    """Somebody with a home of their own, who runs gplmt there and is told warnings."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.directory = home / ".ssh"
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.environment = dict(environment or {})
        self.warnings: list[str] = []

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(
            home=self.home,
            user="me",
            environment=self.environment,
            host_name=socket.gethostname(),
            system_directory=self.home / "etc",
        )

    def write(self, name: str, text: str) -> Path:
        """Write a file of `.ssh`."""
        file = self.directory / name
        file.touch(mode=0o600)
        file.write_text(text)
        return file

    def prepare(self, nodes: Sequence[Node], settings: SshSettings | None = None) -> Logins:
        """The logins of some nodes; asks nothing."""
        logins = Logins(
            replace(settings or SshSettings(), is_batch=True),
            warn=self._warn,
            surroundings=self.surroundings,
        )
        logins.prepare(nodes)
        return logins

    def login(self, node: Node, settings: SshSettings | None = None) -> Login:
        """The login of one node."""
        return self.prepare([node], settings).of(node)

    def _warn(self, message: str, at: Location | None) -> None:
        self.warnings.append(message if at is None else f"{at}: {message}")


@asynccontextmanager
async def logged_in(login: Login) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection, through all jump hosts."""
    async with AsyncExitStack() as way:
        tunnel = None
        for hop in login.jumps:
            tunnel = await way.enter_async_context(_connection(hop, tunnel))
        yield await way.enter_async_context(_connection(login, tunnel))


async def attempt(login: Login) -> str | None:
    """Log in, and run something: the reason why that fails, None if it does not."""
    try:
        async with logged_in(login) as connection:
            await connection.run("true", check=True)
    except (asyncssh.Error, OSError) as error:
        return explain(error, login)
    return None


def _connection(
    login: Login, tunnel: asyncssh.SSHClientConnection | None
) -> AbstractAsyncContextManager[asyncssh.SSHClientConnection]:
    way = tunnel if login.proxy_command is None else Proxy(login.proxy_command)
    return asyncssh.connect(login.host, login.port, options=login.options, tunnel=way)
