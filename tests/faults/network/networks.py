"""Networks of nodes that share nothing with the machine's own, and their faults.

gplmt stands in the middle; each node has a cable of its own, whose faults the kernel makes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from tests.faults.network.namespaces import Namespace
from tests.support.ssh.places import need_program

_UNTESTED = "FAULTS IN REAL NETWORKS"
_ADDRESSES = "198.51.100"  # of no network that there is (RFC 5737)
_TO_NODE = ("INPUT", "-i", "eth0")
_FROM_NODE = ("OUTPUT", "-o", "eth0")


class Cable:
    """What leads to one node, and the node's end of it."""

    def __init__(
        self, hub: Namespace, make_machine: Callable[[], Namespace], *, number: int
    ) -> None:
        self.address = f"{_ADDRESSES}.{number}"
        self._hub = hub
        self._make_machine = make_machine
        self._end = f"node{number}"
        self.node = make_machine()
        self._connect()

    def replace_machine(self) -> None:
        """Have another machine here, at the same address, which knows of no connection.

        The cable is cut until it is healed.
        """
        self._hub.call("ip", "link", "delete", self._end)
        self.node = self._make_machine()
        self.cut()
        self._connect()

    def cut(self) -> None:
        """Lose all that is sent, in either direction."""
        self._drop(_TO_NODE)
        self._drop(_FROM_NODE)

    def deafen(self) -> None:
        """Lose what is sent to the node; what it sends arrives."""
        self._drop(_TO_NODE)

    def mute(self) -> None:
        """Lose what the node sends; what is sent to it arrives."""
        self._drop(_FROM_NODE)

    def lose(self, share: float) -> None:
        """Lose this share of the packets, at random, in both directions."""
        for way in (_TO_NODE, _FROM_NODE):
            self._drop(way, "-m", "statistic", "--mode", "random", "--probability", str(share))

    def unplug(self) -> None:
        """Pull it out: both ends see that there is no carrier."""
        self._hub.call("ip", "link", "set", self._end, "down")

    def limit(self, kilobits_per_second: int) -> None:
        """Let so much pass, in each direction."""
        rate = ("rate", f"{kilobits_per_second}kbit", "burst", "16kb", "latency", "500ms")
        for namespace, end in ((self._hub, self._end), (self.node, "eth0")):
            namespace.call("tc", "qdisc", "replace", "dev", end, "root", "tbf", *rate)

    def heal(self) -> None:
        """Let all pass again, and as fast as it can."""
        self.node.call("iptables", "-w", "-F")
        self._hub.call("ip", "link", "set", self._end, "up")

    def _connect(self) -> None:
        peer = ("peer", "name", "eth0", "netns", self.node.path)
        self._hub.call("ip", "link", "add", self._end, "type", "veth", *peer)
        self._hub.call("ip", "link", "set", self._end, "master", "hub", "up")
        self.node.call("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.node.call("ip", "link", "set", "eth0", "up")

    def _drop(self, way: Sequence[str], *which: str) -> None:
        self.node.call("iptables", "-w", "-A", *way, *which, "-j", "DROP")


class Network:
    """A hub, and nodes that are connected to it; who has entered it is in the hub."""

    def __init__(self) -> None:
        """Make it.

        Raises:
            OSError: that cannot be done here.
        """
        self._count = 0
        with ExitStack() as running:
            self._hub = running.enter_context(Namespace())
            self._hub.call("ip", "link", "add", "hub", "type", "bridge", "stp_state", "0")
            self._hub.call("ip", "address", "add", f"{_ADDRESSES}.254/24", "dev", "hub")
            self._hub.call("ip", "link", "set", "hub", "up")
            self._running = running.pop_all()

    def __enter__(self) -> Network:
        self._running.enter_context(self._hub.entered())
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def connect(self) -> Cable:
        """A cable to a new node."""
        self._count += 1
        return Cable(self._hub, self._make_machine, number=self._count)

    def _make_machine(self) -> Namespace:
        return self._running.enter_context(Namespace())


@contextmanager
def own_network() -> Iterator[Network]:
    """A network for the thread that enters this, and what it starts; skips where there is none."""
    for program, package in (("ip", "iproute2"), ("tc", "iproute2"), ("iptables", "iptables")):
        need_program(program, package=package, untested=_UNTESTED)
    if (trouble := _trouble()) is not None:
        pytest.skip(f"{_UNTESTED} NOT TESTED: {trouble}")
    with Network() as network:
        yield network


@functools.cache
def _trouble() -> str | None:
    """Why no network can be had, or not all of its faults."""
    try:
        with Network() as network:
            cable = network.connect()
            cable.lose(0.1)
            cable.limit(1000)
            cable.heal()
    except OSError as error:
        return f"this takes root, and a kernel that has all of it ({error})"
    return None
