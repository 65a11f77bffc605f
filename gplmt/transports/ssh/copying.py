"""put, get and remove on ssh targets (LANGUAGE.md 6.3, 11.1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.journals import CopyJournal
from gplmt.protocols import Copied
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_names import NodePath
from gplmt.transports.copying_trees import remove_created
from gplmt.transports.ssh.copying_disk import Disk
from gplmt.transports.ssh.copying_door import NodeFiles, SftpMissingError
from gplmt.transports.ssh.copying_endings import settled
from gplmt.transports.ssh.copying_get import Get
from gplmt.transports.ssh.copying_put import Put
from gplmt.transports.ssh.copying_removal import Removal
from gplmt.transports.ssh.copying_shell import shell_disk
from gplmt.transports.ssh.copying_stop import Stop
from gplmt.transports.ssh.sftp_disk import SftpDisk


async def put(
    files: NodeFiles,
    sources: Sequence[Path],
    destination: str,
    *,
    journal: CopyJournal,
) -> Copied:
    """Copy `sources` to `destination` on the node, relative to the login directory or to `~/`.

    A put that fails or is cancelled takes back what it created, so that it can be tried again;
    files that it had replaced stay replaced.  Where the connection is lost, nothing can be taken
    back.

    Raises:
        CopyError: the reason, naming the path.
        ConnectError, ConnectionLostError: the node cannot be reached, or no longer.
    """
    stop = Stop()
    begun: list[Put] = []

    async def work() -> Copied:
        async with _disk(files, stop) as disk:
            begun.append(Put(files, disk, stop, journal))
            return await begun[0].run(sources, destination)

    async def undo() -> None:
        if begun:
            async with _disk(files, Stop()) as disk:
                await begun[0].undo(disk)

    return await settled(work(), stop=stop, undo=undo)


async def get(
    files: NodeFiles,
    source: str,
    destination: Path,
    *,
    into: bool,
    journal: CopyJournal,
    arrivals: Arrivals,
) -> Copied:
    """Copy what `source`, a path or pattern as for a put's destination, names to `destination`.

    A get that fails or is cancelled keeps the whole files that it has got, as they may be all
    that remains of an experiment; unless they stand in a new directory that is named otherwise
    than its source, which the next try would copy *into*.

    Raises:
        CopyError: the reason, naming the path; nothing matches a pattern.
        ConnectError, ConnectionLostError: the node cannot be reached, or no longer.
    """
    stop = Stop()
    begun: list[Get] = []

    async def work() -> Copied:
        async with _disk(files, stop) as disk:
            begun.append(Get(files, disk, stop, journal, Ground(arrivals)))
            return await begun[0].run(source, destination, into=into)

    async def undo() -> None:
        if begun and begun[0].is_renamed_tree:
            growth = begun[0].growth
            await asyncio.to_thread(remove_created, growth.created, growth.ground)

    return await settled(work(), stop=stop, undo=undo)


async def remove(files: NodeFiles, paths: Sequence[str]) -> tuple[str, ...]:
    """Remove what a put created, given and returned in order of creation; return what is left.

    Directories are removed only when empty, so that what others put there stays.  What does not
    exist counts as removed.

    Raises:
        ConnectError, ConnectionLostError: the node cannot be reached, or no longer.
    """
    async with _disk(files, Stop()) as disk:
        removal = Removal(disk, [NodePath(path) for path in paths])
        await removal.run()
        return tuple(str(path) for path in removal.left)


@asynccontextmanager
async def _disk(files: NodeFiles, stop: Stop) -> AsyncIterator[Disk]:
    try:
        client = await files.sftp()
    except SftpMissingError as missing:
        async with shell_disk(files, stop) as disk:
            await _check_shell(disk, missing)
            yield disk
    else:
        yield SftpDisk(client, files.shared)


async def _check_shell(disk: Disk, missing: SftpMissingError) -> None:
    try:
        await disk.login_directory()
    except CopyError as error:
        raise CopyError(
            f"cannot copy: there is no SFTP ({missing}), and the shell does not do either ({error})"
        ) from error
