"""Files, links and whole directories, one after another; and taking them away again."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from threading import Event

from gplmt.errors import CopyError
from gplmt.journals import CopyJournal
from gplmt.transports.copying_bytes import check_stop
from gplmt.transports.copying_files import FileCopied, copy_file
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_growth import Growth
from gplmt.transports.copying_names import failing_as, is_temporary, refuse_special, shown
from gplmt.transports.copying_telling import Telling, forecast


class TreeCopy:
    """A copy in the making."""

    def __init__(self, stop: Event, journal: CopyJournal, ground: Ground) -> None:
        self.growth = Growth(Telling(journal), ground)
        self.stop = stop

    @property
    def created(self) -> Sequence[Path]:
        """The paths that it made, parents first."""
        return self.growth.created

    @property
    def files(self) -> int:
        """How many files and links it copied."""
        return self.growth.files

    @property
    def bytes(self) -> int:
        """How many bytes it copied."""
        return self.growth.bytes

    def tell(self, places: Sequence[tuple[Path, Path]]) -> None:
        """Tell what copies of all these sources to these destinations are going to make.

        Raises:
            StoppedError: `stop` was set.
        """
        telling = self.growth.telling
        telling.writing(destination for _, destination in places)
        forecasts = (forecast(*place, stop=self.stop) for place in places)
        telling.creating(chain.from_iterable(forecasts))

    def copy(self, source: Path, destination: Path, *, is_received: bool = False) -> None:
        """Copy `source`, followed if it is a link, to the very path `destination`.

        A tree merges into a directory that exists, which keeps its own permission bits.  Links in
        one that `is_received` are not trusted.

        Raises:
            CopyError: the reason, naming the path.
            StoppedError: `stop` was set.
        """
        with failing_as("read", source):
            status = source.stat()
        with failing_as("write", destination):
            if stat.S_ISDIR(status.st_mode):
                _check_apart(source, destination)
            self.growth.make_parents(destination.parent)
            if is_received and stat.S_ISDIR(status.st_mode):
                self.growth.ground.receive(destination)
            try:
                self._copy_all(source, destination, status)
            finally:
                self.growth.set_modes()

    def _copy_all(self, source: Path, destination: Path, status: os.stat_result) -> None:
        # Not recursive: a tree may be deeper than Python's stack.
        pending = [self._copy_one(source, destination, status)]
        while pending:
            check_stop(self.stop)
            if (pair := next(pending[-1], None)) is None:
                pending.pop()
                continue
            with failing_as("read", pair[0]):
                status = pair[0].lstat()
            pending.append(self._copy_one(*pair, status))

    def _copy_one(
        self, source: Path, destination: Path, status: os.stat_result
    ) -> Iterator[tuple[Path, Path]]:
        """Copy a file or a link, or a directory whose entries, to be copied next, are returned."""
        if stat.S_ISDIR(status.st_mode):
            return self._copy_directory(source, destination, status)
        if stat.S_ISLNK(status.st_mode):
            self._copy_link(source, destination)
        else:
            refuse_special(source, status.st_mode)
            self.growth.add_file(self._copy_file(source, destination))
        return iter(())

    def _copy_file(self, source: Path, destination: Path) -> FileCopied:
        return copy_file(
            source,
            destination,
            stop=self.stop,
            telling=self.growth.telling,
            ground=self.growth.ground,
        )

    def _copy_directory(
        self, source: Path, destination: Path, status: os.stat_result
    ) -> Iterator[tuple[Path, Path]]:
        with failing_as("read", source), os.scandir(source) as entries:
            names = sorted(entry.name for entry in entries if not is_temporary(entry.name))
        with failing_as("write", destination):
            with self.growth.ground.spot(destination) as spot:
                if spot.is_end:
                    _check_apart(source, destination)
            self.growth.make_directory(destination, status.st_mode & 0o777, source=source)
        return ((source / name, destination / name) for name in names)

    def _copy_link(self, source: Path, destination: Path) -> None:
        with failing_as("read", source):
            # Not Path.readlink, which would shorten `./a` to `a`.
            text = os.readlink(source)  # noqa: PTH115
        with failing_as("write", destination):
            self.growth.make_link(destination, text, source=source)


def remove_created(paths: Sequence[Path], ground: Ground) -> list[Path]:
    """Remove files, links and empty directories, last first; return those left, in that order.

    Read-only directories give their files away too, if they are ours.
    """
    with _opened_up(dict.fromkeys(path.parent for path in paths), ground):
        left = [path for path in reversed(paths) if not ground.remove(path)]
    return left[::-1]


def _check_apart(source: Path, destination: Path) -> None:
    """Refuse a copy of a tree into itself, and one over a tree that contains it.

    Raises:
        CopyError: it is one.
    """
    inner, outer = Path(os.path.realpath(source)), Path(os.path.realpath(destination))
    if inner == outer:
        reason = "they are the same directory"
    elif inner in outer.parents:
        reason = "a directory cannot be copied into itself"
    elif outer in inner.parents:
        reason = "the destination contains the source"
    else:
        return
    raise CopyError(f"cannot copy {shown(source)} to {shown(destination)}: {reason}")


@contextmanager
def _opened_up(directories: Iterable[Path], ground: Ground) -> Iterator[None]:
    """Let the owner write in `directories`, outer ones first, for the time of the block."""
    opened = [pair for directory in directories for pair in ground.open_up(directory)]
    try:
        yield
    finally:
        for directory, mode in reversed(opened):
            with suppress(OSError):
                ground.set_mode(directory, mode)
