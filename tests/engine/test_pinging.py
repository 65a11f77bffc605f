"""Many nodes asked at once: all that is known is told, whatever becomes of some."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

from gplmt.clock import SystemClock
from gplmt.diagnostics import Location
from gplmt.engine.pinging import Pings
from gplmt.errors import ConnectError
from gplmt.inventory import LocalAddress, Node
from gplmt.transports.fake import FakeTransport, Script
from tests.support.processes import until

NODES = [
    Node(at=Location("lab.xml", 1), name=name, address=LocalAddress()) for name in ("a", "b", "c")
]


class Asking:
    """The three nodes, which do as scripted; `told` are the names that were waited for."""

    def __init__(self, **scripts: Script) -> None:
        self.told: list[list[str]] = []
        self.transport = FakeTransport(
            SystemClock(), lambda node, _: scripts.get(node.name, Script())
        )
        self.pings = Pings(NODES, {"local": self.transport}, self._tell, tell_after_seconds=0.05)

    def _tell(self, waiting: Sequence[Node]) -> None:
        self.told.append([node.name for node in waiting])


async def test_results_come_in_the_order_of_the_nodes_and_connections_are_closed() -> None:
    asking = Asking(a=Script(seconds=0.02), b=Script(error=ConnectError("gone")))
    first, second, third = await asking.pings.run()
    assert [each.node for each in (first, second, third)] == NODES
    assert first.answer is not None
    assert (second.answer, second.reason) == (None, "gone")
    assert third.answer is not None
    assert asking.pings.signal is None
    assert asking.transport.is_closed
    assert asking.told == []


async def test_who_takes_long_is_told_once() -> None:
    asking = Asking(a=Script(seconds=0.2), c=Script(seconds=0.2))
    await asking.pings.run()
    assert asking.told == [["a", "c"]]


async def test_a_signal_ends_the_waiting_and_keeps_what_is_known() -> None:
    asking = Asking(a=Script(error=ConnectError("gone")), b=Script(seconds=1000))
    running = asyncio.create_task(asking.pings.run())
    await until(lambda: asking.told == [["b"]])
    asking.pings.interrupt(signal.SIGTERM)
    asking.pings.interrupt(signal.SIGINT)
    first, second, third = await running
    assert first.reason == "gone"
    assert (second.answer, second.reason) == (None, None)
    assert third.answer is not None
    assert asking.pings.signal == signal.SIGTERM
    assert asking.transport.is_closed
