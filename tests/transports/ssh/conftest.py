"""Hosts whose commands run on real servers, and fixtures that look what is left there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.processes import children, marked_by, open_descriptors, until
from tests.support.ssh.servers import Server
from tests.transports.host import Host
from tests.transports.ssh.node_host import HostsOnServer, NodeHosts

# On further kinds of servers these are tested when there is time, with `pytest -m long`.
_SOON = {
    "test_commands": ("asyncssh", "openssh-busybox"),
    "test_stopping": ("openssh", "openssh-busybox"),
    "test_leftovers": ("asyncssh", "openssh-busybox", "dropbear"),
    "test_lasting_output": ("asyncssh", "openssh-busybox"),
    "test_outages": ("openssh", "openssh-busybox"),
    "test_guard_on_nodes": ("openssh-dash", "openssh-busybox"),
}
# So are copies in these ways: what they show is mostly shown by others, too.
_LATER = ("openssh-dash-Way.SFTP", "openssh-busybox-Way.ALL", "dropbear-Way.ALL")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == Path(__file__).parent:
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            kinds = _SOON.get(item.path.stem)
            if kinds is not None and parameters.get("server", kinds[0]) not in kinds:
                item.add_marker("long")
            if any(part in item.name for part in _LATER):
                item.add_marker("long")


@pytest.fixture
async def node_hosts(tmp_path: Path, servers_of_test: ExitStack) -> AsyncIterator[NodeHosts]:  # noqa: ARG001 (these live longer)
    """Makes hosts on any servers; those that a test starts are stopped after the hosts."""
    configuration = tmp_path / "ssh_config"
    configuration.touch()
    hosts = NodeHosts(configuration)
    yield hosts
    for host in hosts.made:
        await host.close()
    assert [host.marked() for host in hosts.made if host.marked()] == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
async def hosts(server: Server, node_hosts: NodeHosts) -> AsyncIterator[HostsOnServer]:
    """Makes hosts on one server, of which nothing may be left in it, nor in this process."""
    before = children(), open_descriptors()
    hosts = HostsOnServer(node_hosts, server)
    yield hosts
    for host in node_hosts.made:
        await host.close()
    await becomes(lambda: marked_by(f"{server.host} {server.port}\0"), {})
    await becomes(lambda: (children(), open_descriptors()), before)


async def becomes(look: Callable[[], object], expected: object) -> None:
    """Wait until something is as expected; fail with what it is."""
    with suppress(AssertionError):
        await until(lambda: look() == expected, seconds=5)
    assert look() == expected


@pytest.fixture
def host(hosts: HostsOnServer) -> Host:
    return hosts.make()
