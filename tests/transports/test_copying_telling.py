"""What copies tell their journal: everything, before it is made, and seldom."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import pytest

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.journals import UnwrittenJournal
from gplmt.transports.copying import get, put
from gplmt.transports.copying_bytes import StoppedError
from gplmt.transports.copying_names import NodePath, is_temporary, twin
from gplmt.transports.copying_telling import Telling, forecast, is_missing
from gplmt.transports.ssh.copying_telling import NodeTelling
from tests.transports.told import ToldJournal
from tests.transports.trees import grow, look


class WatchingJournal(ToldJournal):
    """A journal that looks at what stands in a directory whenever it is told something."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.seen: list[set[str]] = []
        self._place = place

    def creating(self, paths: Sequence[str]) -> None:
        super().creating(paths)
        self.seen.append(set(look(self._place)))


class SlowJournal(ToldJournal):
    """A journal whose disk is waited for until the test says that it is there."""

    def __init__(self) -> None:
        super().__init__(is_alone=False)
        self.begun = Event()
        self.is_there = Event()

    def creating(self, paths: Sequence[str]) -> None:
        self.begun.set()
        assert self.is_there.wait(10)
        super().creating(paths)


async def test_a_large_tree_is_told_in_few_parts_before_any_of_it_is_made(tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {f"d{n % 30}/f{n}": b"" for n in range(1500)})
    place = grow(tmp_path / "place", {})
    journal = WatchingJournal(place)
    copied = await put(
        [source], f"{place}/x/new", directory=tmp_path, journal=journal, arrivals=Arrivals()
    )
    assert journal.check(copied).files == 1500
    assert set(journal.paths) == set(copied.created)
    assert journal.roots == [f"{place}/x/new"]
    assert journal.seen == [{"."}, {"."}]


async def test_many_sources_are_told_together(tmp_path: Path) -> None:
    grow(tmp_path / "t", {f"{n}.log": b"" for n in range(100)})
    journal = ToldJournal()
    copied = await get(
        "t/*.log",
        tmp_path / "u",
        into=True,
        directory=tmp_path,
        journal=journal,
        arrivals=Arrivals(),
    )
    assert journal.check(copied).files == 100
    assert journal.calls == 1
    assert len(journal.roots) == 100


async def test_nothing_is_told_of_what_is_there_already(tmp_path: Path) -> None:
    grow(tmp_path / "t", {"a": b"new", "d/b": b"new", "d/c": b"new", "l": "a"})
    grow(tmp_path / "place/t", {"a": b"old", "d/b": b"old", "l": "b"})
    journal = ToldJournal()
    await put([tmp_path / "t"], "place", directory=tmp_path, journal=journal, arrivals=Arrivals())
    assert list(journal.paths) == [f"{tmp_path}/place/t/d/c"]


async def test_what_a_link_leads_to_is_told_as_a_place_of_its_own(tmp_path: Path) -> None:
    grow(tmp_path / "t", {"d/f": b"1", "l": b"2", "m": b"3"})
    grow(tmp_path / "far", {"d": None, "old": b""})
    grow(tmp_path / "place/t", {"d": "../../far/d", "l": "../../far/old", "m": "../../far/new"})
    journal = ToldJournal()
    copied = await put(
        [tmp_path / "t"], "place", directory=tmp_path, journal=journal, arrivals=Arrivals()
    )
    ends = [f"{tmp_path}/far/{name}" for name in ("d", "old", "new")]
    assert sorted(journal.roots) == sorted([f"{tmp_path}/place/t", *ends])
    assert sorted(copied.created) == [f"{tmp_path}/far/new", f"{tmp_path}/place/t/d/f"]
    journal.check(copied)


async def test_a_file_in_the_place_of_a_directory_is_not_told_as_new(tmp_path: Path) -> None:
    grow(tmp_path, {"t/f": b"", "file": b"keep", "dangling": "nowhere"})
    for destination in ("file/x/y", "dangling/x/y"):
        journal = ToldJournal()
        with pytest.raises(CopyError):
            await put(
                [tmp_path / "t/f"],
                destination,
                directory=tmp_path,
                journal=journal,
                arrivals=Arrivals(),
            )
        journal.check_faults()
        assert not journal.paths


async def test_what_will_be_there_when_a_parent_is_made_is_not_told_as_new(tmp_path: Path) -> None:
    grow(tmp_path, {"t/f": b"", "file": b"keep", "d/f": b"keep"})
    journal = ToldJournal()
    with pytest.raises(CopyError):
        await put(
            [tmp_path / "t/f"],
            "new/../file/x",
            directory=tmp_path,
            journal=journal,
            arrivals=Arrivals(),
        )
    assert list(journal.paths) == [f"{tmp_path}/new"]
    journal = ToldJournal()
    await put(
        [tmp_path / "t/f"], "new/../d/f", directory=tmp_path, journal=journal, arrivals=Arrivals()
    )
    assert list(journal.paths) == [f"{tmp_path}/new"]
    journal = ToldJournal()
    copied = await put(
        [tmp_path / "t"], "newer/../e/x", directory=tmp_path, journal=journal, arrivals=Arrivals()
    )
    assert journal.check(copied).created == tuple(journal.paths)


def test_what_cannot_be_looked_at_does_not_count_as_missing(tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"", "a": "b", "b": "a", "l": "nowhere"})
    assert is_missing(tmp_path / "new")
    assert is_missing(tmp_path / "new/x")
    assert not is_missing(tmp_path / "new/..")
    for name in ("f", "f/x", "l", "a/x", "x" * 300):
        assert not is_missing(tmp_path / name)


def test_a_forecast_can_be_stopped(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(StoppedError):
        list(forecast(grow(tmp_path / "t", {"d/f": b""}), tmp_path / "u", stop=stop))


def test_names_of_what_is_unfinished_begin_with_the_stem_of_the_run() -> None:
    journal = UnwrittenJournal()
    name = Telling(journal).temporary_beside(Path("/a/b"))
    for each in (name, twin(name)):
        assert each.parent == Path("/a")
        assert is_temporary(each.name)
        assert each.name.startswith(f".gplmt-{journal.stem}")
    assert twin(name) != name
    assert UnwrittenJournal().stem != journal.stem


async def test_what_many_have_to_tell_while_the_disk_is_waited_for_is_told_together() -> None:
    journal = SlowJournal()
    telling = NodeTelling(journal)
    telling.writing(NodePath("/tmp"))  # noqa: S108
    first = asyncio.ensure_future(telling.creating([NodePath("/tmp/0")]))  # noqa: S108
    while not journal.begun.is_set():  # noqa: ASYNC110
        await asyncio.sleep(0)
    others = [
        asyncio.ensure_future(telling.creating([NodePath(f"/tmp/{number}")]))  # noqa: S108
        for number in range(1, 65)
    ]
    await asyncio.sleep(0)
    others[7].cancel()
    assert not any(each.done() for each in (first, *others[:7], *others[8:]))
    journal.is_there.set()
    await asyncio.gather(first, *others, return_exceptions=True)
    journal.check_faults()
    assert journal.calls == 2
    assert {os.path.basename(path) for path in journal.paths} == {str(n) for n in range(65)}  # noqa: PTH119
    await telling.creating([NodePath("/tmp/0")])  # noqa: S108
    assert journal.calls == 2
