"""A file's bytes for what is no regular file on a node, a FIFO or a device."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from gplmt.errors import CopyError, TaskError
from gplmt.transports.copying_names import NodePath, shown
from gplmt.transports.ssh.copying_door import NodeFiles, Pipe
from gplmt.transports.ssh.copying_scripts import kill_script, reason, write_through_script
from gplmt.transports.ssh.copying_sources import Source
from gplmt.transports.ssh.copying_stop import Stop

_BLOCK_BYTES = 1 << 18
_KILL_SECONDS = 2.0


async def write_through(node: NodeFiles, target: NodePath, source: Source, *, stop: Stop) -> None:
    """Write all of a file to `target`; a FIFO is waited for until somebody reads it.

    An SFTP server would serve nobody else while it waits, so a command does it.  Stopped or
    cancelled, the command is killed.

    Raises:
        CopyError, ConnectionLostError, StoppedError: not all could be written.
    """
    async with node.pipe(write_through_script(target)) as pipe:
        process = await _first_number(pipe)
        try:
            status, errors = await stop.interrupt(_write(pipe, source))
        except BaseException:
            await _kill(node, process)
            raise
    if status:
        raise CopyError(f"cannot write {shown(target)}: {reason(errors, status)}")


async def _write(pipe: Pipe, source: Source) -> tuple[int, bytes]:
    await stream(pipe, source)
    return await pipe.wait()


async def stream(pipe: Pipe, source: Source) -> None:
    """Give a command all of a file on its stdin.

    Raises:
        CopyError, StoppedError: the file cannot be read, or shall not be.
    """
    offset = 0
    with suppress(BrokenPipeError):  # the status tells why
        while data := await source.read_on(offset, _BLOCK_BYTES):
            await pipe.write(data)
            offset += len(data)
        pipe.write_eof()


async def _first_number(pipe: Pipe) -> int:
    line = b""
    while not line.endswith(b"\n") and (data := await pipe.read()):
        line += data
    return int(line) if line.strip().isdigit() else 0


async def _kill(node: NodeFiles, process: int) -> None:
    if process:
        with suppress(TaskError, TimeoutError):
            async with asyncio.timeout(_KILL_SECONDS), node.pipe(kill_script(process)) as pipe:
                await pipe.wait()
