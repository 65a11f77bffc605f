"""Which code reaches which kind of address: a plain table, looked up when a run needs it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from gplmt.inventory import Node
from gplmt.protocols import Transport, TransportSettings

TRANSPORTS = {
    "local": "gplmt.transports.local:LocalTransport",
    "ssh": "gplmt.transports.ssh.transport:SshTransport",
}


class _TransportFactory(Protocol):
    def __call__(self, settings: TransportSettings, nodes: Sequence[Node]) -> Transport: ...


def make_transport(kind: str, settings: TransportSettings, nodes: Sequence[Node]) -> Transport:
    """The transport that reaches `nodes`, all of one kind of address; imports its module.

    Raises:
        KeyError: there is none.
        SetupError: some cannot be reached as the document wants it.
    """
    module, _, name = TRANSPORTS[kind].partition(":")
    factory = cast(_TransportFactory, getattr(import_module(module), name))
    return factory(settings, nodes)
