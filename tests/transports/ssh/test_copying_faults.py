"""Nodes that lack something, and copies that cannot succeed."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path

import pytest

from gplmt.errors import ConnectionLostError, CopyError
from gplmt.protocols import Copied
from gplmt.transports.ssh.copying import remove
from tests.support.processes import until
from tests.support.ssh.fixtures import StartProxy, StartServer
from tests.support.ssh.nodes import LoginShell
from tests.support.ssh.proxy import FaultProxy
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import started_through
from tests.transports.ssh.plain_files import PlainFiles, Way, files_of
from tests.transports.told import get_there as get
from tests.transports.told import put_there as put
from tests.transports.trees import Shape, grow, look, names, temporaries

MIB = 1 << 20
MANY: Shape = {"d/l": "b", "e": None, **{f"m/{number}": b"x" * number for number in range(40)}}
PROGRAMS = (
    "sh", "cat", "ls", "find", "awk", "chmod", "mkdir", "mv", "rm", "ln", "readlink", "rmdir", "wc",
    "sleep",
)  # fmt: skip
SFTP_SERVER = "/usr/lib/openssh/sftp-server"

pytestmark = pytest.mark.openssh
WAYS = pytest.mark.parametrize("way", [Way.ALL, Way.SFTP, Way.CAT])


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts small file systems, to be asked before the server starts, which sees no later ones."""
    mounted: list[Path] = []

    def mount_at(place: Path, options: str = "size=1m") -> Path:
        place.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if os.geteuid() or subprocess.run(command, capture_output=True).returncode:  # noqa: S603
            pytest.skip("FULL DISKS NOT TESTED: small file systems can be mounted by root only")
        mounted.append(place)
        tmp_path.chmod(0o755)
        return place

    yield mount_at
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S603, S607


@WAYS
@pytest.mark.parametrize("count", [1, 40])
async def test_a_full_disk_leaves_the_old_file(
    count: int,
    way: Way,
    mount: Callable[..., Path],
    openssh_server: StartServer,
    tmp_path: Path,
) -> None:
    source = grow(tmp_path / "t", {f"f{n}": b"x" * (2 * MIB // count) for n in range(count)})
    small = mount(tmp_path / "small")
    grow(small, {"t/f0": b"old"})
    before = look(small)
    async with files_of(openssh_server(), way) as files:
        with pytest.raises(
            CopyError, match=r"^cannot write /.*/small/t.* on the node: No space le"
        ):
            await put(files, [source], str(small / "t"))
    after = look(small)
    assert after["t/f0"][1] in (b"old", (source / "f0").read_bytes())
    assert after == {**before, "t/f0": after["t/f0"]}


@WAYS
async def test_a_full_disk_here_is_an_error(
    way: Way, mount: Callable[..., Path], openssh_server: StartServer, tmp_path: Path
) -> None:
    small = mount(tmp_path / "small")
    server = openssh_server()
    grow(server.home / "t", {f"f{number}": b"x" * 50_000 for number in range(40)})
    grow(server.home, {"big": b"x" * (2 * MIB)})
    async with files_of(server, way) as files:
        for source in ("big", "t"):
            with pytest.raises(CopyError, match=r"^cannot write /[^ ]*/small/[^ ]*: No space left"):
                await get(files, source, small, into=True)
            assert temporaries(small) == []


@WAYS
async def test_a_read_only_file_system_is_named(
    way: Way, mount: Callable[..., Path], openssh_server: StartServer, tmp_path: Path
) -> None:
    shut = mount(tmp_path / "shut", "ro")
    source = grow(tmp_path / "t", MANY)
    async with files_of(openssh_server(), way) as files:
        for name in ("t", "t/m/5"):
            with pytest.raises(CopyError, match=r"^cannot .*/shut\b.* on the node: Read-only file"):
                await put(files, [source.parent / name], f"{shut}/new")


@WAYS
async def test_a_tree_merges_over_the_border_of_a_file_system(
    way: Way, mount: Callable[..., Path], openssh_server: StartServer, tmp_path: Path
) -> None:
    source = grow(tmp_path / "t", MANY)
    mount(tmp_path / "old/t/m")
    async with files_of(openssh_server(), way) as files:
        copied = await put(files, [source], str(tmp_path / "old"))
    assert copied.files == 41
    found = look(tmp_path / "old/t")
    assert {**found, "m": (0o755, None)} == look(source)
    assert names(tmp_path / "old/t/m") == names(source / "m")
    assert temporaries(tmp_path) == []


@WAYS
async def test_what_the_user_may_not_do_is_named(
    way: Way, openssh_server: StartServer, tmp_path: Path
) -> None:
    if os.geteuid():
        pytest.skip("MISSING PERMISSIONS NOT TESTED: only root can take them from another user")
    server = openssh_server(shell=LoginShell.DASH)
    source = grow(tmp_path / "t", MANY)
    for name in ("roots", "roots/t", "roots/t/m"):
        (server.home / name).mkdir(mode=0o755)
    grow(server.home / "secret/t", MANY)
    (server.home / "secret/t/m/7").chmod(0o000)
    (server.home / "secret/t/d").chmod(0o000)
    async with files_of(server, way) as files:
        for destination in ("roots/new", "roots/new/", "roots/x/y", "roots/t"):
            with pytest.raises(CopyError, match=r"roots/.* on the node: Permission denied$"):
                await put(files, [source], destination)
            with pytest.raises(CopyError, match=r"roots/.* on the node: Permission denied$"):
                await put(files, [source / "m/5"], destination)
        for name in ("m/7", "m", "d", "."):
            with pytest.raises(
                CopyError, match=r"^cannot read /.*/secret/t/(m/7|d) on the node: P"
            ):
                await get(files, f"secret/t/{name}", tmp_path / "back", into=True)
    assert temporaries(tmp_path) == []
    assert look(server.home / "roots").keys() == {".", "t", "t/m"}


@WAYS
async def test_read_only_directories_get_their_files_and_give_them_back(
    way: Way, openssh_server: StartServer, tmp_path: Path
) -> None:
    server = openssh_server(shell=LoginShell.DASH)
    source = grow(tmp_path / "t", {**MANY, "f": b"1", "shut/deep/f": b"2"})
    for name in ("shut/deep", "shut", "."):
        (source / name).chmod(0o555)
    async with files_of(server, way) as files:
        created = (await put(files, [source], "x/t")).created
        assert look(server.home / "x/t") == look(source)
        (source / "shut/deep/f").write_bytes(b"3")
        await put(files, [source], "x/t")
        assert look(server.home / "x/t") == look(source)
        await get(files, "x/t", tmp_path / "back", into=False)
        assert look(tmp_path / "back") == look(source)
        assert await remove(files, created) == ()
    assert names(server.home) == []


@pytest.mark.parametrize("way", [Way.ALL, Way.SFTP])
async def test_the_umask_of_the_server_does_not_matter(
    way: Way, openssh_server: StartServer, tmp_path: Path
) -> None:
    server = openssh_server(sftp=False, settings={"Subsystem": "sftp internal-sftp -u 0077"})
    source = grow(tmp_path / "t", MANY)
    for number, name in enumerate(names(source / "m")):
        (source / "m" / name).chmod(0o400 + number)
    (source / "e").chmod(0o777)
    async with files_of(server, way) as files:
        await put(files, [source], "new")
        await put(files, [source / "m/5"], "5")
    assert look(server.home / "new") == look(source)
    assert look(server.home)["5"] == look(source)["m/5"]


async def test_a_group_that_directories_inherit_is_inherited(
    openssh_server: StartServer, tmp_path: Path
) -> None:
    server = openssh_server()
    source = grow(tmp_path / "t", MANY)
    for way in (Way.ALL, Way.SFTP, Way.CAT):
        shared = grow(server.home / way.name, {})
        shared.chmod(0o2775)
        async with files_of(server, way) as files:
            await put(files, [source], f"{way.name}/t")
        assert (shared / "t/m").stat().st_mode & 0o7777 == 0o2755
        assert (shared / "t/m/5").stat().st_mode & 0o7777 == 0o644


async def test_a_server_that_cannot_replace_files_serves_too(
    openssh_server: StartServer, tmp_path: Path
) -> None:
    server = openssh_server(
        sftp=False, settings={"Subsystem": "sftp internal-sftp -P posix-rename"}
    )
    source = grow(tmp_path / "t", MANY)
    async with files_of(server) as files:
        for _ in range(2):
            await put(files, [source], "x/t")
            await put(files, [source / "m/5"], "f")
    assert look(server.home / "x/t") == look(source)
    assert (server.home / "f").read_bytes() == b"xxxxx"


async def test_a_server_without_sftp_serves_too(
    openssh_server: StartServer, tmp_path: Path
) -> None:
    server = openssh_server(sftp=False)
    await go_and_return(server, tmp_path)


async def test_a_login_shell_that_spoils_sftp_serves_too(
    openssh_server: StartServer, tmp_path: Path
) -> None:
    if not Path(SFTP_SERVER).exists():  # noqa: ASYNC240
        pytest.skip(f"NOISY LOGINS NOT TESTED: there is no {SFTP_SERVER}")
    server = openssh_server(
        shell=LoginShell.BASH, sftp=False, settings={"Subsystem": f"sftp {SFTP_SERVER}"}
    )
    (server.home / ".bashrc").write_text("echo welcome to this machine\n")
    await go_and_return(server, tmp_path)


@pytest.mark.parametrize("tar", ["bsdtar", "busybox", None])
@pytest.mark.parametrize("sftp", [True, False])
async def test_nodes_have_many_tars_or_none(
    tar: str | None, sftp: bool, openssh_server: StartServer, tmp_path: Path
) -> None:
    programs = grow(tmp_path / "bin", {})
    for name in PROGRAMS:
        (programs / name).symlink_to(shutil.which(name) or pytest.skip(f"there is no {name}"))
    if tar is not None:
        found = shutil.which(tar)
        if found is None:
            pytest.skip(f"{tar.upper()} NOT TESTED: there is none here")
        (programs / "tar").symlink_to(found)
    server = openssh_server(settings={"SetEnv": f"PATH={programs}"}, sftp=sftp)
    await go_and_return(server, tmp_path, has_tar=tar is not None)


async def go_and_return(server: Server, tmp_path: Path, *, has_tar: bool = True) -> None:
    source = grow(
        tmp_path / "t",
        {**MANY, "x" * 150: "y" * 150, "é\n": b"", "\udcff": b"1", "big": os.urandom(3 * MIB)},
    )
    os.link(source / "m/5", source / "m/hard")
    async with files_of(server) as files:
        for name in ("once", "once", "t"):
            await put(files, [source], name)
            assert files.shared.has_tar == has_tar
        await get(files, "t", tmp_path / "back", into=False)
        await get(files, "once/t", tmp_path / "back/t", into=False)
        await get(files, "t/big", tmp_path / "big", into=False)
    assert look(tmp_path / "back/t") == look(source)
    assert look(server.home / "once/t") == look(source)
    assert (tmp_path / "big").read_bytes() == (source / "big").read_bytes()
    assert temporaries(tmp_path) + temporaries(server.home) == []


def passed(proxy: FaultProxy) -> int:
    return proxy.bytes_to_server + proxy.bytes_to_client


@WAYS
async def test_a_lost_connection_leaves_no_partial_file(
    way: Way, openssh_server: StartServer, fault_proxy: StartProxy, tmp_path: Path
) -> None:
    server = openssh_server()
    proxy = fault_proxy(server)
    proxy.limit(4 * MIB)
    shape = {**{f"f{number}": os.urandom(30_000) for number in range(200)}, "big": b"x" * 9 * MIB}
    source = grow(tmp_path / "t", shape)
    grow(server.home / "there", shape)
    works: list[Callable[[PlainFiles], Coroutine[object, object, Copied]]] = [
        lambda files: put(files, [source], "t"),
        lambda files: get(files, "there", tmp_path / "back", into=False),
    ]
    for work in works:
        async with files_of(proxy.server, way) as files:
            copy = asyncio.ensure_future(work(files))
            goal = passed(proxy) + 2 * MIB
            await until(partial(lambda goal: passed(proxy) > goal, goal))
            proxy.reset()
            begun = time.monotonic()
            with pytest.raises(ConnectionLostError, match=r"^the connection was lost"):
                await copy
            assert time.monotonic() - begun < 2
    for place in (server.home / "t", tmp_path / "back"):
        if place.exists():
            found = {name: entry for name, entry in look(place).items() if entry[1] is not None}
            whole = {item for item in found.items() if not item[0].startswith(".gplmt-")}
            assert whole <= look(source).items()
    assert temporaries(tmp_path) == []
    async with files_of(server, way) as files:
        await put(files, [source], "again")
    assert look(server.home / "again") == look(source)


async def test_an_sftp_server_that_dies_is_a_lost_connection(
    openssh_server: StartServer, tmp_path: Path
) -> None:
    if not Path(SFTP_SERVER).exists():  # noqa: ASYNC240
        pytest.skip(f"NOT TESTED: there is no {SFTP_SERVER}")
    server = openssh_server(sftp=False, settings={"Subsystem": f"sftp {SFTP_SERVER}"})
    source = grow(tmp_path, {"f": b"x" * (200 * MIB)}) / "f"
    async with files_of(server) as files:
        copy = asyncio.ensure_future(put(files, [source], "f"))
        await until(lambda: bool(temporaries(server.home)))
        for pid in started_through(server.port):
            os.kill(pid, 9)
        with pytest.raises(ConnectionLostError, match=r"^the connection was lost \("):
            await copy
    assert not (server.home / "f").exists()
