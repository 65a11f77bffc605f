"""Which code reaches which kind of address: a plain table, looked up when a run needs it."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from gplmt.protocols import Transport, TransportSettings

TRANSPORTS = {
    "local": "gplmt.transports.local:LocalTransport",
}


class _TransportFactory(Protocol):
    def __call__(self, settings: TransportSettings) -> Transport: ...


def is_reachable(kind: str) -> bool:
    """Whether there is a transport for a kind of address."""
    return kind in TRANSPORTS


def make_transport(kind: str, settings: TransportSettings) -> Transport:
    """The transport for a kind of address (`gplmt.inventory`); imports its module.

    Raises:
        KeyError: there is none.
    """
    module, _, name = TRANSPORTS[kind].partition(":")
    factory = cast(_TransportFactory, getattr(import_module(module), name))
    return factory(settings)
