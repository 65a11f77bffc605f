"""Files, links and whole directories, one after another; and taking them away again."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from gplmt.errors import CopyError
from gplmt.transports.copying_bytes import check_stop, failing_as, shown
from gplmt.transports.copying_files import (
    copy_file,
    is_temporary,
    refuse_directory,
    temporary_beside,
)

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
            StoppedError: `stop` was set.
        """
        with failing_as("read", source):
            status = source.stat()
        with failing_as("write", destination):
            if stat.S_ISDIR(status.st_mode):
                _check_apart(source, destination)
            self._make_parents(destination.parent)
            try:
                self._copy_all(source, destination, status)
            finally:
                self._set_modes()

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
        elif kind := _KINDS.get(stat.S_IFMT(status.st_mode)):
            raise CopyError(
                f"cannot copy {shown(source)}: it is {kind};"
                " only files, directories and links can be copied"
            )
        else:
            self._copy_file(source, destination)
        return iter(())

    def _copy_directory(
        self, source: Path, destination: Path, status: os.stat_result
    ) -> Iterator[tuple[Path, Path]]:
        with failing_as("read", source), os.scandir(source) as entries:
            names = sorted(entry.name for entry in entries if not is_temporary(entry.name))
        with failing_as("write", destination):
            try:
                destination.mkdir(stat.S_IRWXU)
            except FileExistsError:
                self._enter_directory(source, destination)
            else:
                self._own_directory(destination, status.st_mode & 0o777)
        return ((source / name, destination / name) for name in names)

    def _own_directory(self, directory: Path, permissions: int) -> None:
        self.created.append(directory)
        inherited = directory.stat().st_mode & stat.S_ISGID
        self._modes.append((directory, permissions | inherited))

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
            # Not Path.readlink, which would shorten `./a` to `a`.
            text = os.readlink(source)  # noqa: PTH115
        with failing_as("write", destination):
            is_new = not os.path.lexists(destination)
            if not destination.is_symlink():
                refuse_directory(source, destination)
            _make_link(destination, text)
        if is_new:
            self.created.append(destination)
        self.files += 1

    def _copy_file(self, source: Path, destination: Path) -> None:
        copied = copy_file(source, destination, stop=self.stop)
        if copied.created is not None:
            self.created.append(copied.created)
        self.files += 1
        self.bytes += copied.bytes

    def _make_parents(self, directory: Path) -> None:
        missing = []
        while not directory.is_dir():
            missing.append(directory)
            directory = directory.parent
        for path in reversed(missing):
            with failing_as("create directory", path):
                if _make_missing(path):
                    self.created.append(path)

    def _set_modes(self) -> None:
        """Give the directories their permission bits, now that nothing more goes into them."""
        while self._modes:
            directory, mode = self._modes.pop()
            with failing_as("set the permissions of", directory):
                _set_mode(directory, mode)


def remove_created(paths: Sequence[Path]) -> list[Path]:
    """Remove files, links and empty directories, last first; return those left, in that order.

    Read-only directories give their files away too, if they are ours.
    """
    with _opened_up(dict.fromkeys(path.parent for path in paths)):
        left = [path for path in reversed(paths) if not _remove(path)]
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


def _make_link(destination: Path, text: str) -> None:
    temporary = temporary_beside(destination)
    temporary.symlink_to(text)
    try:
        temporary.replace(destination)
    except BaseException:
        temporary.unlink()
        raise


def _make_missing(directory: Path) -> bool:
    """Make a directory; False if it is there, made perhaps by somebody else just now."""
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
            with suppress(OSError):
                _set_mode(directory, mode)


def _open_up(directory: Path) -> tuple[tuple[Path, int], ...]:
    """Let the owner write in a directory; return what `_set_mode` shall put back."""
    # Whether this was enough, or even possible, shows when something is written there.
    with suppress(OSError):
        if not os.access(directory, os.W_OK | os.X_OK, effective_ids=True):
            mode = stat.S_IMODE(directory.stat().st_mode)
            directory.chmod(mode | stat.S_IRWXU)
            return ((directory, mode),)
    return ()


def _set_mode(directory: Path, mode: int) -> None:
    # It was ours, so a refusal means a file system without permission bits.
    with suppress(PermissionError, FileNotFoundError):
        directory.chmod(mode)


def _remove(path: Path) -> bool:
    """Remove a path; False if it is still there."""
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
