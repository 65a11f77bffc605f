"""Trees of any shape and size, to a node and back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from gplmt.transports.ssh.copying import remove
from tests.support.ssh.servers import Server
from tests.support.trees import scratch_directory
from tests.transports.ssh.plain_files import Way, files_of, on_servers
from tests.transports.test_copying_trees import TREES, Tree, plant
from tests.transports.told import get_there as get
from tests.transports.told import put_there as put
from tests.transports.trees import grow, look, names

pytestmark = on_servers("openssh")
WAYS = pytest.mark.parametrize("way", [Way.ALL, Way.SFTP])


async def there_and_back(server: Server, way: Way, tree: Tree) -> None:
    with scratch_directory() as directory:
        source, back = directory / "t", directory / "back"
        plant(source, tree)
        async with files_of(server, way) as files:
            created = (await put(files, [source], "x/t")).created
            once = look(server.home / "x/t")
            assert once == look(source)
            assert (await put(files, [source], "x/t")).created == ()
            assert look(server.home / "x/t") == once
            for _ in range(2):
                await get(files, "x/t", back, into=True)
                assert look(back / "t") == once
            assert await remove(files, created) == ()
        assert names(server.home) == []


@WAYS
@settings(
    max_examples=15,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(tree=TREES)
def test_any_tree_travels_as_it_is_and_twice_is_once(way: Way, server: Server, tree: Tree) -> None:
    filler = {f"filler{number}": (b"x" * number, 0o644) for number in range(10)}
    asyncio.run(there_and_back(server, way, {**filler, **tree}))


@pytest.mark.long
@WAYS
async def test_a_very_deep_tree_travels(way: Way, server: Server, tmp_path: Path) -> None:
    depth = 1050 if way is Way.ALL else 300  # directory by directory takes long
    levels = [tmp_path / "t"]
    for level in range(depth):
        levels[-1].mkdir()
        if level % 50 == 0:
            (levels[-1] / "f").touch()
        levels.append(levels[-1] / "d")
    async with files_of(server, way) as files:
        created = (await put(files, [levels[0]], "t")).created
        assert len(created) == depth + depth // 50
        got = await get(files, "t", tmp_path / "back", into=False)
        assert len(got.created) == depth + depth // 50
        assert await remove(files, created) == ()
    assert names(server.home) == []
    for path in [*got.created[::-1], *(str(level) for level in levels[::-1])]:
        remove_path(path)


def remove_path(path: str) -> None:
    """pytest cannot remove as deep a tree."""
    if os.path.isdir(path):  # noqa: PTH112
        for name in os.listdir(path):  # noqa: PTH208
            os.unlink(f"{path}/{name}")  # noqa: PTH108
        os.rmdir(path)  # noqa: PTH106
    elif os.path.exists(path):  # noqa: PTH110
        os.unlink(path)  # noqa: PTH108


@pytest.mark.long
@WAYS
async def test_a_directory_of_many_files_travels(way: Way, server: Server, tmp_path: Path) -> None:
    count = 3_000 if way is Way.ALL else 1_000
    source = grow(tmp_path / "t", {f"{number:06}": b"%d" % number for number in range(count)})
    async with files_of(server, way) as files:
        for _ in range(2):
            copied = await put(files, [source], "t")
            assert (copied.files, len(os.listdir(server.home / "t"))) == (count, count)  # noqa: PTH208
        await get(files, "t", tmp_path / "back", into=False)
        await get(files, "t/00?00[13]", tmp_path / "some", into=False)
    assert names(tmp_path / "back") == names(server.home / "t") == names(source)
    assert (tmp_path / "back/000777").read_bytes() == b"777"
    assert len(names(tmp_path / "some")) == 2 * count // 1000
