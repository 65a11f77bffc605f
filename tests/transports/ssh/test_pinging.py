"""What nodes tell of themselves: how far they are, what they run, what time they have."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gplmt.protocols import Answer, Endpoint
from gplmt.transports.ssh.pinging import Exchange, Turns, read_clock, round_trip
from gplmt.transports.systems import describe_this_system
from tests.support.processes import until
from tests.support.ssh.fixtures import StartProxy, StartServer
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import program, started_through
from tests.transports.host import Host
from tests.transports.ssh.node_host import NodeHosts

REAL_DATE = "/bin/date"
_LONGEST_SECONDS = 30.0

InsteadOf = Callable[[str, str], None]


@pytest.fixture
def instead_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InsteadOf:
    """Puts a shell script in the place of a program, on in-process servers."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def put(name: str, script: str) -> None:
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)

    return put


async def answer_of(host: Host) -> Answer:
    async with asyncio.timeout(_LONGEST_SECONDS):
        pinged = await host.transport.ping(host.node("n1"))
    assert pinged.answer is not None, pinged.reason
    assert pinged.reason is None
    return pinged.answer


async def reason_of(host: Host) -> str:
    async with asyncio.timeout(_LONGEST_SECONDS):
        pinged = await host.transport.ping(host.node("n1"))
    assert pinged.answer is None
    assert pinged.reason is not None
    return pinged.reason


def fingerprint(server: Server) -> str:
    return asyncssh.import_public_key(server.host_key).get_fingerprint()


async def test_a_node_tells_its_system_its_key_and_a_time_that_is_right(
    host: Host, server: Server
) -> None:
    pinged = await host.transport.ping(host.node("n1"))
    assert pinged.endpoint == Endpoint(host=server.host, port=server.port, user=server.user)
    answer = pinged.answer
    assert answer is not None, pinged.reason
    assert answer.system == describe_this_system()
    assert answer.host_key == fingerprint(server)
    assert answer.round_trip_seconds > 0
    assert answer.connect_seconds > 0
    assert answer.clock is not None
    # The node is this host.
    assert abs(answer.clock.offset_seconds) <= answer.clock.uncertainty_seconds


async def test_a_node_can_be_asked_again_and_used(host: Host) -> None:
    first, second = await answer_of(host), await answer_of(host)
    assert first.system == second.system
    assert second.connect_seconds < first.connect_seconds  # it was connected already
    assert (await host.run("exit 3")).returncode == 3


async def idle_processes(server: Server) -> set[int]:
    """Those of a guard, once the last of them has been started: it sleeps for most of a lease."""
    await until(lambda: b"sleep" in {program(pid) for pid in started_through(server.port)})
    return started_through(server.port)


async def test_nothing_of_it_is_left_on_the_node_when_it_has_answered(
    host: Host, server: Server
) -> None:
    await host.run("true")
    processes, files = await idle_processes(server), list(server.home.iterdir())
    await answer_of(host)
    await until(lambda: started_through(server.port) <= processes)
    assert list(server.home.iterdir()) == files


async def test_an_answer_waits_until_nothing_of_it_is_left_on_a_node_far_away(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    server = openssh_server()
    proxy = fault_proxy(server)
    host = node_hosts.make(proxy.server)
    await host.run("true")
    processes = await idle_processes(server)
    proxy.delay(0.2)
    await answer_of(host)
    assert started_through(server.port) <= processes


async def test_the_way_to_the_node_is_the_round_trip_and_what_is_not_known_of_its_clock(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(openssh_server())
    proxy.delay(0.05)
    answer = await answer_of(node_hosts.make(proxy.server))
    assert answer.round_trip_seconds >= 0.1
    assert answer.clock is not None
    assert answer.clock.uncertainty_seconds >= 0.05
    assert abs(answer.clock.offset_seconds) <= answer.clock.uncertainty_seconds


async def test_a_clock_that_is_wrong_is_told(
    asyncssh_server: StartServer, node_hosts: NodeHosts, instead_of: InsteadOf
) -> None:
    instead_of("date", f'exec {REAL_DATE} --date="now + 3600 seconds" "$@"')
    clock = (await answer_of(node_hosts.make(asyncssh_server()))).clock
    assert clock is not None
    assert abs(clock.offset_seconds - 3600) <= clock.uncertainty_seconds < 60


@pytest.mark.parametrize(
    "fraction", ["printf '%%N\\n'", "echo N", "echo", ":"], ids=["busybox", "bsd", "empty", "musl"]
)
async def test_a_clock_without_fractions_is_known_to_half_a_second(
    fraction: str, asyncssh_server: StartServer, node_hosts: NodeHosts, instead_of: InsteadOf
) -> None:
    whole = f'{REAL_DATE} +%s | tr "\\n" .; {fraction}' if fraction != ":" else ":"
    instead_of("date", f'case $1 in *N) {whole} ;; *) exec {REAL_DATE} "$@" ;; esac')
    clock = (await answer_of(node_hosts.make(asyncssh_server()))).clock
    assert clock is not None
    assert clock.uncertainty_seconds > 0.5
    assert abs(clock.offset_seconds) <= clock.uncertainty_seconds


async def test_a_node_whose_time_cannot_be_had_answers_all_the_same(
    asyncssh_server: StartServer, node_hosts: NodeHosts, instead_of: InsteadOf
) -> None:
    instead_of("date", "exit 127")
    instead_of("uname", "exit 127")
    answer = await answer_of(node_hosts.make(asyncssh_server()))
    assert answer.clock is None
    assert answer.system == (describe_this_system() or "").rpartition(", ")[0]


async def test_a_node_that_allows_one_session_on_a_connection_is_asked_on_a_second_one(
    openssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    answer = await answer_of(node_hosts.make(openssh_server(settings={"MaxSessions": "1"})))
    assert answer.system == describe_this_system()


async def test_a_node_on_which_no_command_can_be_run_does_not_answer(
    openssh_server: StartServer, node_hosts: NodeHosts
) -> None:
    server = openssh_server(settings={"ForceCommand": "echo this account is closed >&2; exit 1"})
    reason = await reason_of(node_hosts.make(server))
    assert reason == "no command can be run there: this account is closed"


async def test_a_node_that_says_too_much_does_not_answer(
    asyncssh_server: StartServer, node_hosts: NodeHosts, instead_of: InsteadOf
) -> None:
    instead_of("uname", "tr '\\0' x </dev/zero")
    reason = await reason_of(node_hosts.make(asyncssh_server()))
    assert reason == "no command can be run there: it says too much"


async def test_a_connection_that_is_lost_in_between_is_the_reason(
    asyncssh_server: StartServer, node_hosts: NodeHosts, instead_of: InsteadOf
) -> None:
    server = asyncssh_server()
    instead_of("uname", ': >"$HOME/asked"; exec sleep 1000')
    asking = asyncio.create_task(reason_of(node_hosts.make(server)))
    await until(lambda: (server.home / "asked").exists())
    server.kill_sessions()
    assert (await asking).startswith("the connection was lost (")


async def test_who_cannot_be_reached_is_told_with_the_place(
    openssh_server: StartServer, fault_proxy: StartProxy, node_hosts: NodeHosts
) -> None:
    proxy = fault_proxy(openssh_server())
    proxy.refuse()
    host = node_hosts.make(proxy.server)
    pinged = await host.transport.ping(host.node("n1"))
    place = f"{proxy.server.host} port {proxy.server.port}"
    assert pinged.reason == f"{place} cannot be reached: connection refused"
    assert pinged.endpoint is not None
    assert pinged.endpoint.port == proxy.server.port


async def test_exchanges_begin_one_after_another_once_nothing_is_set_up_any_more() -> None:
    turns = Turns()
    moments: list[float] = []

    async def exchange() -> None:
        await turns.come()
        moments.append(time.monotonic())

    began = time.monotonic()
    turns.put_off()
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(exchange())
        await asyncio.sleep(0.05)
        turns.put_off()
    assert moments[0] - began >= 0.15
    assert moments[-1] - began >= 0.159


@given(
    offset=st.floats(-1e6, 1e6),
    ways=st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=5),
    digits=st.sampled_from([0, 6, 9]),
)
def test_the_true_offset_is_within_the_uncertainty(
    offset: float, ways: list[tuple[float, float]], digits: int
) -> None:
    sent_at = 1.8e9
    exchanges = []
    for there, back in ways:
        scale = 10**digits
        shown = int((sent_at + there + offset) * scale) / scale
        answer = f"{shown:.{digits}f}"
        exchanges.append(Exchange(sent_at=sent_at, seconds=there + back, answer=answer))
    clock = read_clock(exchanges)
    assert clock is not None
    rounding = 1e-5  # of floats of this size
    assert abs(clock.offset_seconds - offset) <= clock.uncertainty_seconds + rounding
    assert clock.uncertainty_seconds == (round_trip(exchanges) + 10.0**-digits) / 2


def test_what_is_no_time_is_none() -> None:
    for answer in ("", "x", "12:30", "1.", ".5", "-1", "1e3", "1,5", "nan", "9" * 400):
        assert read_clock([Exchange(sent_at=0, seconds=1, answer=answer)]) is None
