"""Guards in all shells that nodes have, started as a node's login shell starts one."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gplmt.transports.guard import packed_script
from gplmt.transports.ssh.scripts import guard_script
from tests.support.processes import is_alive, until


def _shell(*words: str) -> object:
    missing = shutil.which(words[0]) is None
    return pytest.param(
        words,
        id=words[0],
        marks=pytest.mark.skipif(missing, reason=f"{words[0]} is missing: the guard is UNTESTED"),
    )


all_shells = pytest.mark.parametrize(
    "shell", [_shell("dash"), _shell("bash"), _shell("busybox", "ash")]
)


class NodeGuard:
    """A guard, what it is told, and what it answers."""

    def __init__(self, process: asyncio.subprocess.Process, token: str) -> None:
        self.process = process
        self.token = token
        self.facts: list[str] = []

    def tell(self, *lines: str) -> None:
        """Write lines; `{token}` in them is the guard's."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())

    async def line(self) -> str:
        """The next line that it writes; nothing at its end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(10):
            return (await self.process.stdout.readline()).decode().removesuffix("\n")

    async def answer(self, number: int) -> list[str]:
        """What it writes up to the end of an answer, but for that end."""
        lines = []
        while (line := await self.line()) != f"gone {number}":
            assert line, "the guard has ended"
            lines.append(line)
        return lines

    async def hang_up(self) -> None:
        """End its stdin, as the end of a connection does, and wait for its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(10):
            await self.process.wait()


@asynccontextmanager
async def node_guard(
    shell: Sequence[str],
    *,
    grace_seconds: float = 5.0,
    nap_seconds: float = 60.0,
    is_leader: bool = True,
) -> AsyncIterator[NodeGuard]:
    """A guard that is ready; when it is left, the guard and its naps are gone."""
    token = f"t{secrets.token_hex(8)}.1"
    process = await asyncio.create_subprocess_exec(
        *shell,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=is_leader,
    )
    guard = NodeGuard(process, token)
    assert process.stdin is not None
    script = guard_script(
        packed_script(), token=token, grace_seconds=grace_seconds, nap_seconds=nap_seconds
    )
    process.stdin.write(script)
    try:
        own, ready, *guard.facts = (await guard.line()).split(" ")
        assert (own, ready) == (token, "ready")
        yield guard
    finally:
        if process.returncode is None:
            await guard.hang_up()
        process._transport.close()  # type: ignore[attr-defined]
    if is_leader:
        await until(lambda: _members(process.pid) == [])


def _members(group: int) -> list[int]:
    """The live processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(ValueError, ProcessLookupError):
            if os.getpgid(int(entry.name)) == group and is_alive(int(entry.name)):
                found.append(int(entry.name))
    return found


@asynccontextmanager
async def victim(
    text: str, *, marker: str | None = None, group_leader: bool = True
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that says `up` when it is there to be stopped; nothing of it is left."""
    environment = {**os.environ, **({} if marker is None else {"GPLMT_COMMAND_ID": marker})}
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", text),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=group_leader,
        env=environment,
    )
    assert process.stdout is not None
    async with asyncio.timeout(10):
        assert await process.stdout.readline() == b"up\n"
    try:
        yield process
    finally:
        if is_alive(process.pid):
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]
