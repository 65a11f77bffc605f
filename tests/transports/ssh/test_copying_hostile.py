"""Nodes that lie: nothing is written but where the user said (LANGUAGE.md 6.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from gplmt.errors import CopyError
from gplmt.transports.copying_names import NodePath
from gplmt.transports.ssh.copying_door import Pipe, SftpMissingError, Shared
from gplmt.transports.ssh.copying_shell import shell_disk
from gplmt.transports.ssh.copying_stop import Stop
from tests.transports.told import get_there as get
from tests.transports.trees import grow, look

DIRECTORY = asyncssh.SFTPAttrs(permissions=0o40755)
FILE = asyncssh.SFTPAttrs(permissions=0o100644, size=4)
LINK = asyncssh.SFTPAttrs(permissions=0o120777)


class Liar(asyncssh.SFTPServer):
    """Has one directory, with a file and a link of impossible names or texts."""

    name = b"f"
    text = b"x"

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:  # noqa: ARG002
        yield asyncssh.SFTPName(self.name, attrs=FILE)
        yield asyncssh.SFTPName(b"l", attrs=LINK)

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:  # noqa: ARG002
        return DIRECTORY

    stat = lstat

    def readlink(self, path: bytes) -> bytes:  # noqa: ARG002
        return self.text


class LyingNode:
    """A node with SFTP alone."""

    def __init__(self, client: asyncssh.SFTPClient) -> None:
        self.shared = Shared()
        self.shared.has_tar = False
        self._client = client

    async def sftp(self) -> asyncssh.SFTPClient:
        return self._client

    def pipe(self, command: str) -> AbstractAsyncContextManager[Pipe]:
        raise AssertionError(command)


@asynccontextmanager
async def lying(server: type[Liar]) -> AsyncIterator[LyingNode]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Open,
        server_host_keys=[key],
        sftp_factory=server,
    )
    async with (
        listener,
        asyncssh.connect(
            "127.0.0.1",
            listener.get_port(),
            username="any",
            known_hosts=([key.convert_to_public()], [], []),
            client_keys=None,
            agent_path=None,
            config=None,
        ) as connection,
    ):
        yield LyingNode(await connection.start_sftp_client(path_encoding=None))


class LyingShell:
    """A shell that answers all orders alike; a `Pipe`."""

    def __init__(self, answer: bytes, status: bytes) -> None:
        self._answer = answer
        self._status = status
        self._told = b""

    async def write(self, data: bytes) -> None:
        sign = data.split()[-2]
        self._told = self._answer + b"\n" + sign + b" " + self._status + b"\n"

    def write_eof(self) -> None:
        pass

    async def read(self) -> bytes:
        return self._told

    async def wait(self) -> tuple[int, bytes]:
        return 0, b""


class LyingShellNode:
    """A node with such a shell alone."""

    def __init__(self, answer: bytes, status: bytes = b"0") -> None:
        self.shared = Shared()
        self.shared.has_tar = False
        self._shell = LyingShell(answer, status)

    async def sftp(self) -> asyncssh.SFTPClient:
        raise SftpMissingError("there is none")

    @asynccontextmanager
    async def pipe(self, command: str) -> AsyncIterator[Pipe]:
        assert command == "exec /bin/sh"
        yield self._shell


class Open(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return False


@pytest.mark.parametrize("name", [b"../x", b"a/b", b"/tmp/gplmt-x", b"", b"a\0b"])
async def test_a_name_that_leads_elsewhere_is_refused(name: bytes, tmp_path: Path) -> None:
    class Lying(Liar):
        pass

    Lying.name = name
    place = grow(tmp_path / "in", {"x": b"mine"})
    async with lying(Lying) as node:
        with pytest.raises(
            CopyError, match=r"^cannot read /t on the node: it has an impossible na"
        ):
            await asyncio.wait_for(get(node, "/t", place / "t", into=False), 10)
    assert look(tmp_path).keys() == {".", "in", "in/x"}
    assert (place / "x").read_bytes() == b"mine"


async def test_a_link_that_says_what_none_can_is_refused(tmp_path: Path) -> None:
    class Lying(Liar):
        text = b"a\0b"

        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:  # noqa: ARG002
            yield asyncssh.SFTPName(b"l", attrs=LINK)

    async with lying(Lying) as node:
        with pytest.raises(
            CopyError, match=r"^cannot read /t/l on the node: it says what no link "
        ):
            await asyncio.wait_for(get(node, "/t", tmp_path / "t", into=False), 10)


@pytest.mark.parametrize("kind", [0o120777, 0o40755])
async def test_a_source_of_which_the_node_says_odd_things_is_refused(
    kind: int, tmp_path: Path
) -> None:
    class Lying(Liar):
        def stat(self, path: bytes) -> asyncssh.SFTPAttrs:  # noqa: ARG002
            return asyncssh.SFTPAttrs(permissions=kind)

        def realpath(self, path: bytes) -> bytes:
            return b"/home" if path == b"." else b"/x/.."

    source = "/t" if kind == 0o120777 else "/t/.."
    place = grow(tmp_path / "in", {})
    async with lying(Lying) as node:
        with pytest.raises(CopyError, match=r"^cannot read /t.* on the node: the node does not te"):
            await asyncio.wait_for(get(node, source, place, into=True), 10)
    assert look(tmp_path).keys() == {".", "in"}


@pytest.mark.parametrize("answer", [b"-../x\0", b"-/tmp/gplmt-x\0", b"d..\0", b"-\0", b"?x\0"])
async def test_a_shell_that_tells_impossible_names_is_refused(answer: bytes) -> None:
    async with shell_disk(LyingShellNode(answer), Stop()) as disk:
        with pytest.raises(CopyError, match=r"^cannot read /t on the node: it has an impossible n"):
            await disk.list(NodePath("/t"))


async def test_a_shell_that_answers_as_none_does_is_an_error() -> None:
    async with shell_disk(LyingShellNode(b""), Stop()) as disk:
        with pytest.raises(CopyError, match=r"^cannot read /t on the node: the node does not tell"):
            await disk.lstat(NodePath("/t"))
    async with shell_disk(LyingShellNode(b"a\0b\n"), Stop()) as disk:
        with pytest.raises(CopyError, match=r"^cannot read /t on the node: it says what no link"):
            await disk.read_link(NodePath("/t"))
    async with shell_disk(LyingShellNode(b"", status=b"what?"), Stop()) as disk:
        with pytest.raises(CopyError, match=r"^the shell of the node does not answer as shells"):
            await disk.list(NodePath("/t"))
