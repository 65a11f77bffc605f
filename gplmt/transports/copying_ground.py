"""Where a copy writes here: the user's links are followed, brought ones not (LANGUAGE.md 6.3)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.transports.copying_bytes import closing
from gplmt.transports.copying_names import failing_as
from gplmt.transports.copying_walks import BroughtLinkError, Spot, Walk, parts_of

_ABSENT = (FileNotFoundError, NotADirectoryError)


class Ground:
    """Finds the spots of one copy, also in threads; paths are absolute.

    No link in a tree of `arrivals` is followed.
    """

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._start = ("", "")

    def settle(self, directory: Path) -> None:
        """Follow the links on the way to a directory in which many spots will be asked for.

        Raises:
            CopyError: there is no way.
        """
        walk = Walk.from_root(self._arrivals)
        try:
            with failing_as("write", directory):
                walk.go(parts_of(str(directory)))
            self._start = (_called(str(directory)), walk.place)
        finally:
            walk.close()

    def receive(self, root: Path) -> None:
        """A tree is about to be brought to `root`.

        Raises:
            CopyError: there is no way to it.
        """
        with self.spot(root) as spot:
            self._arrivals.add(spot.place)

    def has_received(self, path: Path) -> bool:
        """Whether something, its links followed, is in a tree that a get has brought."""
        return self._arrivals.hold(os.path.realpath(path))

    @contextmanager
    def spot(self, path: Path, *, follow: bool = True) -> Iterator[Spot]:
        """The spot of a path; if `follow`, of the end of a link that is to be followed.

        Raises:
            CopyError: there is no way to it.
        """
        with failing_as("write", path):
            walk = self._begin(path)
        try:
            with failing_as("write", path):
                spot = walk.look(path, follow=follow)
            yield spot
        finally:
            walk.close()

    def is_directory(self, path: Path) -> bool:
        """Whether a directory stands at a spot.

        Raises:
            CopyError: that cannot be told.
        """
        try:
            with self.spot(path) as spot:
                return spot.is_directory
        except CopyError as error:
            if isinstance(error.__cause__, _ABSENT):
                return False
            raise

    def remove(self, path: Path) -> bool:
        """Remove a file, a link or an empty directory; False if it is still there."""
        try:
            with self._look(path, follow=False) as spot:
                remove = os.rmdir if spot.is_directory else os.unlink
                remove(spot.name, dir_fd=spot.directory)
        except (*_ABSENT, BroughtLinkError):  # what was there is there no more
            return True
        except OSError:
            return False
        return True

    def open_up(self, directory: Path) -> tuple[tuple[Path, int], ...]:
        """Let the owner write in a directory; return what `set_mode` shall put back."""
        # Whether this was enough, or even possible, shows when something is written there.
        with suppress(OSError, BroughtLinkError), self._look(directory) as spot:
            if spot.status is not None and not os.access(
                spot.name, os.W_OK | os.X_OK, dir_fd=spot.directory, effective_ids=True
            ):
                mode = stat.S_IMODE(spot.status.st_mode)
                _change_mode(spot, mode | stat.S_IRWXU)
                return ((directory, mode),)
        return ()

    def set_mode(self, directory: Path, mode: int) -> None:
        """Set the permission bits of a directory of ours, where the file system has such.

        Raises:
            OSError: that is not possible.
        """
        with suppress(PermissionError, *_ABSENT, BroughtLinkError), self._look(directory) as spot:
            _change_mode(spot, mode)

    @contextmanager
    def _look(self, path: Path, *, follow: bool = True) -> Iterator[Spot]:
        """As `spot`, but what goes wrong is an OSError."""
        walk = self._begin(path)
        try:
            yield walk.look(path, follow=follow)
        finally:
            walk.close()

    def _begin(self, path: Path) -> Walk:
        """A walk that has come to the directory of a path."""
        directory = _called(os.path.dirname(path))  # noqa: PTH120 (for each file)
        called, place = self._start
        if directory.startswith(called) and directory[len(called) :][:1] in ("", "/"):
            there = Walk.at_once(self._arrivals, place + directory[len(called) :])
            if there is not None:
                return there
        walk = Walk.from_root(self._arrivals)
        try:
            walk.go(parts_of(directory))
        except BaseException:
            walk.close()
            raise
        return walk


def _called(directory: str) -> str:
    return "" if directory == "/" else directory


def _change_mode(spot: Spot, mode: int) -> None:
    flags = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        directory = os.open(spot.name, os.O_RDONLY | flags, dir_fd=spot.directory)
    except PermissionError:  # who may not read it may change its mode, but not by that door
        directory = os.open(spot.name, os.O_PATH | flags, dir_fd=spot.directory)
        with closing(directory):
            os.chmod(f"/proc/self/fd/{directory}", mode)  # noqa: PTH101
    else:
        with closing(directory):
            os.fchmod(directory, mode)
