"""Links that gets have brought, which no copy to here follows (LANGUAGE.md 6.3)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.transports.copying_ground import Ground
from tests.transports.told import get, put
from tests.transports.trees import grow, look, temporaries, text_of


class Here:
    """A directory `work` for copies, beside a `home` that nothing may be written to."""

    def __init__(self, tmp_path: Path) -> None:
        self.node = grow(tmp_path / "node", {})
        self.work = grow(tmp_path / "work", {})
        self.home = grow(tmp_path / "home", {"key": b"mine", "d/key": b"mine"})
        self._before = look(self.home)
        self.arrivals = Arrivals()

    async def get(self, source: str, destination: str) -> None:
        await get(
            f"{self.node}/{source}",
            self.work / destination,
            into=destination.endswith("/"),
            directory=self.work,
            arrivals=self.arrivals,
        )

    async def put(self, source: str, destination: str) -> None:
        await put([self.work / source], destination, directory=self.work, arrivals=self.arrivals)

    def check_home(self) -> None:
        assert look(self.home) == self._before
        assert temporaries(self.work) == []


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


async def test_a_file_or_tree_takes_the_place_of_a_link_that_came_before(here: Here) -> None:
    home = here.home
    links = {"x": f"{home}/key", "d": f"{home}/d", "new": f"{home}/new", "loop": "loop"}
    grow(here.node, {f"a/t/{name}": text for name, text in links.items()})
    await here.get("a/t", "out/")
    grow(here.node / "b/t", {"x": b"1", "d/key": b"2", "new/f": b"3", "loop": b"4"})
    await here.get("b/t", "out/")
    assert look(here.work / "out/t") == look(here.node / "b/t")
    here.check_home()


async def test_links_of_earlier_runs_are_not_followed_either(here: Here) -> None:
    grow(here.work / "out/t", {"x": f"{here.home}/key", "d": f"{here.home}/d"})
    grow(here.node / "t", {"x": b"1", "d/key": b"2"})
    await here.get("t", "out/")
    assert look(here.work / "out/t") == look(here.node / "t")
    here.check_home()


async def test_a_destination_in_a_tree_that_came_leads_over_no_link_of_it(here: Here) -> None:
    grow(here.node, {"t/x": f"{here.home}/key", "t/d": f"{here.home}/d", "key": b"new"})
    grow(here.node, {"u/d": b"a directory no more", "v/f": b""})
    await here.get("t", "out/")
    brought = r"^cannot write through /.*/out/t/d: it is a link in a tree that a get has brou"
    for destination in ("out/t/d/", "out/t/d/key", "out/t/d/new/", "out/t/d/../key"):
        with pytest.raises(CopyError, match=brought):
            await here.get("key", destination)
    await here.get("key", "out/t/x")
    await here.get("key", "out/t/d")
    assert look(here.work / "out/t") == {
        ".": (0o755, None),
        "x": (0o644, b"new"),
        "d": (0o644, b"new"),
    }
    here.check_home()


async def test_a_tree_takes_the_place_of_a_link_that_it_is_named_like(here: Here) -> None:
    grow(here.node, {"t/d": f"{here.home}/d", "d/key": b"new", "u/d": "nowhere"})
    await here.get("t", "out/")
    await here.get("d", "out/t/d")
    assert look(here.work / "out/t/d") == look(here.node / "d")
    await here.get("u", "out/")
    await here.get("d", "out/u/d")
    assert look(here.work / "out/u/d") == look(here.node / "d")
    here.check_home()


async def test_links_of_the_user_lead_on_but_not_over_brought_ones(here: Here) -> None:
    grow(here.node, {"t/x": f"{here.home}/key", "t/d": f"{here.home}/d", "key": b"new"})
    grow(here.work, {"mine": "far", "far": None, "in": "mine/t/d", "at": "far/t/x"})
    await here.get("t", "mine/")
    assert text_of(here.work / "far/t/x") == f"{here.home}/key"
    with pytest.raises(CopyError, match=r"^cannot write through /.*/far/t/d: it is a link"):
        await here.get("key", "in/")
    await here.get("key", "at")
    assert (here.work / "far/t/x").read_bytes() == b"new"
    assert text_of(here.work / "at") == "far/t/x"
    here.check_home()


async def test_a_link_of_the_user_that_is_the_destination_is_followed_each_time(
    here: Here,
) -> None:
    grow(here.node, {"t/f": b"1", "key": b"new"})
    grow(here.work, {"t": "far", "far": None, "file": "far/file", "again": "file"})
    for _ in range(2):
        await here.get("t", "t")
        await here.get("key", "again")
    assert look(here.work / "far").keys() == {".", "f", "file"}
    assert text_of(here.work / "t") == "far"


async def test_what_came_is_not_trusted_where_a_put_copies_it_on(here: Here) -> None:
    grow(here.node, {"a/t/x": f"{here.home}/key", "b/t/x": b"new"})
    for way in "ab":
        await here.get(f"{way}/t", "out/")
        await here.put("out/t", "kept/")
    assert (here.work / "kept/t/x").read_bytes() == b"new"
    here.check_home()


async def test_a_put_follows_links_of_the_user_in_a_tree(here: Here) -> None:
    grow(here.work, {"t/d/f": b"new", "kept/t/d": "../../far", "far": None})
    await here.put("t", "kept/")
    assert look(here.work / "far").keys() == {".", "f"}


async def test_a_fifo_in_a_tree_is_written_through(here: Here) -> None:
    grow(here.node, {"t/pipe": b"new"})
    grow(here.work / "out/t", {})
    os.mkfifo(here.work / "out/t/pipe")
    reading = os.open(here.work / "out/t/pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        await asyncio.wait_for(here.get("t", "out/"), 10)
        assert os.read(reading, 10) == b"new"
    finally:
        os.close(reading)


def test_undoing_a_copy_leads_over_no_brought_link(here: Here) -> None:
    grow(here.work / "out", {"t/d": f"{here.home}/d"})
    ground = Ground(here.arrivals)
    ground.receive(here.work / "out/t")
    assert ground.remove(here.work / "out/t/d/key")
    assert ground.open_up(here.work / "out/t/d/key") == ()
    ground.set_mode(here.work / "out/t/d", 0o777)
    here.check_home()


def test_a_directory_stays_the_one_that_was_looked_at(here: Here) -> None:
    grow(here.work, {"out/t/d": None})
    ground = Ground(here.arrivals)
    ground.receive(here.work / "out/t")
    with ground.spot(here.work / "out/t/d/key") as spot:
        (here.work / "out/t/d").rmdir()
        (here.work / "out/t/d").symlink_to(here.home / "d")
        with pytest.raises(FileNotFoundError):
            os.open(spot.name, os.O_WRONLY | os.O_CREAT, dir_fd=spot.directory)
    here.check_home()


def test_links_are_followed_as_the_system_follows_them(tmp_path: Path) -> None:
    place = grow(tmp_path, {"a/b/f": b"", "a/up": "b/..", "l": "a//up/./b/", "far": str(tmp_path)})
    grow(place, {"loop": "pool", "pool": "loop", "end": "far/l/f", "none": "a/none"})
    ground = Ground(Arrivals())
    for path in ("l/f", "far/l/f", "far/far/a/up/b/f", "end", "a/../l/f", "none", "l/.."):
        with ground.spot(place / path) as spot:
            assert spot.place == os.path.realpath(place / path)
            assert spot.status == (os.stat(place / path) if path != "none" else None)  # noqa: PTH116
    faults = {
        "loop": "Too many levels of symbolic links",
        "loop/x": "Too many levels of symbolic links",
        "none/x": "No such file or directory",
        "a/b/f/x": "Not a directory",
    }
    for path, fault in faults.items():
        with pytest.raises(CopyError, match=f"/{path}: {fault}$"), ground.spot(place / path):
            pass


def test_links_in_proc_are_followed_to_where_they_really_lead(tmp_path: Path) -> None:
    grow(tmp_path, {"d/f": b"", "gone": b""})
    ground = Ground(Arrivals())
    directory = os.open(tmp_path / "d", os.O_RDONLY)
    gone = os.open(tmp_path / "gone", os.O_WRONLY)
    (tmp_path / "gone").unlink()
    try:
        with ground.spot(Path(f"/proc/self/fd/{directory}/f")) as spot:
            assert spot.place == str(tmp_path / "d/f")
        with ground.spot(Path(f"/proc/self/fd/{gone}")) as spot:
            assert not spot.is_replaceable
        with ground.spot(Path("/dev/null")) as spot:
            assert not spot.is_replaceable
    finally:
        os.close(directory)
        os.close(gone)
