"""A tar archive of a directory on a node, unpacked here as it comes."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event

from gplmt.transports.copying_bytes import StoppedError, check_stop
from gplmt.transports.copying_files import (
    FileCopied,
    copy_file,
    refuse_directory,
    replacement,
    tell_file,
)
from gplmt.transports.copying_growth import Growth
from gplmt.transports.copying_names import NodePath, failing_as, is_temporary
from gplmt.transports.ssh.copying_sinks import write_block
from gplmt.transports.ssh.tar_headers import Header, HeaderError, Kind

_CAN_BE_HERE = (Kind.FILE, Kind.HARD_LINK, Kind.LINK, Kind.DIRECTORY)


class TreeReceiver:
    """Makes a tree; `received` are the paths on the node that need not be copied any more.

    The node is not trusted: nothing is written but below `target`, through no link that came
    from there.
    """

    def __init__(self, source: NodePath, target: Path, growth: Growth, stop: Event) -> None:
        self.received: set[NodePath] = set()
        self.has_left_out = False
        self._source = source
        self._target = target
        self._growth = growth
        self._stop = stop
        self._places: dict[str, Kind] = {}
        self._unfinished: set[str] = set()
        self._file: _NewFile | None = None

    def begin(self, header: Header) -> None:
        """As `Receiver.begin`."""
        check_stop(self._stop)
        place = _place(header.name)
        if self._is_unfinished(place):
            self._unfinished.add(place)
            return
        self._check(header, place)
        self._places[place] = header.kind
        with failing_as("write", self._target / place):
            self._make(header, place)

    def take(self, content: memoryview) -> None:
        """As `Receiver.take`."""
        if self._file is not None:
            self._file.write(content)

    def end(self) -> None:
        """As `Receiver.end`."""
        if self._file is not None:
            file, self._file = self._file, None
            self._growth.add_file(file.finish())
            self.received.add(file.source)

    def close(self) -> None:
        """Remove the file that has not come to its end."""
        if self._file is not None:
            file, self._file = self._file, None
            file.discard()

    def _is_unfinished(self, place: str) -> bool:
        """Whether it is what another copy is still writing, or lies in it."""
        parent, _, name = place.rpartition("/")
        return is_temporary(name) or parent in self._unfinished

    def _check(self, header: Header, place: str) -> None:
        if header.kind not in _CAN_BE_HERE:
            raise HeaderError(f"'{place}' is neither a file, a directory nor a link")
        if place in self._places:
            raise HeaderError(f"'{place}' comes twice")
        if b"\0" in header.link:
            raise HeaderError(f"'{place}' says what no link can say")
        if place and self._places.get(place.rpartition("/")[0]) is not Kind.DIRECTORY:
            raise HeaderError(f"'{place}' comes before its directory")

    def _make(self, header: Header, place: str) -> None:
        source, target = self._source / place, self._target / place
        match header.kind:
            case Kind.DIRECTORY:
                self._growth.make_directory(target, header.mode & 0o777, source=source)
            case Kind.LINK:
                text = header.link.decode(errors="surrogateescape")
                self._growth.make_link(target, text, source=source)
                self.received.add(source)
            case Kind.HARD_LINK:
                self._copy_original(_place(header.link), source, target)
            case _:
                self._begin_file(header, source, target)

    def _copy_original(self, original: str, source: NodePath, target: Path) -> None:
        """Copy a file that has come before under another name."""
        is_file = self._places.get(original) is Kind.FILE
        if (
            is_file
            and self._source / original in self.received
            and self._is_still_a_file(self._target / original)
        ):
            copied = copy_file(
                self._target / original,
                target,
                stop=self._stop,
                telling=self._growth.telling,
                ground=self._growth.ground,
            )
            self._growth.add_file(copied)
            self.received.add(source)
        else:
            self.has_left_out = True

    def _is_still_a_file(self, path: Path) -> bool:
        """Whether no other get has put a link there, which may lead to a file of the user."""
        with self._growth.ground.spot(path) as spot:
            return not spot.is_link

    def _begin_file(self, header: Header, source: NodePath, target: Path) -> None:
        with ExitStack() as opened:
            spot = opened.enter_context(self._growth.ground.spot(target))
            refuse_directory(source, target, spot)
            if not spot.is_replaceable:  # a FIFO, say, for which the archive shall not wait
                self.has_left_out = True
                return
            is_new = tell_file(self._growth.telling, spot)
            new = replacement(spot, mode=header.mode & 0o777, telling=self._growth.telling)
            writing = opened.enter_context(new)
            self._file = _NewFile(source, spot.path, writing, opened.pop_all(), is_new=is_new)


class _NewFile:
    """A file in the making."""

    def __init__(
        self,
        source: NodePath,
        target: Path,
        writing: int,
        opened: ExitStack,
        *,
        is_new: bool,
    ) -> None:
        self.source = source
        self._is_new = is_new
        self._target = target
        self._size = 0
        self._open = opened
        self._writing = writing

    def write(self, content: memoryview) -> None:
        with failing_as("write", self._target):
            write_block(self._writing, content, self._size)
        self._size += len(content)

    def finish(self) -> FileCopied:
        with self._open:
            os.ftruncate(self._writing, self._size)
        return FileCopied(bytes=self._size, created=self._target if self._is_new else None)

    def discard(self) -> None:
        with suppress(StoppedError), self._open:
            raise StoppedError


def _place(name: bytes) -> str:
    """A name in the archive, which begins with `./`, as a place in the tree."""
    text = name.decode(errors="surrogateescape")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or "\0" in text:
        raise HeaderError(f"'{text}' is not in the tree")
    return "/".join(parts)
