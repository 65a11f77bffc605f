"""Fixtures that start servers, and leave nothing of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.ssh.agent import SshAgent, running_agent
from tests.support.ssh.dropbear import dropbear
from tests.support.ssh.inprocess import in_process
from tests.support.ssh.keys import UserKey, make_user_key
from tests.support.ssh.kinds import CONTRACT, KINDS, of_kinds
from tests.support.ssh.leftovers import Markers
from tests.support.ssh.openssh import openssh
from tests.support.ssh.proxy import FaultProxy
from tests.support.ssh.servers import Server
from tests.support.trees import remove_tree

__all__ = (
    "asyncssh_server",
    "dropbear_server",
    "fault_proxy",
    "no_markers_left",
    "openssh_server",
    "server",
    "server_pool",
    "servers_of_test",
    "ssh_agent",
    "user_key",
)

StartServer = Callable[..., Server]
StartProxy = Callable[..., FaultProxy]


class ServerPool:
    """Servers that serve one test after another, each kind started when it is first needed."""

    def __init__(self, key: UserKey) -> None:
        self._key = key
        self._running = ExitStack()
        self._servers: dict[str, Server] = {}

    def __enter__(self) -> ServerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def get(self, kind: str) -> Server:
        """A running server of a kind."""
        server = self._servers.get(kind)
        if server is None or not server.control.is_alive():
            server = self._servers[kind] = self._running.enter_context(KINDS[kind](self._key))
        return server


@pytest.fixture(scope="session")
def user_key(tmp_path_factory: pytest.TempPathFactory) -> UserKey:
    """The key that every server lets in."""
    return make_user_key(tmp_path_factory.mktemp("keys") / "id_ed25519")


@pytest.fixture(scope="session")
def server_pool(user_key: UserKey) -> Iterator[ServerPool]:
    with ServerPool(user_key) as pool:
        yield pool


@pytest.fixture
def no_markers_left() -> Iterator[Markers]:
    """Takes texts that no process's environment may contain when the test has ended.

    That is looked at before any server is stopped, which would hide what was left.
    """
    markers = Markers()
    yield markers
    markers.check()


@pytest.fixture(params=of_kinds(*CONTRACT))
def server(
    request: pytest.FixtureRequest, server_pool: ServerPool, no_markers_left: Markers
) -> Iterator[Server]:
    """A server of each kind in turn; parametrise it indirectly for others, with `of_kinds`.

    It serves other tests, too: what a session has started is killed when a test has ended, and
    the home is emptied.
    """
    server = server_pool.get(request.param)
    yield server
    try:
        no_markers_left.check()
    finally:
        server.end_commands()
        _empty(server.home)


@pytest.fixture
def servers_of_test(no_markers_left: Markers) -> Iterator[ExitStack]:
    """What runs for one test alone, and is stopped when the test has ended."""
    with ExitStack() as running:
        yield running
        no_markers_left.check()


@pytest.fixture
def openssh_server(user_key: UserKey, servers_of_test: ExitStack) -> StartServer:
    """Starts OpenSSH servers for one test; the arguments are those of `openssh`."""
    return lambda **options: servers_of_test.enter_context(openssh(**{"key": user_key, **options}))


@pytest.fixture
def dropbear_server(user_key: UserKey, servers_of_test: ExitStack) -> StartServer:
    """Starts Dropbear servers for one test; the arguments are those of `dropbear`."""
    return lambda **options: servers_of_test.enter_context(dropbear(**{"key": user_key, **options}))


@pytest.fixture
def asyncssh_server(user_key: UserKey, servers_of_test: ExitStack) -> StartServer:
    """Starts asyncssh servers for one test; the arguments are those of `in_process`."""
    return lambda **options: servers_of_test.enter_context(
        in_process(**{"key": user_key, **options})
    )


@pytest.fixture
def fault_proxy(servers_of_test: ExitStack) -> StartProxy:
    """Starts proxies before servers for one test; the arguments are those of `FaultProxy`."""
    return lambda server, **options: servers_of_test.enter_context(FaultProxy(server, **options))


@pytest.fixture
def ssh_agent(
    user_key: UserKey, servers_of_test: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> SshAgent:
    """An agent that holds the key which every server lets in; SSH_AUTH_SOCK leads to it."""
    agent = servers_of_test.enter_context(running_agent(user_key))
    for name, value in agent.environment.items():
        monkeypatch.setenv(name, value)
    return agent


def _empty(home: Path) -> None:
    """Remove what a test left there; the keys of a Dropbear login lie in `.ssh`."""
    for entry in home.iterdir():
        if entry.name == ".ssh":
            continue
        if entry.is_dir() and not entry.is_symlink():
            remove_tree(entry)
        else:
            entry.unlink()
