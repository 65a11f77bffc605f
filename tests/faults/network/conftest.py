"""Nodes for faults: a bad one, and a good one that must not notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.faults.network.networks import Network, own_network
from tests.faults.network.nodes import Node
from tests.support.ssh.fixtures import StartProxy, StartServer

MakeNode = Callable[..., Node]


@pytest.fixture
def network(openssh_server: StartServer) -> Iterator[Network]:  # noqa: ARG001 (ends later)
    """A network of its own, in the middle of which the test is."""
    with own_network() as network:
        yield network


@pytest.fixture
def make_node(openssh_server: StartServer) -> MakeNode:
    """Makes a node on this host; the arguments are those of `openssh`."""
    return lambda *, options="", **how: Node(openssh_server(**how), options=options)


@pytest.fixture
def make_proxied(openssh_server: StartServer, fault_proxy: StartProxy) -> MakeNode:
    """Makes a node behind a fault proxy; the arguments are those of `openssh`."""

    def make(*, options: str = "", **how: object) -> Node:
        server = openssh_server(**how)
        return Node(server, proxy=fault_proxy(server), options=options)

    return make


@pytest.fixture
def make_wired(openssh_server: StartServer, network: Network) -> MakeNode:
    """Makes a node in a network of its own; the arguments are those of `openssh`."""

    def make(*, options: str = "", **how: object) -> Node:
        cable = network.connect()
        with cable.node.entered():
            server = openssh_server(addresses=(cable.address,), **how)
        return Node(server, cable=cable, options=options)

    return make


@pytest.fixture
def good(make_node: MakeNode) -> Node:
    """A node that must not notice anything."""
    return make_node()
