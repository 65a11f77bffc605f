"""Copies that are cancelled, at any moment (LANGUAGE.md 6.3, 7.5)."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest

from gplmt.protocols import Copied
from tests.support.processes import until
from tests.support.ssh.fixtures import StartProxy, StartServer
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import started_through
from tests.transports.ssh.plain_files import PlainFiles, Way, everywhere, files_of, on_servers
from tests.transports.told import get_there as get
from tests.transports.told import put_there as put
from tests.transports.trees import Shape, grow, look, names, temporaries

MIB = 1 << 20
MANY: Shape = {
    **{f"d{number % 7}/f{number}": os.urandom(5000) for number in range(150)},
    **{f"d{number % 7}/l{number}": "f1" for number in range(20)},
    "big": os.urandom(2 * MIB),
    "d3/big": os.urandom(MIB + 1),
}
FEW: Shape = {**{f"d{number % 3}/f{number}": os.urandom(5000) for number in range(15)}, "l": "d1"}
# asyncssh's own server complains where a client closes a channel early.
EVERYWHERE = everywhere(except_on="asyncssh")
Copying = Coroutine[object, object, Copied]


@pytest.fixture
async def files(server: Server, way: Way) -> AsyncIterator[PlainFiles]:
    async with files_of(server, way) as files:
        yield files


@pytest.fixture
def shape(way: Way) -> Shape:
    """A tree; files take long one by one."""
    return FEW if way is Way.CAT else MANY


async def cancelled_after(work: Copying, *, seconds: float) -> bool:
    """Whether the copy had not ended when it was cancelled; it ends soon then."""
    task = asyncio.ensure_future(work)
    await asyncio.wait((task,), timeout=seconds)
    start = time.monotonic()
    task.cancel()
    await asyncio.wait((task,))
    assert time.monotonic() - start < 3.0
    if not task.cancelled():
        task.result()
    return task.cancelled()


async def seconds_of(work: Copying) -> float:
    start = time.monotonic()
    await work
    return time.monotonic() - start


@EVERYWHERE
async def test_cancelled_at_any_moment_a_put_leaves_nothing(
    shape: Shape, files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", shape)
    longest = await seconds_of(put(files, [source], "whole"))
    cancels = 0
    for number in range(10):
        place = f"x{number}/new"
        if await cancelled_after(put(files, [source], place), seconds=random.uniform(0, longest)):  # noqa: S311
            cancels += 1
            assert not (server.home / f"x{number}").exists()
        else:
            assert look(server.home / place) == look(source)
    assert cancels
    assert temporaries(server.home) == []
    await put(files, [source], "again")
    assert look(server.home / "again") == look(source)
    assert files.shared.tars == 0


@EVERYWHERE
async def test_cancelled_at_any_moment_a_merge_leaves_whole_files(
    shape: Shape, files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", shape)
    old: Shape = {name: b"old" for name in shape if "2" in name and name[-4:] != "/big"}
    grow(tmp_path / "old/t", {**old, "other": b""})
    longest = await seconds_of(put(files, [source], "whole"))
    for _ in range(5):
        await put(files, [tmp_path / "old/t"], "t")
        before = look(server.home / "t")
        seconds = random.uniform(0, longest)  # noqa: S311
        if await cancelled_after(put(files, [source], "t"), seconds=seconds):
            found, wanted = look(server.home / "t"), look(source)
            assert found.keys() == before.keys()
            assert all(entry in (before[name], wanted.get(name)) for name, entry in found.items())
        else:
            await put(files, [tmp_path / "old/t"], "t")
            for name in look(server.home / "t").keys() - before.keys():
                path = server.home / "t" / name
                if not path.is_dir():
                    path.unlink()
    assert temporaries(server.home) == []


@EVERYWHERE
async def test_cancelled_at_any_moment_a_get_leaves_whole_files(
    shape: Shape, files: PlainFiles, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", shape)
    await put(files, [source], "t")
    longest = await seconds_of(get(files, "t", tmp_path / "whole", into=True))
    whole = {f"t/{name}": found for name, found in look(source).items() if name != "."}
    for number in range(10):
        place = grow(tmp_path / f"new{number}", {})
        seconds = random.uniform(0, longest)  # noqa: S311
        await cancelled_after(get(files, "t", place, into=True), seconds=seconds)
        found = look(place).items()
        assert {item for item in found if item[0] not in (".", "t")} <= whole.items()
    assert temporaries(tmp_path) == []
    await get(files, "t", tmp_path / "again", into=True)
    assert look(tmp_path / "again/t") == look(source)


@pytest.mark.long
@pytest.mark.parametrize(
    ("server", "way"),
    [
        pytest.param("openssh", Way.ALL, marks=pytest.mark.openssh),
        pytest.param("dropbear", Way.SFTP, marks=pytest.mark.dropbear),
    ],
    indirect=["server"],
)
async def test_a_hundred_cancels_use_nothing_up(
    files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", {f"f{number}": b"x" * 3000 for number in range(100)})
    await put(files, [source], "t")
    await until(lambda: len(started_through(server.port)) <= 1)
    for number in range(100):
        work = (
            put(files, [source], f"x{number}")
            if number % 2
            else get(files, "t", tmp_path / f"back{number}", into=True)
        )
        if not await cancelled_after(work, seconds=random.uniform(0, 0.08)):  # noqa: S311
            continue
        assert not (server.home / f"x{number}").exists()
    assert temporaries(server.home) + temporaries(tmp_path) == []
    await put(files, [source], "again")
    assert look(server.home / "again") == look(source)
    # The SFTP server aside, if it is a program of its own.
    await until(lambda: len(started_through(server.port)) <= 1)
    for pid in started_through(server.port):
        assert len(os.listdir(f"/proc/{pid}/fd")) < 12  # noqa: PTH208


@on_servers("openssh")
@pytest.mark.parametrize("way", [Way.ALL, Way.CAT])
async def test_a_large_copy_ends_soon_after_its_cancel(
    files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    with (tmp_path / "f").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 500 * MIB)
    (server.home / "f").symlink_to(tmp_path / "f")
    place = grow(tmp_path / "new", {})
    work: Callable[[], Copying]
    for work, where in (
        (lambda: put(files, [tmp_path / "f"], "g"), server.home),
        (lambda: get(files, "f", place / "g", into=False), place),
    ):
        task = asyncio.ensure_future(work())
        await until(lambda where=where: bool(temporaries(where)))  # type: ignore[misc]
        start = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - start < 1.0
    assert names(server.home) == ["f"]
    assert names(place) == []


@on_servers("openssh")
@pytest.mark.parametrize("way", [Way.ALL, Way.CAT])
@pytest.mark.parametrize("is_full", [False, True])
async def test_a_put_to_a_fifo_that_nobody_reads_can_be_cancelled(
    is_full: bool, files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    source = grow(tmp_path, {"f": b"x" * MIB}) / "f"
    os.mkfifo(server.home / "pipe")
    reader = os.open(server.home / "pipe", os.O_RDONLY | os.O_NONBLOCK) if is_full else None
    before = len(started_through(server.port))
    try:
        task = asyncio.ensure_future(put(files, [source], "pipe"))
        await until(lambda: any("cat >" in command for command in files.pipes))
        await until(lambda: len(started_through(server.port)) > before)
        start = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - start < 1.5
        await until(lambda: len(started_through(server.port)) <= 1)
    finally:
        if reader is not None:
            os.close(reader)


@on_servers("openssh")
@pytest.mark.parametrize("way", [Way.ALL, Way.CAT])
async def test_a_writer_to_a_fifo_does_not_outlive_its_connection(
    files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    source = grow(tmp_path, {"f": b"x"}) / "f"
    os.mkfifo(server.home / "pipe")
    task = asyncio.ensure_future(put(files, [source], "pipe"))
    await until(lambda: any("cat >" in command for command in files.pipes))
    files.abort()
    await asyncio.wait((task,))
    assert task.exception() is not None
    await until(lambda: started_through(server.port) == set())


@on_servers("openssh")
@pytest.mark.parametrize("way", [Way.ALL])
async def test_a_get_to_a_fifo_that_nobody_reads_can_be_cancelled(
    files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    (server.home / "f").write_bytes(b"x" * MIB)
    os.mkfifo(tmp_path / "pipe")
    assert await cancelled_after(get(files, "f", tmp_path / "pipe", into=False), seconds=0.3)


@pytest.mark.openssh
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(Way.ALL, marks=pytest.mark.long),
        pytest.param(Way.SFTP, marks=pytest.mark.long),
        Way.CAT,
    ],
)
async def test_a_cancel_does_not_wait_for_a_slow_or_broken_network(
    way: Way, openssh_server: StartServer, fault_proxy: StartProxy, tmp_path: Path
) -> None:
    server = openssh_server()
    proxy = fault_proxy(server)
    shape: Shape = {f"f{number}": os.urandom(30_000) for number in range(300)}
    source = grow(tmp_path / "t", shape)
    faults: list[Callable[[], None]] = [lambda: proxy.limit(MIB), proxy.hole]
    for fault in faults:
        async with files_of(proxy.server, way) as files:
            task = asyncio.ensure_future(put(files, [source], "t"))
            await until(lambda: bool(temporaries(server.home)))
            fault()
            start = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - start < 12
            assert fault == proxy.hole or not (server.home / "t").exists()
            files.abort()
        proxy.heal()
        proxy.limit(None)
