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
