"""Files, links and whole directories, one after another; and taking them away again."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from gplmt.errors import CopyError
from gplmt.transports.copying_files import check_stop, copy_file, failing_as, shown

_OWNER_ALL = stat.S_IRWXU
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class TreeCopy:
    """A copy in the making: `created` are the paths that it made, parents first."""

    def __init__(self, stop: Event) -> None:
        self.created: list[Path] = []
        self.files = 0
        self.bytes = 0
        self.stop = stop
        self._modes: list[tuple[Path, int]] = []

    def copy(self, source: Path, destination: Path) -> None:
        """Copy `source`, followed if it is a link, to the very path `destination`.

        A tree merges into a directory that exists, which keeps its own permission bits.

        Raises:
            CopyError: the reason, naming the path.
            StoppedError: the event was set.
        """
        with failing_as("read", source):
            status = source.stat()
        if stat.S_ISDIR(status.st_mode):
            _check_apart(source, destination)
        self._make_parents(destination.parent)
        try:
            self._copy_entries(source, destination, status)
        finally:
            self._set_modes()

    def _copy_entries(self, source: Path, destination: Path, status: os.stat_result) -> None:
        # Not recursive: a tree may be deeper than Python's stack.
        pending = [(source, destination, status)]
        while pending:
            check_stop(self.stop)
            source, destination, status = pending.pop()
            if stat.S_ISDIR(status.st_mode):
                pending.extend(self._copy_directory(source, destination, status))
            elif stat.S_ISLNK(status.st_mode):
                self._copy_link(source, destination)
            else:
                self._copy_file(source, destination, status)

    def _copy_directory(
        self, source: Path, destination: Path, status: os.stat_result
    ) -> list[tuple[Path, Path, os.stat_result]]:
        """Make the directory; return what is to be copied into it, last first."""
        with failing_as("read", source):
            children = sorted(source.iterdir(), reverse=True)
        with failing_as("write", destination):
            self._make_directory(source, destination, status)
        return [(child, destination / child.name, _status(child)) for child in children]

    def _make_directory(self, source: Path, destination: Path, status: os.stat_result) -> None:
        try:
            destination.mkdir(_OWNER_ALL)
        except FileExistsError:
            self._enter_directory(source, destination)
        else:
            self.created.append(destination)
            inherited = destination.stat().st_mode & stat.S_ISGID
            self._modes.append((destination, status.st_mode & 0o777 | inherited))

    def _enter_directory(self, source: Path, destination: Path) -> None:
        """Make an existing directory ready to receive files."""
        if not destination.is_dir():
            raise CopyError(
                f"cannot write {shown(destination)}: it is not a directory, and {shown(source)} is"
            )
        if destination.is_symlink():
            _check_apart(source, destination)
        self._modes.extend(_open_up(destination))

    def _copy_link(self, source: Path, destination: Path) -> None:
        with failing_as("read", source):
            text = source.readlink()
        with failing_as("write", destination):
            exists = os.path.lexists(destination)
            if destination.is_dir() and not destination.is_symlink():
                raise CopyError(
                    f"cannot write {shown(destination)}: it is a directory,"
                    f" and {shown(source)} is not"
                )
            _make_link(destination, text)
        if not exists:
            self.created.append(destination)
        self.files += 1

    def _copy_file(self, source: Path, destination: Path, status: os.stat_result) -> None:
        if kind := _KINDS.get(stat.S_IFMT(status.st_mode)):
            raise CopyError(
                f"cannot copy {shown(source)}: it is {kind};"
                " only files, directories and links can be copied"
            )
        copied = copy_file(source, destination, stop=self.stop)
        if copied.created is not None:
            self.created.append(copied.created)
        self.files += 1
        self.bytes += copied.bytes

    def _make_parents(self, directory: Path) -> None:
        if directory.is_dir():
            return
        for path in (*reversed(directory.parents), directory):
            with failing_as("create directory", path):
                if _make_missing(path):
                    self.created.append(path)

    def _set_modes(self) -> None:
        """Give the directories their permission bits, now that nothing more goes into them."""
        while self._modes:
            _set_mode(*self._modes.pop())


def remove_created(paths: Sequence[Path]) -> list[Path]:
    """Remove files, links and empty directories, last first; return those left, in that order.

    Read-only directories give their files away too, if they are ours.
    """
    left: list[Path] = []
    with _opened_up(dict.fromkeys(path.parent for path in paths)):
        left.extend(path for path in reversed(paths) if not _is_removed(path))
    return left[::-1]


def _status(path: Path) -> os.stat_result:
    with failing_as("read", path):
        return path.lstat()


def _check_apart(source: Path, destination: Path) -> None:
    """Refuse a copy of a tree into itself, and one over a tree that contains it."""
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


def _make_link(destination: Path, text: Path) -> None:
    temporary = destination.parent / f".gplmt-{os.urandom(8).hex()}.tmp"
    temporary.symlink_to(text)
    try:
        temporary.replace(destination)
    except BaseException:
        temporary.unlink()
        raise


def _make_missing(directory: Path) -> bool:
    """Make a directory; False if it was there, made perhaps by somebody else just now."""
    try:
        directory.mkdir()
    except FileExistsError:
        if directory.is_dir():
            return False
        raise
    return True


@contextmanager
def _opened_up(directories: Iterable[Path]) -> Iterator[None]:
    """Let the owner write in `directories`, outer ones first, for the time of the block."""
    opened = [pair for directory in directories for pair in _open_up(directory)]
    try:
        yield
    finally:
        for directory, mode in reversed(opened):
            _set_mode(directory, mode)


def _open_up(directory: Path) -> list[tuple[Path, int]]:
    """Let the owner write in a directory; return what `_set_mode` shall put back."""
    with suppress(OSError):
        mode = stat.S_IMODE(directory.stat().st_mode)
        if mode & _OWNER_ALL != _OWNER_ALL:
            directory.chmod(mode | _OWNER_ALL)
            return [(directory, mode)]
    return []


def _set_mode(directory: Path, mode: int) -> None:
    # Ours or just removed; a refusal means a file system without permission bits.
    with suppress(PermissionError, FileNotFoundError):
        directory.chmod(mode)


def _is_removed(path: Path) -> bool:
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            path.rmdir()
        else:
            path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return True
