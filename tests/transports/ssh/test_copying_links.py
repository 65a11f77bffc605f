"""Nodes that send links, and then what shall go through them (LANGUAGE.md 6.3)."""

from __future__ import annotations

import asyncio
import io
import shutil
import tarfile
from pathlib import Path
from threading import Event

import pytest

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.journals import UnwrittenJournal
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_growth import Growth
from gplmt.transports.copying_names import NodePath
from gplmt.transports.copying_telling import Telling
from gplmt.transports.ssh.tar_reading import ArchiveReader
from gplmt.transports.ssh.tar_unpacking import TreeReceiver
from tests.support.ssh.servers import Server
from tests.transports.ssh.plain_files import Way, files_of, on_servers
from tests.transports.told import get_there
from tests.transports.trees import Shape, grow, look, temporaries

WAYS = pytest.mark.parametrize("way", [Way.ALL, Way.SFTP, Way.CAT])


class Scene:
    """A directory `work` for copies from a node, beside a `home` that it shall not write to."""

    def __init__(self, server: Server, way: Way, place: Path) -> None:
        self.work = grow(place / "work", {})
        self.home = grow(place / "home", {"key": b"mine", "d/key": b"mine"})
        self._before = look(self.home)
        self._server = server
        self._way = way
        self._arrivals = Arrivals()

    def node(self, tree: Shape) -> None:
        """Let the node have another tree `t`."""
        shutil.rmtree(self._server.home / "t", ignore_errors=True)
        grow(self._server.home / "t", tree)

    async def get(self, source: str, destination: str, *, is_alone: bool = True) -> None:
        async with files_of(self._server, self._way) as files:
            await get_there(
                files,
                source,
                self.work / destination,
                into=destination.endswith("/"),
                is_alone=is_alone,
                arrivals=self._arrivals,
            )

    def check(self, tree: Path) -> None:
        """See that a tree of the node is here, and nowhere else."""
        assert look(tree) == look(self._server.home / "t")
        self.check_home()

    def check_home(self) -> None:
        """See that nothing has become of it."""
        assert look(self.home) == self._before
        assert temporaries(self.work) == []


@pytest.fixture
def scene(server: Server, way: Way, tmp_path: Path) -> Scene:
    return Scene(server, way, tmp_path)


@on_servers("openssh")
@WAYS
async def test_nothing_goes_through_a_link_that_came_before(scene: Scene) -> None:
    home = scene.home
    links = {"x": f"{home}/key", "d": f"{home}/d", "new": f"{home}/new", "e/up": "../d"}
    scene.node(links)
    await scene.get("t", "out/")
    scene.check(scene.work / "out/t")
    scene.node({"x": b"1", "d/key": b"2", "new/f": b"3", "e/up/key": b"4", "e/up/g": b""})
    await scene.get("t", "out/")
    scene.check(scene.work / "out/t")


@on_servers("openssh")
@WAYS
async def test_nothing_goes_through_links_to_a_destination_below_them(scene: Scene) -> None:
    scene.node({"x": f"{scene.home}/key", "d": f"{scene.home}/d"})
    await scene.get("t", "out/")
    scene.node({"key": b"new"})
    await scene.get("t/key", "out/t/x")
    assert (scene.work / "out/t/x").read_bytes() == b"new"
    for destination in ("out/t/d/", "out/t/d/key", "out/t/d/new/"):
        with pytest.raises(CopyError, match=r"^cannot write through /.*/out/t/d: it is a link"):
            await scene.get("t/*", destination)
    await scene.get("t", "out/t/d")
    scene.check(scene.work / "out/t/d")


@on_servers("openssh")
@WAYS
async def test_nothing_goes_through_links_while_many_gets_fill_one_directory(scene: Scene) -> None:
    # Two trees have links where the others have directories; whoever comes second may fail.
    links: Shape = {f"t{n}/t/{m}": f"{scene.home}/d" for n in (0, 2) for m in range(20)}
    scene.node({**links, **{f"t{n}/t/{m}/key": b"new" for n in (1, 3) for m in range(20)}})
    gets = (scene.get(f"t/t{n}/t", "out/", is_alone=False) for n in range(4))
    outcomes = await asyncio.gather(*gets, return_exceptions=True)
    odd = [each for each in outcomes if each is not None and not isinstance(each, CopyError)]
    assert odd == []
    scene.check_home()


def test_a_hard_link_is_no_copy_of_what_has_become_a_link(tmp_path: Path) -> None:
    grow(tmp_path, {"secret": b"mine"})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for kind, name in ((b"5", "."), (b"0", "./a"), (b"1", "./b")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = kind, "./a" * (kind == b"1"), 0o755
            tar.addfile(member)
    target = tmp_path / "out"
    ground = Ground(Arrivals())
    ground.receive(target)
    growth = Growth(Telling(UnwrittenJournal()), ground)
    receiver = TreeReceiver(NodePath("/node"), target, growth, Event())
    reader = ArchiveReader(receiver)
    reader.feed(archive.getvalue()[:1024])
    assert (target / "a").is_file()
    (target / "a").unlink()
    (target / "a").symlink_to(tmp_path / "secret")
    reader.feed(archive.getvalue()[1024:])
    assert reader.is_complete
    assert receiver.has_left_out
    assert not (target / "b").exists()
