"""Ways to places here, on which no link is followed that a get has brought (LANGUAGE.md 6.3)."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gplmt.arrivals import Arrivals
from gplmt.errors import CopyError
from gplmt.transports.copying_names import shown

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_MOST_LINKS = 40  # as the system follows


class BroughtLinkError(CopyError):
    """A link on the way to a place is in a tree that a get has brought."""

    def __init__(self, link: str) -> None:
        super().__init__(
            f"cannot write through {shown(Path(link))}: it is a link in a tree that a get has"
            " brought"
        )


class Spot(Struct, frozen=True, kw_only=True):
    """A name in a directory that is held open, whatever becomes of the path that led there.

    `path` is what the user calls it; `place` the same without links.  `status` is of what stands
    there, None for nothing; a link there is not to be followed.  `is_end` says that the path asked
    for was a link, followed to here; `is_nameless` that it is one in /proc, to an open file that
    has no name.
    """

    directory: int
    name: str
    path: Path
    place: str
    status: os.stat_result | None
    is_end: bool = False
    is_nameless: bool = False

    @property
    def is_directory(self) -> bool:
        """Whether a directory stands there."""
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        """Whether a link stands there."""
        return self.status is not None and stat.S_ISLNK(self.status.st_mode)

    @property
    def is_fifo(self) -> bool:
        """Whether a FIFO stands there."""
        return self.status is not None and stat.S_ISFIFO(self.status.st_mode)

    @property
    def is_replaceable(self) -> bool:
        """Whether a file takes the place of what stands there, which is not written through."""
        if self.status is None or self.is_link:
            return True
        return stat.S_ISREG(self.status.st_mode) and not self.is_nameless


class Walk:
    """Goes from directory to directory as the system would, and looks at each link on its way.

    `place` is the directory that it has come to, without links; nothing for the root.
    """

    def __init__(self, arrivals: Arrivals, descriptor: int, place: str) -> None:
        """Begin in an open directory, and take it over."""
        self.place = place
        self._arrivals = arrivals
        self._links = 0
        self._descriptor = descriptor

    @classmethod
    def from_root(cls, arrivals: Arrivals) -> Walk:
        """One that has all of its way before it."""
        return cls(arrivals, os.open("/", _DIRECTORY), "")

    @classmethod
    def at_once(cls, arrivals: Arrivals, place: str) -> Walk | None:
        """One that is there already; None if that may have led over links."""
        with suppress(OSError):
            descriptor = os.open(place or "/", _DIRECTORY)
            walk = cls(arrivals, descriptor, place)
            with suppress(OSError):
                if _place_of(descriptor) == place:
                    return walk
            walk.close()
        return None

    def close(self) -> None:
        """Hold the directory no longer."""
        os.close(self._descriptor)

    def go(self, parts: Sequence[str]) -> None:
        """Go from directory to directory.

        Raises:
            BroughtLinkError: a link may not be followed.
            OSError: there is no way.
        """
        pending = list(reversed(parts))
        while pending:
            pending.extend(reversed(self._step(pending.pop())))

    def look(self, path: Path, *, follow: bool) -> Spot:
        """The spot of a path whose directory has been reached; if `follow`, of its end.

        Raises:
            BroughtLinkError, OSError: as for `go`.
        """
        spot = self._spot(path.name, path)
        while follow and spot.is_link and not self._arrivals.hold(spot.place):
            text = self._text(spot.name)
            if self._is_in_proc and (status := self._nameless(spot.name, text)) is not None:
                return replace(spot, status=status, is_nameless=True)
            *parts, name = self._follow(text) or ["."]
            self.go(parts)
            spot = self._spot(name, None)
        return spot

    def _spot(self, name: str, path: Path | None) -> Spot:
        """The spot of a name, which is called `path`, or is the end of a link."""
        if name in ("", ".", ".."):
            self.go(name.split() if name == ".." else ())
            name, place = ".", self.place
        else:
            place = f"{self.place}/{name}"
        return Spot(
            directory=self._descriptor,
            name=name,
            path=path or Path(place or "/"),
            place=place,
            status=self._status(name),
            is_end=path is None,
        )

    def _step(self, name: str) -> Sequence[str]:
        """Enter a directory; return what is to be entered instead if it is a link."""
        try:
            descriptor = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=self._descriptor)
        except OSError as error:
            status = self._status(name)
            is_link = status is not None and stat.S_ISLNK(status.st_mode)
            if error.errno not in (errno.ENOTDIR, errno.ELOOP) or not is_link:
                raise
            return self._pass(name)
        is_up = name == ".."
        self._take(descriptor, self.place.rpartition("/")[0] if is_up else f"{self.place}/{name}")
        return ()

    def _pass(self, name: str) -> Sequence[str]:
        """Follow a link to a directory; return what is to be entered."""
        link = f"{self.place}/{name}"
        if self._arrivals.hold(link):
            raise BroughtLinkError(link)
        if not self._is_in_proc:
            return self._follow(self._text(name))
        # What such a link says need not be where it leads.
        descriptor = os.open(name, _DIRECTORY, dir_fd=self._descriptor)
        self._take(descriptor, _place_of(descriptor))
        return ()

    def _follow(self, text: str) -> list[str]:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if text.startswith("/"):
            self._take(os.open("/", _DIRECTORY), "")
        return parts_of(text)

    @property
    def _is_in_proc(self) -> bool:
        return f"{self.place}/".startswith("/proc/")

    def _nameless(self, name: str, text: str) -> os.stat_result | None:
        """The status of what a link in /proc leads to, if what it says is not the name of that."""
        end = os.stat(name, dir_fd=self._descriptor)
        with suppress(OSError):
            if os.path.samestat(os.stat(Path(self.place, text)), end):  # noqa: PTH116
                return None
        return end

    def _status(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _text(self, name: str) -> str:
        return os.readlink(name, dir_fd=self._descriptor)

    def _take(self, descriptor: int, place: str) -> None:
        os.close(self._descriptor)
        self._descriptor, self.place = descriptor, place


def parts_of(path: str) -> list[str]:
    """The names in a path."""
    return [part for part in path.split("/") if part not in ("", ".")]


def _place_of(descriptor: int) -> str:
    """The path of an open directory, without links; nothing for the root.

    Raises:
        OSError: /proc does not tell.
    """
    place = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    return "" if place == "/" else place
