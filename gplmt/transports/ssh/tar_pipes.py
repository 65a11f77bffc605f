"""Whole trees through tar on the node: one stream, however many files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from gplmt.errors import CopyError, TaskError
from gplmt.transports.copying_names import NodePath, shown
from gplmt.transports.ssh.copying_door import NodeFiles, Pipe, Shared
from gplmt.transports.ssh.copying_groups import in_thread
from gplmt.transports.ssh.copying_scripts import archive_script, stage_script
from gplmt.transports.ssh.copying_stop import Stop
from gplmt.transports.ssh.copying_survey import LocalDirectory
from gplmt.transports.ssh.tar_headers import HeaderError
from gplmt.transports.ssh.tar_packing import count_packed, pack
from gplmt.transports.ssh.tar_reading import ArchiveReader
from gplmt.transports.ssh.tar_unpacking import TreeReceiver

# Each takes one of the ten sessions that a server usually allows.
_MAX_TARS = 4
_PIECE_BYTES = 1 << 19
_NOT_FOUND = 127
_BREAK_OFF_SECONDS = 2.0
_GROWN = b"file changed as we read it"
_HARMLESS = (
    _GROWN,
    b"Permission denied",
    b"No such file or directory",
    b"File removed before we read it",
    b"socket ignored",
    b"Exiting with failure status due to previous errors",
)
# Another way would not help.
_HOPELESS = ("No space left on device", "Disk quota exceeded", "Read-only file system")


@contextmanager
def tar_slot(shared: Shared) -> Iterator[bool]:
    """Whether a tree may go through tar now."""
    if not shared.has_tar or shared.tars >= _MAX_TARS:
        yield False
        return
    shared.tars += 1
    try:
        yield True
    finally:
        shared.tars -= 1


async def stage(
    node: NodeFiles, tree: LocalDirectory, place: NodePath, *, inherited: int, stop: Stop
) -> bool:
    """Unpack a tree on the node, large files left out, in the new directory `place`.

    Directories get the mode bits `inherited`.  False if tar is no way to do it.

    Raises:
        CopyError: a file cannot be read here, or no way would be one there.
        ConnectionLostError: it is not known what is there.
        StoppedError: `stop` was set.
    """
    script = stage_script(place, files=count_packed(tree))
    async with node.pipe(script) as pipe:
        try:
            pieces = pack(tree, inherited=inherited, stop=stop)
            told, status, errors = await stop.interrupt(_send(pipe, pieces))
        except BaseException:
            await _break_off(pipe)
            raise
    _check_hope(errors, place)
    node.shared.has_tar = status != _NOT_FOUND
    return status == 0 and told.strip() == b"%d" % _count_staged_bytes(tree)


async def unpack(node: NodeFiles, source: NodePath, receiver: TreeReceiver, *, stop: Stop) -> bool:
    """Give a receiver the archive of a directory on the node; False if it is not all there is.

    Raises:
        CopyError: something cannot be written here.
        ConnectionLostError, StoppedError: what has been received is whole.
    """
    reader = ArchiveReader(receiver)
    try:
        async with node.pipe(archive_script(source)) as pipe:
            status, errors = await stop.interrupt(_receive(pipe, reader))
    except HeaderError:
        return False
    finally:
        receiver.close()
    node.shared.has_tar = status != _NOT_FOUND
    if status and not _are_harmless(errors):
        receiver.received.clear()
    has_failed = status > 1 or (status == 1 and not (errors and _are_harmless(errors, (_GROWN,))))
    return reader.is_complete and not has_failed and not receiver.has_left_out


async def _send(pipe: Pipe, pieces: Iterator[bytes]) -> tuple[bytes, int, bytes]:
    """Give a command its stdin; return its stdout, its status and its stderr."""
    with suppress(BrokenPipeError):  # the status tells why
        while piece := await in_thread(next, pieces, b""):
            await pipe.write(piece)
        pipe.write_eof()
    told = b""
    while data := await pipe.read():
        told += data
    return told, *(await pipe.wait())


async def _break_off(pipe: Pipe) -> None:
    """Let the node notice that no more comes, and clean up."""
    with suppress(TaskError, TimeoutError):
        async with asyncio.timeout(_BREAK_OFF_SECONDS):
            pipe.write_eof()
            await pipe.wait()


async def _receive(pipe: Pipe, reader: ArchiveReader) -> tuple[int, bytes]:
    """Read all of a command's stdout; return its status and its stderr."""
    pieces, size = [], 0
    while data := await pipe.read():
        pieces.append(data)
        size += len(data)
        if size >= _PIECE_BYTES:
            await in_thread(reader.feed, b"".join(pieces))
            pieces, size = [], 0
    await in_thread(reader.feed, b"".join(pieces))
    return await pipe.wait()


def _count_staged_bytes(tree: LocalDirectory) -> int:
    return sum(
        file.size for _, directory in tree.walk() for file in directory.files if file.is_staged
    )


def _check_hope(errors: bytes, place: NodePath) -> None:
    for word in _HOPELESS:
        if word.encode() in errors:
            raise CopyError(f"cannot write {shown(place.parent)}: {word}")


def _are_harmless(errors: bytes, words: Sequence[bytes] = _HARMLESS) -> bool:
    """Whether no file in the archive has a wrong content."""
    return all(line.endswith(tuple(words)) for line in errors.splitlines())
