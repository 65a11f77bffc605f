"""Hosts that look, when a test is over, whether anything was left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.processes import children, open_descriptors
from tests.transports.host import Host, Hosts

pytest.register_assert_rewrite("tests.transports.contracts", "tests.transports.told")


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[Hosts]:
    before = children(), open_descriptors()
    hosts = Hosts(tmp_path)
    yield hosts
    for host in hosts.made:
        await host.close()
    assert [host.marked() for host in hosts.made if host.marked()] == []
    assert (children(), open_descriptors()) == before
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
def host(hosts: Hosts) -> Host:
    return hosts.make()
