"""A gplmt in a process of its own, to be killed, stopped and gone on with."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from tests.support.processes import called_with, marked_by
from tests.transports.controller import Settings

ROOT = Path(__file__).parents[2]
SLACK_SECONDS = 2.0


class Controller:
    """A gplmt that runs commands."""

    def __init__(self, process: asyncio.subprocess.Process, token: str) -> None:
        self.token = token
        self._process = process
        self._output = bytearray()

    async def shows(self, text: str, count: int = 1) -> None:
        """Wait until a text has been printed so many times."""
        stdout = self._process.stdout
        assert stdout is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                while self._output.count(text.encode()) < count and not stdout.at_eof():
                    self._output += await stdout.read(65536)
        assert self._output.count(text.encode()) >= count, self._output.decode()

    async def kill(self) -> float:
        """SIGKILL, as the kernel's out-of-memory killer would; the moment."""
        self._process.kill()
        await self._process.wait()
        return time.monotonic()

    def halt(self) -> None:
        """Let it do nothing, as when a laptop is closed."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it do things again."""
        self._process.send_signal(signal.SIGCONT)

    def alive(self) -> dict[int, str]:
        """What lives of its commands."""
        return marked_by(f"GPLMT_COMMAND_ID={self.token}")

    def guard(self) -> list[int]:
        """Its local guard process; a subshell of it looks the same for a moment."""
        return sorted(called_with(self.token))


@asynccontextmanager
async def controlled(settings: Settings) -> AsyncIterator[Controller]:
    """Starts it; when this is left, it has been killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.transports.controller"),
        msgspec.json.encode(settings).decode(),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    started = Controller(process, settings.token)
    try:
        yield started
    finally:
        if process.returncode is None:
            await started.kill()
        process._transport.close()  # type: ignore[attr-defined]
