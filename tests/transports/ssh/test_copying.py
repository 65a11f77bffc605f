"""put, get and remove on ssh targets: what holds on every node (LANGUAGE.md 5.5, 6.3, 11.1)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gplmt.errors import CopyError
from gplmt.protocols import Copied
from gplmt.transports.ssh.copying import remove
from tests.support.ssh.servers import Server
from tests.transports.ssh.plain_files import PlainFiles, Way, everywhere, files_of
from tests.transports.told import get_there as get
from tests.transports.told import put_there as put
from tests.transports.trees import grow, look, temporaries

pytestmark = everywhere()

# Many files go through tar where there is one, few do not.
FEW: Shape = {
    "f": b"1",
    ".hidden": b"2",
    "empty": None,
    "d/e/f": b"3",
    "d/-x": b"4",
    "d/a b\nc": b"5",
}
MANY: Shape = {
    **FEW,
    "none": b"",
    "l": "d/e",
    **{f"m/{number}": b"x" * number for number in range(40)},
}
Shape = dict[str, bytes | str | None]
TREES = pytest.mark.parametrize("shape", [FEW, MANY], ids=["few", "many"])


@pytest.fixture
async def files(server: Server, way: Way) -> AsyncIterator[PlainFiles]:
    async with files_of(server, way) as files:
        yield files


@pytest.fixture
def home(server: Server) -> Path:
    return server.home


async def test_a_put_is_relative_to_the_login_directory(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    source = grow(tmp_path, {"f": b"12"}) / "f"
    copied = await put(files, [source], "x/f")
    assert copied == Copied(files=1, bytes=2, created=(str(home / "x"), str(home / "x/f")))
    assert (home / "x/f").read_bytes() == b"12"


async def test_a_put_may_go_to_the_home_directory_or_to_any_place(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    source = grow(tmp_path, {"f": b"x"}) / "f"
    await put(files, [source], "~/")
    await put(files, [source], "~/g")
    await put(files, [source], f"{home}/h")
    assert look(home).keys() >= {"f", "g", "h"}


async def test_a_slash_makes_the_directory_to_put_into(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    source = grow(tmp_path, {"f": b"x"}) / "f"
    await put(files, [source], "new/")
    assert (home / "new/f").read_bytes() == b"x"


@TREES
async def test_a_tree_arrives_with_all_that_is_in_it(
    shape: Shape, files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", shape)
    (source / "d").chmod(0o711)
    (source / "f").chmod(0o750)
    copied = await put(files, [source], "x/new")
    assert look(home / "x/new") == look(source)
    assert copied.files == sum(entry is not None for entry in shape.values())
    assert copied.bytes == sum(len(entry) for entry in shape.values() if isinstance(entry, bytes))
    assert {Path(path) for path in copied.created} == {
        home / "x", *(home / "x/new" / path for path in look(source))
    }  # fmt: skip
    assert parents_first(copied.created)
    assert temporaries(home) == []


def parents_first(paths: tuple[str, ...]) -> bool:
    places = {Path(path): index for index, path in enumerate(paths)}
    return all(places.get(path.parent, -1) < index for path, index in places.items())


@TREES
@pytest.mark.parametrize("destination", ["conf", "etc/conf", "etc/", "etc", "./etc/conf/", "."])
async def test_the_same_put_twice_is_the_same_as_once(
    shape: Shape,
    destination: str,
    files: PlainFiles,
    home: Path,
    tmp_path: Path,
) -> None:
    source = grow(tmp_path / "src/conf", shape)
    await put(files, [grow(tmp_path / "etc", {})], "etc")
    first = await put(files, [source], destination)
    once = look(home)
    second = await put(files, [source], destination)
    assert look(home) == once
    assert (second.files, second.bytes, second.created) == (first.files, first.bytes, ())


async def test_a_put_merges_and_replaces(files: PlainFiles, home: Path, tmp_path: Path) -> None:
    old: Shape = {"d/keep": b"old", "d/f": b"a longer old content", "l": "old", "m/5": b"old"}
    new: Shape = {**MANY, "d/f": b"new", "l": "new"}
    await put(files, [grow(tmp_path / "old/t", {**old, "m/other": b""})], "t")
    (home / "t/d").chmod(0o711)
    await put(files, [grow(tmp_path / "new/t", new)], "t")
    expected = look(grow(tmp_path / "both", {**old, "m/other": b"", **new}))
    assert look(home / "t") == {**expected, "d": (0o711, None)}
    assert temporaries(home) == []


async def test_a_link_to_a_directory_is_merged_into(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    await put(files, [grow(tmp_path / "far", {})], "far")
    await put(files, [grow(tmp_path / "old/t", {"m": "../far"})], "t")
    await put(files, [grow(tmp_path / "new/t", MANY)], "t")
    assert look(home / "far") == look(tmp_path / "new/t/m")
    assert (home / "t/m").is_symlink()


async def test_a_link_named_as_source_is_followed(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    grow(tmp_path, {"t/f": b"x", "tree": "t", "file": "t/f"})
    await put(files, [tmp_path / "tree"], "new")
    await put(files, [tmp_path / "file"], "f")
    assert look(home / "new") == look(tmp_path / "t")
    assert not (home / "f").is_symlink()
    await put(files, [grow(tmp_path / "links", {"a": "../new", "b": "../f"})], "links")
    await get(files, "links/*", tmp_path / "back", into=False)
    assert look(tmp_path / "back/a") == look(tmp_path / "t")
    assert (tmp_path / "back/b").read_bytes() == b"x"
    assert not (tmp_path / "back/b").is_symlink()


async def test_a_link_as_destination_is_written_through(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    grow(tmp_path, {"f": b"new"})
    await put(files, [grow(tmp_path / "t", {"far/real": b"old", "link": "far/real"})], "t")
    await put(files, [grow(tmp_path / "u", {"dangling": "../t/far/new"})], "u")
    assert (await put(files, [tmp_path / "f"], "t/link")).created == ()
    created = (await put(files, [tmp_path / "f"], "u/dangling")).created
    assert created == (str(home / "t/far/new"),)
    assert (home / "t/link").is_symlink()
    assert (home / "t/far/real").read_bytes() == (home / "t/far/new").read_bytes() == b"new"


async def test_links_in_a_circle_are_an_error(files: PlainFiles, tmp_path: Path) -> None:
    grow(tmp_path, {"f": b"new"})
    await put(files, [grow(tmp_path / "t", {"a": "b", "b": "a"})], "t")
    with pytest.raises(CopyError, match=r"^cannot (write|read) /.*/t/[ab] on the node: "):
        await put(files, [tmp_path / "f"], "t/a")


async def test_several_sources_go_into_the_destination(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    grow(tmp_path, {"a": b"1", "b/c": b"2", "other/a": b""})
    await put(files, [tmp_path / "a", tmp_path / "b"], "new")
    assert look(home / "new").keys() == {".", "a", "b", "b/c"}
    with pytest.raises(CopyError, match=r"^cannot copy both /.*/a and .*/other/a to .* on the no"):
        await put(files, [tmp_path / "a", tmp_path / "other/a"], "new")


@TREES
async def test_a_get_brings_back_what_was_put(
    shape: Shape, files: PlainFiles, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", shape)
    (source / "f").chmod(0o750)
    (source / "d").chmod(0o711)
    put_there = await put(files, [source], "t")
    got = await get(files, "t", tmp_path / "x/back", into=False)
    assert look(tmp_path / "x/back") == look(source)
    assert (got.files, got.bytes) == (put_there.files, put_there.bytes)
    assert parents_first(got.created)
    again = await get(files, "t", tmp_path / "x/back/t", into=False)
    assert look(tmp_path / "x/back/t") == look(source)
    once = look(tmp_path / "x/back/t")
    assert await get(files, "t", tmp_path / "x/back/t", into=False) == Copied(
        files=again.files, bytes=again.bytes
    )
    assert look(tmp_path / "x/back/t") == once
    assert temporaries(tmp_path) == []


async def test_a_get_takes_all_that_the_pattern_names(files: PlainFiles, tmp_path: Path) -> None:
    shape = {"a.log": b"1", "b.log": b"2", ".c.log": b"", "d.log/c": b"3", "x": b"4", "a[1]": b"5"}
    await put(files, [grow(tmp_path / "t", shape)], "t")
    copied = await get(files, "t/*.log", tmp_path / "new", into=False)
    assert look(tmp_path / "new").keys() == {".", "a.log", "b.log", "d.log", "d.log/c"}
    assert (copied.files, copied.bytes) == (3, 3)
    await get(files, "t/a[1]", tmp_path / "one", into=False)
    assert (tmp_path / "one").read_bytes() == b"5"
    await get(files, "*/*.log/?", tmp_path / "deep", into=False)
    assert (tmp_path / "deep").read_bytes() == b"3"


async def test_a_get_without_match_is_an_error(files: PlainFiles, tmp_path: Path) -> None:
    with pytest.raises(CopyError, match=r"^nothing matches /.*/\*\.log on the node$"):
        await get(files, "*.log", tmp_path / "new", into=True)
    with pytest.raises(CopyError, match=r"^cannot read /.*/a/b on the node: No such file or dir"):
        await get(files, "a/b", tmp_path / "new", into=True)
    assert not (tmp_path / "new").exists()


async def test_odd_names_travel_both_ways(files: PlainFiles, home: Path, tmp_path: Path) -> None:
    odd = [
        "a b", "'q'", '"', "a\nb", "-n", "--", "a\\b", "\\", "*", "[b]", "$HOME", "`x`", "é",
        "\udcff", "\udcffo\n", " x ", "n" * 255, "x" * 101, "tab\t", "#", "~",
    ]  # fmt: skip
    shape: Shape = {f"{name}/{name}": name.encode(errors="surrogateescape") for name in odd}
    shape |= {f"l{index}": name for index, name in enumerate(odd)}
    source = grow(tmp_path / "t", shape)
    created = (await put(files, [source], "-x \udcfe")).created
    assert look(home / "-x \udcfe") == look(source)
    await get(files, "-x*", tmp_path / "back", into=False)
    assert look(tmp_path / "back") == look(source)
    assert await remove(files, created) == ()
    assert not (home / "-x \udcfe").exists()


async def test_large_files_travel_both_ways(files: PlainFiles, home: Path, tmp_path: Path) -> None:
    source = grow(tmp_path / "t", {"big": os.urandom(5_000_001), "d/big": os.urandom(1_500_000)})
    await put(files, [source], "t")
    assert look(home / "t") == look(source)
    await get(files, "t", tmp_path / "back", into=False)
    assert look(tmp_path / "back") == look(source)


async def test_a_failed_put_takes_back_what_it_created(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    rest = {name: entry for name, entry in MANY.items() if not name.startswith("d")}
    grow(tmp_path / "t", {**rest, "d": b"in the way"})
    await put(files, [grow(tmp_path / "old/t", {"d/keep": b"", "m/5": b"old"})], "x/t")
    before = look(home)
    with pytest.raises(CopyError, match=r"^cannot write /.*/x/t/d on the node: it is a directory,"):
        await put(files, [tmp_path / "t"], "x/t")
    after = look(home)
    assert after["x/t/m/5"][1] in (b"old", b"xxxxx")
    assert after == {**before, "x/t/m/5": after["x/t/m/5"]}


async def test_a_directory_does_not_replace_a_file(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", MANY)
    await put(files, [grow(tmp_path / "old/t", {"m": b"file", "d/e": "link"})], "t")
    before = look(home)
    with pytest.raises(CopyError, match=r"t/(m|d/e) on the node: it is not a directory, and /.* i"):
        await put(files, [source], "t")
    with pytest.raises(CopyError, match=r"^cannot create directory /.*/t/m on the node: File exi"):
        await put(files, [source], "t/m/x/y")
    assert look(home) == before


async def test_a_failed_get_of_a_renamed_tree_can_be_tried_again(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    await put(files, [grow(tmp_path / "t", MANY)], "t")
    os.mkfifo(home / "t/z")
    for into, kept in ((False, False), (True, True)):
        with pytest.raises(CopyError, match=r"^cannot copy /.*/t/z on the node: it is a FIFO; on"):
            await get(files, "t", tmp_path / f"new{into}", into=into)
        assert (tmp_path / f"new{into}").exists() == kept
        assert temporaries(tmp_path) == []
    (home / "t/z").unlink()
    await get(files, "t", tmp_path / "newFalse", into=False)
    assert look(tmp_path / "newFalse") == look(tmp_path / "t")


async def test_remove_undoes_a_put_and_leaves_what_others_made(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    created = (await put(files, [grow(tmp_path / "t", MANY)], "x/y")).created
    grow(home / "x", {"y/d/other": b""})
    left = await remove(files, [*created, str(home / "gone/too")])
    assert left == tuple(str(home / path) for path in ("x", "x/y", "x/y/d"))
    assert look(home / "x").keys() == {".", "y", "y/d", "y/d/other"}


async def test_copies_at_the_same_time_agree(files: PlainFiles, home: Path, tmp_path: Path) -> None:
    source = grow(tmp_path / "t", MANY)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(put(files, [source], "x/t", is_alone=False)) for _ in range(6)]
    assert look(home / "x/t") == look(source)
    assert {path for task in tasks for path in task.result().created} >= {str(home / "x/t/d")}
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            back = tmp_path / "back/t"
            group.create_task(get(files, "x/t", back, into=False, is_alone=False))
    assert look(tmp_path / "back/t") == look(source)
    assert temporaries(home) + temporaries(tmp_path) == []


async def test_what_another_copy_is_still_writing_is_left_out(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    half = {".gplmt-0123456789abcdef.tmp": b"half", ".gplmt-aaaaaaaaaaaaaaaa.tmp/d/f": b""}
    source = grow(tmp_path / "t", {**MANY, **{f"d/{name}": entry for name, entry in half.items()}})
    await put(files, [source], "u")
    assert look(home / "u").keys() == look(grow(tmp_path / "whole", MANY)).keys()
    grow(home / "u", {f"m/{name}": entry for name, entry in half.items()})
    await get(files, "u", tmp_path / "v", into=False)
    assert look(tmp_path / "v").keys() == look(tmp_path / "whole").keys()
