"""What copies to nodes tell their journal: everything, before it is made, and seldom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.transports.ssh.copying import get, put
from tests.support.ssh.servers import Server
from tests.transports.ssh.plain_files import PlainFiles, Way, files_of
from tests.transports.told import ToldJournal
from tests.transports.trees import Shape, grow

MANY: Shape = {"d/l": "x", **{f"d/e{n % 2}/f{n}": b"" for n in range(80)}}

pytestmark = pytest.mark.parametrize(
    ("server", "way"),
    [
        ("asyncssh", Way.ALL),
        ("asyncssh", Way.SFTP),
        pytest.param("openssh", Way.CAT, marks=pytest.mark.openssh),
    ],
    indirect=["server"],
)


@pytest.fixture
async def files(server: Server, way: Way) -> AsyncIterator[PlainFiles]:
    async with files_of(server, way) as files:
        yield files


async def test_a_new_tree_is_told_at_once(
    files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", MANY)
    journal = ToldJournal()
    copied = await put(files, [source], "x/y/new", journal=journal)
    assert set(journal.check(copied).created) == set(journal.paths)
    assert journal.calls == 2  # the parents, and the tree
    assert journal.roots == [f"{server.home}/x/y/new"]


async def test_what_a_large_directory_lacks_is_told_at_once(
    files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", MANY)
    grow(server.home / "t", {"d/e0/f8": b"old", "d/e0/other": b"", "d/e1": None})
    journal = ToldJournal()
    copied = await put(files, [source], "t", journal=journal)
    assert set(journal.check(copied).created) == set(journal.paths)
    assert len(journal.paths) == 80
    assert journal.calls <= 3


async def test_what_a_link_on_the_node_leads_to_is_told_as_a_place_of_its_own(
    files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", {**MANY, "l": b"2", "m": b"3"})
    grow(server.home, {"far/d": None, "far/old": b"", "also": "t"})
    grow(server.home / "t", {"d": "../far/d", "l": "../far/old", "m": "../far/new"})
    journal = ToldJournal()
    journal.check(
        await put(files, [source / "l", source / "m", source / "d"], "t", journal=journal)
    )
    ends = [f"far/{name}" for name in ("d", "old", "new")]
    expected = [*(f"t/{name}" for name in "lmd"), *ends]
    assert sorted(journal.roots) == sorted(f"{server.home}/{name}" for name in expected)
    journal = ToldJournal()
    journal.check(await put(files, [source], "also", journal=journal))
    assert set(journal.roots) >= {f"{server.home}/also/t"}
    journal = ToldJournal()
    journal.check(await put(files, [grow(tmp_path / "u/also", MANY)], "also", journal=journal))
    assert set(journal.roots) >= {f"{server.home}/also", f"{server.home}/t"}


async def test_what_stands_in_the_way_is_not_told_as_new(
    files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    grow(tmp_path, {"f": b""})
    grow(server.home, {"file": b"keep", "dangling": "nowhere", "d/f": b"keep"})
    for destination, told in (("file/x/y", []), ("dangling/x/y", []), ("new/../file/x", ["new"])):
        journal = ToldJournal()
        with pytest.raises(CopyError):
            await put(files, [tmp_path / "f"], destination, journal=journal)
        assert list(journal.paths) == [f"{server.home}/{name}" for name in told]
    journal = ToldJournal()
    copied = await put(files, [tmp_path / "f"], "new/../e/f", journal=journal)
    assert journal.check(copied).created == tuple(journal.paths)


async def test_a_get_tells_what_it_makes_here(
    files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    grow(server.home / "t", {**MANY, "l": b"2"})
    grow(tmp_path, {"far/old": b"", "place/t/l": "../../far/old", "place/t/d/e0/f8": b"old"})
    journal = ToldJournal()
    copied = await get(
        files, "t", tmp_path / "place", into=False, journal=journal, arrivals=Arrivals()
    )
    assert set(journal.check(copied).created) == set(journal.paths)
    assert journal.roots == [f"{tmp_path}/place/t"]


async def test_a_get_tells_where_a_link_of_the_user_leads(
    files: PlainFiles, server: Server, tmp_path: Path
) -> None:
    grow(server.home, {"f": b"2"})
    grow(tmp_path, {"far": None, "mine": "far/new"})
    journal = ToldJournal()
    copied = await get(
        files, "f", tmp_path / "mine", into=False, journal=journal, arrivals=Arrivals()
    )
    assert journal.check(copied).created == (f"{tmp_path}/far/new",)
    assert journal.roots == [f"{tmp_path}/mine", f"{tmp_path}/far/new"]
