"""An asyncssh server in a thread of the tests: it needs neither root nor a package."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncssh
from msgspec import Struct

from tests.support.ssh.accounts import PASSWORD
from tests.support.ssh.keys import UserKey, exported, write_known_hosts
from tests.support.ssh.loops import LoopThread
from tests.support.ssh.places import server_directory
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import kill_until_none, started_through
from tests.support.ssh.shells import Shells

_HOST = "127.0.0.1"
_Challenge = tuple[str, str, str, list[tuple[str, bool]]]  # title, instructions, language, prompts


class Behaviour(Struct, frozen=True, kw_only=True):
    """How a server treats its clients.

    `authentication` are the ways to log in: `publickey`, `password`, `keyboard-interactive`.
    The first `refused` connections are closed at once, as OpenSSH does at MaxStartups; with
    `drop_after_seconds`, each connection so long after it was made.
    """

    sftp: bool = True
    authentication: tuple[str, ...] = ("publickey",)
    refused: int = 0
    drop_after_seconds: float | None = None


@contextmanager
def in_process(key: UserKey, *, behaviour: Behaviour | None = None) -> Iterator[Server]:
    """A server that lets in who runs the tests."""
    with server_directory() as directory, LoopThread() as loop:
        home = directory / "home"
        home.mkdir()
        host_key = asyncssh.generate_private_key("ssh-ed25519")
        running = _InProcess(key, home, behaviour or Behaviour(), loop)
        port = loop.run(running.listen(host_key))
        try:
            yield Server(
                kind="asyncssh",
                host=_HOST,
                port=port,
                user=running.user,
                identity_file=key.path,
                known_hosts=write_known_hosts(
                    directory / "known_hosts", [_HOST], port, exported(host_key)
                ),
                host_key=exported(host_key),
                pid=None,
                home=home,
                control=running,
            )
        finally:
            running.stop()


class _InProcess:
    """The server and its connections; `loop` is that of its thread."""

    def __init__(self, key: UserKey, home: Path, behaviour: Behaviour, loop: LoopThread) -> None:
        self.user = getpass.getuser()
        self.key = key
        self.behaviour = behaviour
        self._home = home
        self._shells = Shells(home)
        self._loop = loop
        self._connections: list[asyncssh.SSHServerConnection] = []
        self._listener: asyncssh.SSHAcceptor | None = None
        self._port = 0

    async def listen(self, host_key: asyncssh.SSHKey) -> int:
        """Accept connections; the port is the answer."""
        self._listener = await asyncssh.listen(
            _HOST,
            0,
            server_factory=lambda: _Login(self),
            server_host_keys=[host_key],
            process_factory=self._shells.serve,
            sftp_factory=self._files if self.behaviour.sftp else None,
            encoding=None,
        )
        self._port = self._listener.get_port()
        return self._port

    def admit(self, connection: asyncssh.SSHServerConnection) -> None:
        """Keep a new connection, or do to it what the behaviour says."""
        self._connections.append(connection)
        if len(self._connections) <= self.behaviour.refused:
            connection.abort()
        elif (seconds := self.behaviour.drop_after_seconds) is not None:
            asyncio.get_running_loop().call_later(seconds, connection.abort)

    def kill_sessions(self) -> None:
        """Cut all connections; the commands live on."""
        self._loop.call(self._abort)

    def end_commands(self) -> None:
        """Cut all connections, and kill whatever their sessions have started."""
        self.kill_sessions()
        kill_until_none(lambda: started_through(self._port))

    def is_alive(self) -> bool:
        """Whether it accepts connections."""
        return self._listener is not None

    def log(self) -> str:
        """Nothing: it keeps none."""
        return ""

    def stop(self) -> None:
        """Close it, its connections, and what their sessions have started."""
        self._loop.run(self._close())
        self.end_commands()
        self._loop.run(self._shells.end())

    def _files(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return _Files(channel, self._home)

    def _abort(self) -> None:
        for connection in self._connections:
            connection.abort()

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            await self._listener.wait_closed()
        self._listener = None


class _Login(asyncssh.SSHServer):
    """Lets one user in."""

    def __init__(self, server: _InProcess) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._server.admit(conn)

    def public_key_auth_supported(self) -> bool:
        return self._offers("publickey")

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._server.user and exported(key) == self._server.key.public

    def password_auth_supported(self) -> bool:
        return self._offers("password")

    def validate_password(self, username: str, password: str) -> bool:
        return username == self._server.user and password == PASSWORD

    def kbdint_auth_supported(self) -> bool:
        return self._offers("keyboard-interactive")

    def get_kbdint_challenge(self, *_: str, **__: str) -> _Challenge:
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
        return username == self._server.user and list(responses) == [PASSWORD]

    def connection_requested(self, *_: object, **__: object) -> bool:
        """Let clients jump from here to any host."""
        return True

    def _offers(self, method: str) -> bool:
        return method in self._server.behaviour.authentication


class _Files(asyncssh.SFTPServer):
    """The machine's files; relative paths start in the home directory, as sshd has it."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel)
        self._home = bytes(home)

    def map_path(self, path: bytes) -> bytes:
        return path if path.startswith(b"/") else self._home + b"/" + path
