"""Files that are more than bytes under a name, to and from nodes (LANGUAGE.md 6.3)."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gplmt.errors import CopyError
from tests.support.processes import until
from tests.support.ssh.kinds import of_kinds
from tests.support.ssh.servers import Server
from tests.transports.ssh.plain_files import PlainFiles, Way, files_of
from tests.transports.told import get_there as get
from tests.transports.told import put_there as put
from tests.transports.trees import grow, look, names, temporaries

MIB = 1 << 20

pytestmark = [
    pytest.mark.parametrize("server", of_kinds("openssh"), indirect=True),
    pytest.mark.parametrize("way", [Way.ALL, Way.CAT]),
]


@pytest.fixture
async def files(server: Server, way: Way) -> AsyncIterator[PlainFiles]:
    async with files_of(server, way) as files:
        yield files


@pytest.fixture
def home(server: Server) -> Path:
    return server.home


def sparse(path: Path, *, size: int, data: dict[int, bytes]) -> Path:
    with path.open("wb") as file:
        for offset, content in data.items():
            file.seek(offset)
            file.write(content)
        file.truncate(size)
    return path


SPARSE = {
    "ends in a hole": (MIB + 7, {0: b"begin" * 800}),
    "is a hole": (MIB, {}),
    "begins with a hole": (2 * MIB, {MIB: b"x" * MIB}),
    "is mostly a hole": (1000 * MIB, {300 * MIB: b"middle", 999 * MIB: b"end"}),
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.long] if size > 10 * MIB else [])
        for kind, (size, _) in SPARSE.items()
    ],
)
async def test_holes_stay_right(
    kind: str, way: Way, files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    size, data = SPARSE[kind]
    if size > 10 * MIB and way is Way.CAT:
        pytest.skip("a stream brings every zero")
    source = sparse(grow(tmp_path / "t", {}) / "f", size=size, data=data)
    await put(files, [source], "f")
    await put(files, [source.parent], "t")
    await get(files, "f", tmp_path / "g", into=False)
    if size < 10 * MIB:
        await get(files, "t", tmp_path / "u", into=False)
    copies = [
        path
        for path in (home / "f", home / "t/f", tmp_path / "g", tmp_path / "u/f")
        if path.exists()
    ]
    for copy in copies:
        assert same_content(copy, source)
    if way is not Way.CAT:
        assert all(copy.stat().st_blocks * 512 < 10 * MIB for copy in copies)


def same_content(one: Path, other: Path) -> bool:
    return subprocess.run(["cmp", "-s", str(one), str(other)]).returncode == 0  # noqa: S603, S607


@pytest.mark.parametrize("size", [0, 1, 16384, 261120, 261121, 9 * MIB + 1])
async def test_every_byte_arrives(size: int, files: PlainFiles, home: Path, tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": os.urandom(size)}) / "f"
    assert (await put(files, [source], "f")).bytes == size
    assert (await get(files, "f", tmp_path / "g", into=False)).bytes == size
    assert (home / "f").read_bytes() == (tmp_path / "g").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("path", ["/proc/version", "/proc/cpuinfo", "/sys/kernel/mm/ksm/run"])
async def test_files_that_do_not_tell_their_size_can_be_copied(
    path: str, files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    content = content_of(path)
    await put(files, [Path(path)], "f")
    await get(files, path, tmp_path / "g", into=False)
    lengths = {len(content), (home / "f").stat().st_size, (tmp_path / "g").stat().st_size}
    assert len(lengths) == 1
    assert lengths != {0}


def content_of(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        pytest.skip(f"there is no {path} here")


async def test_trees_of_such_files_can_be_copied(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    await get(files, "/proc/sys/fs/inotify", tmp_path / "t", into=False)
    await put(files, [Path("/proc/sys/fs/inotify")], "t")
    whole = contents(Path("/proc/sys/fs/inotify"))
    assert contents(tmp_path / "t") == contents(home / "t") == whole
    assert b"" not in whole.values()


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def once_begun(place: Path, act: Callable[[], object]) -> None:
    await until(lambda: bool(temporaries(place)))
    act()


async def test_a_log_that_grows_is_copied_as_it_was_at_the_beginning(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    content = os.urandom(40 * MIB)
    source = grow(tmp_path, {"f": content}) / "f"

    def append(path: Path) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    async with asyncio.TaskGroup() as group:
        group.create_task(put(files, [source], "f"))
        group.create_task(once_begun(home, lambda: append(source)))
    assert (home / "f").read_bytes() == content
    (tmp_path / "new").mkdir()
    async with asyncio.TaskGroup() as group:
        group.create_task(get(files, "f", tmp_path / "new/f", into=False))
        group.create_task(once_begun(tmp_path / "new", lambda: append(home / "f")))
    assert (tmp_path / "new/f").read_bytes() == content


async def test_a_source_that_is_cut_is_an_error(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    source = grow(tmp_path, {"f": os.urandom(60 * MIB), "new": None}) / "f"
    await put(files, [source], "g")
    cut = asyncio.ensure_future(once_begun(home, lambda: os.truncate(source, 0)))
    with pytest.raises(CopyError, match=r"^cannot copy /.*/f: it was cut while it was copied$"):
        await put(files, [source], "f")
    await cut
    cut = asyncio.ensure_future(once_begun(tmp_path, lambda: os.truncate(home / "g", 0)))
    with pytest.raises(CopyError, match=r"^cannot copy /.*/g on the node: it was cut while it wa"):
        await get(files, "g", tmp_path / "new/g", into=False)
    await cut
    assert names(home) == ["g"]
    assert names(tmp_path / "new") == []


async def test_an_existing_file_is_replaced_in_one_step(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    grow(tmp_path, {"f": b"new", "g": b"a longer old content"})
    (tmp_path / "f").chmod(0o640)
    await put(files, [tmp_path / "g"], "g")
    with (home / "g").open("rb") as there, (tmp_path / "g").open("rb") as here:
        assert (await put(files, [tmp_path / "f"], "g")).created == ()
        assert (await get(files, "g", tmp_path / "g", into=False)).created == ()
        assert there.read() == here.read() == b"a longer old content"
    assert look(home)["g"] == look(tmp_path)["g"] == (0o640, b"new")


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o444, 0o755, 0o777, 0o4755])
async def test_permission_bits_are_kept_and_no_others(
    mode: int, files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    source = grow(tmp_path, {"f": b"x"}) / "f"
    source.chmod(mode)
    if not os.access(source, os.R_OK):
        pytest.skip("a file without permissions can be read by root only")
    await put(files, [source], "f")
    (home / "f").chmod(mode)
    await get(files, "f", tmp_path / "g", into=False)
    assert (home / "f").stat().st_mode & 0o777 == mode & 0o777
    assert (tmp_path / "g").stat().st_mode & 0o7777 == mode & 0o777


async def test_a_fifo_gets_all_bytes(files: PlainFiles, home: Path, tmp_path: Path) -> None:
    content = os.urandom(3 * MIB)
    source = grow(tmp_path, {"f": content}) / "f"
    await put(files, [source], "f")
    for fifo in (home / "fifo", tmp_path / "fifo"):
        os.mkfifo(fifo)
    async with asyncio.TaskGroup() as group:
        there = group.create_task(asyncio.to_thread((home / "fifo").read_bytes))
        here = group.create_task(asyncio.to_thread((tmp_path / "fifo").read_bytes))
        group.create_task(put(files, [source], "fifo"))
        group.create_task(get(files, "f", tmp_path / "fifo", into=False))
    assert there.result() == here.result() == content


async def test_a_fifo_in_a_tree_gets_all_bytes(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    shape = {f"f{number}": b"x" * number for number in range(40)}
    source = grow(tmp_path / "t", {**shape, "p": b"to a FIFO"})
    for place in (home / "t", tmp_path / "back"):
        place.mkdir()
        os.mkfifo(place / "p")
    there = asyncio.ensure_future(asyncio.to_thread((home / "t/p").read_bytes))
    await put(files, [source], "t")
    (home / "t/p").unlink()
    (home / "t/p").write_bytes(b"from a file")
    here = asyncio.ensure_future(asyncio.to_thread((tmp_path / "back/p").read_bytes))
    await get(files, "t/*", tmp_path / "back", into=True)
    assert (await there, await here) == (b"to a FIFO", b"from a file")
    assert names(home / "t") == names(tmp_path / "back") == names(source)
    assert (home / "t/p").read_bytes() == b"from a file"


def device(place: Path, name: str) -> Path:
    """A device that a wrong copy may replace; root could replace that of the machine."""
    own, status = place / name, Path("/dev", name).stat()
    try:
        os.mknod(own, status.st_mode, status.st_rdev)
        own.write_bytes(b"")
    except OSError:
        pytest.skip("DEVICES NOT TESTED: only root can make some, and not everywhere")
    return own


async def test_a_device_is_written_through(files: PlainFiles, home: Path, tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x" * MIB}) / "f"
    there, here = device(home, "null"), device(tmp_path, "null")
    await put(files, [source], "null")
    await put(files, [source], "f")
    await get(files, "f", here, into=False)
    assert there.is_char_device()
    assert here.is_char_device()


async def test_a_full_device_is_an_error(files: PlainFiles, home: Path, tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x"}) / "f"
    device(home, "full")
    with pytest.raises(CopyError, match=r"^cannot write /.*/full on the node: No space left on d"):
        await put(files, [source], "full")


async def test_what_is_no_file_directory_or_link_is_named(
    files: PlainFiles, home: Path, tmp_path: Path
) -> None:
    os.mkfifo(grow(tmp_path / "t", {}) / "p")
    with pytest.raises(CopyError, match=r"^cannot copy /.*/t/p: it is a FIFO; only files, directo"):
        await put(files, [tmp_path / "t"], "t")
    os.mkfifo(grow(home / "t", {}) / "p")
    with pytest.raises(CopyError, match=r"^cannot copy /.*/t/p on the node: it is a FIFO; only fi"):
        await get(files, "t", tmp_path / "u", into=False)
    with pytest.raises(CopyError, match=r"^cannot copy /.*/t/p on the node: it is a FIFO; only fi"):
        await get(files, "t/p", tmp_path / "u", into=False)


async def test_too_long_a_name_is_an_error(files: PlainFiles, home: Path, tmp_path: Path) -> None:
    source = grow(tmp_path, {"f": b"x"}) / "f"
    with pytest.raises(CopyError, match=r"^cannot write /.* on the node: File name too long$"):
        await put(files, [source], "n" * 256)
    await put(files, [source], "n" * 255)
    assert names(home) == ["n" * 255]
