"""What else local targets do: copies and connections (LANGUAGE.md 6.3, 6.8)."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from gplmt.journals import UnwrittenJournal
from gplmt.transports import local
from tests.transports.host import Host, node


async def test_copies_are_relative_to_the_working_directory(host: Host, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    put = await host.transport.put(node(), [tmp_path / "f"], "new/", journal=UnwrittenJournal())
    assert put.created == (str(tmp_path / "new"), str(tmp_path / "new/f"))
    got = await host.transport.get(
        node(), "new/*", tmp_path / "got", into=True, journal=UnwrittenJournal()
    )
    assert (got.files, (tmp_path / "got/f").read_bytes()) == (1, b"x")
    assert await host.transport.remove(node(), put.created) == ()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_an_open_port_can_be_connected_to(name: str, host: Host) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await host.transport.can_connect(node(), name, port)
    server.close()
    await server.wait_closed()
    assert not await host.transport.can_connect(node(), name, port)


@pytest.mark.parametrize("name", ["no.such.host.invalid", "", "a b", "." * 300, "é" * 100])
async def test_a_host_that_cannot_be_is_not_connected_to(name: str, host: Host) -> None:
    assert not await host.transport.can_connect(node(), name, 9)


async def test_a_connection_that_hangs_is_given_up(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_CONNECT_SECONDS", 0.2)
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # takes one connection, and answers no other
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        assert not await host.transport.can_connect(node(), *full.getsockname())
