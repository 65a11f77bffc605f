"""A tree of the execution host as a tar archive."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from threading import Event

from gplmt.transports.copying_bytes import check_stop
from gplmt.transports.copying_files import check_length, opened_source
from gplmt.transports.copying_names import failing_as
from gplmt.transports.ssh.copying_survey import LocalDirectory, LocalFile
from gplmt.transports.ssh.tar_headers import BLOCK_BYTES, Header, Kind, padding, render

_MAX_FILE_BYTES = 1 << 20
_PIECE_BYTES = 1 << 18
_OWNER = 0o700
_END = bytes(2 * BLOCK_BYTES)


def count_packed(tree: LocalDirectory) -> int:
    """How many files of a tree go into its archive."""
    return sum(_is_packed(file) for _, directory in tree.walk() for file in directory.files)


def pack(tree: LocalDirectory, *, inherited: int, stop: Event) -> Iterator[bytes]:
    """The archive of a tree, in pieces; names begin with `./`.

    Large files are left out, and such with holes, which would be lost; the others are marked as
    staged.  Directories get the mode bits `inherited`, and can be written to by their owner.

    Raises:
        CopyError: a file cannot be read.
        StoppedError: `stop` was set.
    """
    piece: list[bytes] = []
    size = 0
    for part in _parts(tree, inherited, stop):
        piece.append(part)
        size += len(part)
        if size >= _PIECE_BYTES:
            yield b"".join(piece)
            piece, size = [], 0
    yield b"".join([*piece, _END])


def _parts(tree: LocalDirectory, inherited: int, stop: Event) -> Iterator[bytes]:
    for place, directory in tree.walk():
        mode = directory.permissions | _OWNER | inherited
        yield render(Header(name=_name(place) + b"/", kind=Kind.DIRECTORY, mode=mode))
        for name, text in directory.links:
            link = text.encode(errors="surrogateescape")
            yield render(Header(name=_name(place / name), kind=Kind.LINK, mode=0o777, link=link))
        for file in directory.files:
            if _is_packed(file):
                check_stop(stop)
                yield _pack_file(directory.path / file.name, _name(place / file.name), file)


def _is_packed(file: LocalFile) -> bool:
    return file.size <= _MAX_FILE_BYTES and not file.has_holes


def _pack_file(path: Path, name: bytes, file: LocalFile) -> bytes:
    with opened_source(path) as (reading, status), failing_as("read", path):
        if status.st_size:
            # A short log may have become a long one.
            size = min(status.st_size, _MAX_FILE_BYTES)
            content = os.pread(reading, size, 0)
            if len(content) < size:
                check_length(path, status, len(content))
        else:
            content = _read_all(reading)
        header = Header(name=name, kind=Kind.FILE, mode=status.st_mode & 0o777, size=len(content))
    file.size, file.is_staged = len(content), True
    return render(header) + content + bytes(padding(len(content)))


def _read_all(reading: int) -> bytes:
    """The content of a file that does not tell its length, as those of /proc."""
    parts = []
    while part := os.read(reading, _PIECE_BYTES):
        parts.append(part)
    return b"".join(parts)


def _name(place: PurePosixPath) -> bytes:
    return f"./{place}".encode(errors="surrogateescape") if place.parts else b"."
