"""put, get and remove on local targets, cancelled too (LANGUAGE.md 5.5, 6.3, 7.5, 11.1)."""

from __future__ import annotations

import asyncio
import os
import select
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.protocols import Copied
from gplmt.transports.copying import remove
from tests.transports.told import get, put
from tests.transports.trees import grow, look, names, temporaries

MIB = 1 << 20


async def test_a_put_is_relative_to_the_working_directory(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"12", "work": None}) / "f"
    place = tmp_path / "work/x/f"
    copied = await put([source], "x/f", directory=tmp_path / "work")
    assert copied == Copied(files=1, bytes=2, created=(str(place.parent), str(place)))
    assert place.read_bytes() == b"12"


async def test_a_put_may_go_to_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = grow(tmp_path, {"f": b"x", "home": None}) / "f"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    await put([source], "~/", directory=tmp_path)
    await put([source], "~/g", directory=tmp_path)
    assert look(tmp_path / "home").keys() == {".", "f", "g"}


async def test_a_slash_makes_the_directory_to_put_into(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x"}) / "f"
    await put([source], "new/", directory=tmp_path)
    assert (tmp_path / "new/f").read_bytes() == b"x"


@pytest.mark.parametrize("destination", ["conf", "etc/conf", "etc/", "etc", "./etc/conf/", "."])
async def test_the_same_put_twice_is_the_same_as_once(destination: str, tmp_path: Path) -> None:
    source = grow(tmp_path / "src/conf", {"a": b"1", "d/b": b"2", "d/l": "b"})
    work = grow(tmp_path / "work", {"etc": None})
    first = await put([source], destination, directory=work)
    once = look(work)
    second = await put([source], destination, directory=work)
    assert look(work) == once
    assert (second.files, second.bytes, second.created) == (first.files, first.bytes, ())


async def test_a_get_takes_all_that_the_pattern_names(tmp_path: Path) -> None:
    grow(tmp_path / "node", {"a.log": b"1", "b.log": b"2", "d.log/c": b"3", "x": b"4"})
    copied = await get("*.log", tmp_path / "new", into=False, directory=tmp_path / "node")
    assert look(tmp_path / "new").keys() == {".", "a.log", "b.log", "d.log", "d.log/c"}
    assert (copied.files, copied.bytes) == (3, 3)


async def test_a_get_of_one_file_may_rename_it(tmp_path: Path) -> None:
    grow(tmp_path, {"a.log": b"1"})
    await get("*.log", tmp_path / "new", into=False, directory=tmp_path)
    assert (tmp_path / "new").read_bytes() == b"1"


async def test_a_get_without_match_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CopyError, match=r"^nothing matches /.*/\*\.log$"):
        await get("*.log", tmp_path / "new", into=True, directory=tmp_path)
    assert not (tmp_path / "new").exists()


async def test_a_failed_put_takes_back_what_it_created(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"a": b"1", "d/b": b"2", "old": b"new"})
    os.mkfifo(source / "z")
    grow(tmp_path / "x", {"t/old": b"old"})
    with pytest.raises(CopyError, match=r"it is a FIFO"):
        await put([source], "x/t", directory=tmp_path)
    with pytest.raises(CopyError, match=r"it is a FIFO"):
        await put([source], "y/z/t", directory=tmp_path)
    assert look(tmp_path / "x") == look(grow(tmp_path / "x2", {"t/old": b"new"}))
    assert not (tmp_path / "y").exists()


async def test_a_put_can_be_tried_again_after_a_failure(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"a": b"1"})
    os.mkfifo(source / "z")
    with pytest.raises(CopyError):
        await put([source], "new", directory=tmp_path)
    (source / "z").unlink()
    await put([source], "new", directory=tmp_path)
    assert look(tmp_path / "new") == look(source)


async def test_a_failed_get_keeps_the_whole_files_that_it_has_got(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"a": b"1"})
    os.mkfifo(source / "z")
    with pytest.raises(CopyError):
        await get("t", tmp_path / "results", into=True, directory=tmp_path)
    assert look(tmp_path / "results").keys() == {".", "t", "t/a"}


async def test_a_failed_get_of_a_renamed_tree_can_be_tried_again(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"a": b"1"})
    os.mkfifo(source / "z")
    with pytest.raises(CopyError):
        await get("t", tmp_path / "results", into=False, directory=tmp_path)
    (source / "z").unlink()
    await get("t", tmp_path / "results", into=False, directory=tmp_path)
    assert look(tmp_path / "results") == look(source)


async def test_remove_undoes_a_put_and_leaves_what_others_made(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"a": b"1", "d/b": b"2"})
    created = (await put([source], "x/y", directory=tmp_path)).created
    grow(tmp_path / "x", {"y/d/other": b""})
    left = await remove(created, arrivals=Arrivals())
    assert left == tuple(str(tmp_path / path) for path in ("x", "x/y", "x/y/d"))
    assert look(tmp_path / "x").keys() == {".", "y", "y/d", "y/d/other"}


async def test_odd_names_come_back_from_put_as_remove_takes_them(tmp_path: Path) -> None:
    grow(tmp_path / "t", {"\udcff\n": b"1"})
    created = (await put([tmp_path / "t"], "-x \udcfe", directory=tmp_path)).created
    assert await remove(created, arrivals=Arrivals()) == ()
    assert look(tmp_path).keys() == {".", "t", "t/\udcff\n"}


async def test_copies_do_not_queue_behind_each_other(tmp_path: Path) -> None:
    # As many as asyncio's own threads could not serve (6.5: never queued behind each other).
    source = grow(tmp_path, {"f": b"x"}) / "f"
    pipes = [tmp_path / f"pipe{number}" for number in range(40)]
    for pipe in pipes:
        os.mkfifo(pipe)
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(put([source], pipe.name, directory=tmp_path)) for pipe in pipes
        ]
        await put([source], "g", directory=tmp_path)
        assert not any(task.done() for task in waiting)
        for pipe in pipes:
            assert await asyncio.to_thread(pipe.read_bytes) == b"x"


async def test_two_hundred_puts_of_one_tree_to_one_place_agree(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"a": b"1", "d/b": b"2", "d/l": "b"})
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(put([source], "x/t", directory=tmp_path, is_alone=False))
            for _ in range(200)
        ]
    assert look(tmp_path / "x/t") == look(source)
    assert {path for task in tasks for path in task.result().created} >= {str(tmp_path / "x/t/d")}
    assert temporaries(tmp_path) == []


async def test_no_thread_or_descriptor_stays(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"a": b"1", "d/b": b"2"})
    os.mkfifo(tmp_path / "pipe")
    await put([source], "u", directory=tmp_path)
    before = open_files(), threading.active_count()
    for _ in range(10):
        await put([source], "v/", directory=tmp_path)
        with pytest.raises(CopyError):
            await get("pipe", tmp_path / "w", into=False, directory=tmp_path)
        await cancelled_after(put([source / "a"], "pipe", directory=tmp_path), moments=3)
    assert (open_files(), threading.active_count()) == before


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def cancelled_after(work: Coroutine[object, object, Copied], *, moments: int) -> bool:
    """Cancel the copy after some turns of the event loop; whether it had not ended yet."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        for _ in range(moments):
            await asyncio.sleep(0)
        task.cancel()
    return task.cancelled()


@pytest.mark.parametrize("moments", [0, 1, 2, 3, 5, 10, 30, 100, 300, 1000, 3000])
async def test_a_put_cancelled_at_any_moment_leaves_nothing(moments: int, tmp_path: Path) -> None:
    shape = {f"d{number % 7}/f{number}": b"x" * 20000 for number in range(300)}
    source = grow(tmp_path / "t", {**shape, "big": b"y" * (20 * MIB)})
    work = grow(tmp_path / "work", {"other": b""})
    if await cancelled_after(put([source], "x/new", directory=work), moments=moments):
        assert look(work).keys() == {".", "other"}
    else:
        assert look(work / "x/new") == look(source)


@pytest.mark.parametrize("moments", [1, 10, 100, 300, 1000])
async def test_a_get_cancelled_at_any_moment_leaves_whole_files(
    moments: int, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", {f"f{number}": b"x" * 20000 for number in range(300)})
    place = tmp_path / "new"
    await cancelled_after(get("t", place, into=True, directory=tmp_path), moments=moments)
    place.mkdir(exist_ok=True)
    whole = {f"t/{name}": found for name, found in look(source).items() if name != "."}
    found = look(place).items()
    assert {item for item in found if item[0] not in (".", "t")} <= whole.items()


async def seconds_to_cancel(
    work: Coroutine[object, object, Copied], *, once: Callable[[], object]
) -> float:
    """How long a copy goes on when it is cancelled `once` something is there."""
    task = asyncio.ensure_future(work)
    while not once():  # noqa: ASYNC110
        await asyncio.sleep(0)
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - start


def copying_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("gplmt-copy")]


async def test_a_large_copy_ends_soon_after_its_cancel(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 500 * MIB)
    copy = put([tmp_path / "f"], "g", directory=tmp_path)
    assert await seconds_to_cancel(copy, once=lambda: temporaries(tmp_path)) < 0.5
    assert names(tmp_path) == ["f"]


async def test_a_put_to_a_fifo_that_nobody_reads_can_be_cancelled(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"x"})
    os.mkfifo(tmp_path / "pipe")
    copy = put([tmp_path / "f"], "pipe", directory=tmp_path)
    assert await seconds_to_cancel(copy, once=copying_threads) < 0.5


async def test_a_put_to_a_fifo_that_stays_full_can_be_cancelled(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"x" * MIB})
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    copy = put([tmp_path / "f"], "pipe", directory=tmp_path)
    try:
        assert await seconds_to_cancel(copy, once=lambda: is_readable(reader)) < 0.5
    finally:
        os.close(reader)


def is_readable(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


async def test_a_copy_cancelled_twice_still_cleans_up(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {f"f{number}": b"x" * 20000 for number in range(300)})
    task = asyncio.ensure_future(put([source], "new", directory=tmp_path))
    while not (tmp_path / "new").exists():  # noqa: ASYNC110
        await asyncio.sleep(0)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()
    assert not (tmp_path / "new").exists()


async def test_the_event_loop_turns_while_a_copy_runs(tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x" * (50 * MIB)}) / "f"
    task = asyncio.ensure_future(put([source], "g", directory=tmp_path))
    turns = 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
