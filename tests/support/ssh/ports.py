"""Ports of this machine that are free, and addresses that lead nowhere else."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

# Below those that the kernel gives to clients, so that none of them takes one in between.
_PORTS = range(12_000, 32_000)
# For examples only (RFC 5737), and so the addresses of tests that make networks of their own.
_NOBODYS = ip_network("198.51.100.0/24")


def free_port(addresses: Sequence[str]) -> int:
    """A port that is free on all of these addresses, which lead nowhere else.

    It is taken at random, so that tests that run beside these hardly ever choose the same.
    """
    assert all(map(_is_harmless, addresses))
    while True:
        port = random.choice(_PORTS)  # noqa: S311
        if all(_is_free(address, port) for address in addresses):
            return port


def _is_harmless(address: str) -> bool:
    return ip_address(address).is_loopback or ip_address(address) in _NOBODYS


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
