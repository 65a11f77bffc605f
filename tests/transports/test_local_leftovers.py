"""What local commands leave running when their shell has ended (LANGUAGE.md 6.2, 11.1)."""

from __future__ import annotations

import gc
import os
from functools import partial
from pathlib import Path

import pytest

from gplmt.transports import leftovers
from gplmt.transports.shells import Shell
from gplmt.transports.streams import OutputStream
from tests.support.processes import until
from tests.transports.contracts.lasting import *  # noqa: F403
from tests.transports.contracts.leftovers import *  # noqa: F403
from tests.transports.contracts.leftovers import end, names, sleepers
from tests.transports.host import Counter, Host, Hosts, Output


async def test_an_endless_writer_does_not_keep_the_run_from_ending(host: Host) -> None:
    stdout = Counter()
    execution = host.begin("yes & sleep 0.1; exit 3", stdout=stdout)
    assert await execution.returncode() == 3
    assert stdout.size > 0
    await host.stop_leftovers()


async def test_leftovers_are_known_after_thousands_of_commands(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_PRUNE_AT", 20)
    host = hosts.make()
    for number in range(110):
        if number % 10 == 3:
            await host.run("setsid sleep 1000 >/dev/null 2>&1 &")
        else:
            await host.run("true")
    gc.collect()  # the others are forgotten now and then
    assert sum(isinstance(thing, Shell) for thing in gc.get_objects()) < 60
    await until(lambda: sleepers(host) == 11)
    found = await host.stop_leftovers()
    assert names(found) == [["sleep"]] * 11
    assert [leftover.identity for leftover in found] == [
        f"{n}4.1" if n else "4.1" for n in range(11)
    ]


async def test_a_server_left_running_can_still_write(host: Host, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    server = "(read x <go; head -c 300000 /dev/zero; echo err >&2; touch written; exec sleep 1000)"
    execution = host.begin(f"{server} & echo up", leave_running=True)
    await execution.returncode()
    await host.close()
    assert (execution.stdout.closed, execution.stderr.closed) == (1, 1)
    assert execution.stdout.data == b"up\n"
    await until(partial(_tell, tmp_path / "go", b"go\n"))
    await until((tmp_path / "written").exists)
    await end(host)


def _tell(fifo: Path, text: bytes) -> bool:
    """Write to a FIFO; False if nobody reads it yet."""
    try:
        descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    os.write(descriptor, text)
    os.close(descriptor)
    return True


async def test_draining_ends_though_the_pipe_is_never_empty() -> None:
    to_read, to_write = os.pipe()
    os.set_blocking(to_read, False)

    class Refilling(Output):
        def write(self, data: bytes) -> bool:
            assert len(self.data) < 10_000_000
            os.write(to_write, data)
            return super().write(data)

    sink = Refilling()
    stream = OutputStream(to_read, sink, on_failure=lambda _: None)
    os.write(to_write, bytes(65536))
    stream.drain()
    assert stream.is_open
    stream.close()
    os.close(to_write)
    assert (len(sink.data) >= 65536, sink.closed) == (True, 1)
