"""Stopping local commands (LANGUAGE.md 7.5, 11.2)."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from tests.support.processes import is_alive
from tests.transports.contracts.stopping import *  # noqa: F403
from tests.transports.contracts.stopping import DEAF, cancel_all, up
from tests.transports.host import Hosts


async def test_two_hundred_are_stopped_in_the_time_of_one(hosts: Hosts) -> None:
    host = hosts.make(grace_seconds=0.5)
    executions = [host.begin(f"{DEAF} echo up; sleep 1000; sleep 1000") for _ in range(200)]
    for execution in executions:
        await up(execution)
    begun = time.monotonic()
    await cancel_all(executions)
    assert 0.5 <= time.monotonic() - begun < 0.5 + 2.0
    assert host.marked() == {}


async def test_what_flees_as_fast_as_it_can_is_caught(hosts: Hosts) -> None:
    # Each generation starts the next one in a session of its own, and ends.
    host = hosts.make(grace_seconds=0.05)
    runner = f"#!/bin/sh\n{DEAF}\n[ $1 = 2000 ] || setsid ./runner $(($1+1)) &\n"
    host.make_file("runner", runner, mode=0o755)
    execution = host.begin("./runner 0; echo up; sleep 1000")
    await up(execution)
    await execution.cancel()
    assert host.marked() == {}


async def test_an_inherited_marker_is_not_ours(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As when gplmt runs inside a command of another gplmt.
    monkeypatch.setenv("GPLMT_COMMAND_ID", "outer-s1.1/n1")
    environment = dict(os.environ)
    bystander = await asyncio.create_subprocess_exec("sleep", "1000", env=environment)
    host = hosts.make()
    execution = host.begin('echo "$GPLMT_COMMAND_ID"; setsid sleep 1000 & echo up; wait')
    await up(execution)
    await execution.cancel()
    assert execution.stdout.data.startswith(host.token.encode())
    assert is_alive(bystander.pid)
    bystander.kill()
    await bystander.wait()
