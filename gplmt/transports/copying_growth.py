"""What a copy makes here: directories, links and files, as they come from anywhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePath

from gplmt.transports.copying_files import FileCopied, refuse_directory
from gplmt.transports.copying_names import failing_as, no_directory
from gplmt.transports.copying_telling import Telling, creatable, is_missing, missing_parents


class Growth:
    """A tree in the making: `created` are the paths that did not exist before, parents first.

    A directory takes its permission bits when `set_modes` is called; until then it can be
    written to.  What is about to be made is told before.
    """

    def __init__(self, telling: Telling) -> None:
        self.telling = telling
        self.created: list[Path] = []
        self.files = 0
        self.bytes = 0
        self._modes: list[tuple[Path, int]] = []

    def make_parents(self, directory: Path) -> None:
        """Make a directory and those above it, as far as they are missing.

        Raises:
            CopyError: the reason.
        """
        missing = missing_parents(directory)
        self.telling.creating(creatable(missing))
        for path in missing:
            self.tell_new((path,))
            with failing_as("create directory", path):
                if _make_missing(path):
                    self.created.append(path)

    def make_directory(self, destination: Path, permissions: int, *, source: PurePath) -> None:
        """Make a directory, or make one that exists ready to receive files.

        Raises:
            CopyError: something else stands there.
            OSError: it cannot be made.
        """
        self.tell_new((destination,))
        try:
            destination.mkdir(stat.S_IRWXU)
        except FileExistsError:
            self._enter_directory(destination, source)
        else:
            self.created.append(destination)
            inherited = destination.stat().st_mode & stat.S_ISGID
            self._modes.append((destination, permissions | inherited))

    def make_link(self, destination: Path, text: str, *, source: PurePath) -> None:
        """Make a link that says `text`; it replaces all but a directory.

        Raises:
            CopyError: a directory stands there.
            OSError: it cannot be made.
        """
        is_new = not os.path.lexists(destination)
        if not destination.is_symlink():
            refuse_directory(source, destination)
        if is_new:
            self.telling.creating((str(destination),))
        self._make_link(destination, text)
        if is_new:
            self.created.append(destination)
        self.files += 1

    def tell_new(self, paths: Iterable[Path]) -> None:
        """Tell those of `paths` that do not exist."""
        unknown = (path for path in paths if not self.telling.knows(path))
        self.telling.creating(str(path) for path in unknown if is_missing(path))

    def add_file(self, copied: FileCopied) -> None:
        """Count a file that has been copied."""
        if copied.created is not None:
            self.created.append(copied.created)
        self.files += 1
        self.bytes += copied.bytes

    def set_modes(self) -> None:
        """Give the directories their permission bits, now that nothing more goes into them.

        Raises:
            CopyError: that is not possible.
        """
        while self._modes:
            directory, mode = self._modes.pop()
            with failing_as("set the permissions of", directory):
                set_directory_mode(directory, mode)

    def _enter_directory(self, destination: Path, source: PurePath) -> None:
        if not destination.is_dir():
            raise no_directory(destination, source)
        if destination.is_symlink():
            self.telling.writing((destination.resolve(),))
        self._modes.extend(open_up(destination))

    def _make_link(self, destination: Path, text: str) -> None:
        temporary = self.telling.temporary_beside(destination)
        temporary.symlink_to(text)
        try:
            temporary.replace(destination)
        except BaseException:
            temporary.unlink()
            raise


def open_up(directory: Path) -> tuple[tuple[Path, int], ...]:
    """Let the owner write in a directory; return what `set_directory_mode` shall put back."""
    # Whether this was enough, or even possible, shows when something is written there.
    with suppress(OSError):
        if not os.access(directory, os.W_OK | os.X_OK, effective_ids=True):
            mode = stat.S_IMODE(directory.stat().st_mode)
            directory.chmod(mode | stat.S_IRWXU)
            return ((directory, mode),)
    return ()


def set_directory_mode(directory: Path, mode: int) -> None:
    """Set the permission bits of a directory of ours, where the file system has such."""
    with suppress(PermissionError, FileNotFoundError):
        directory.chmod(mode)


def _make_missing(directory: Path) -> bool:
    """Make a directory; False if it is there, made perhaps by somebody else just now."""
    try:
        directory.mkdir()
    except FileExistsError:
        if directory.is_dir():
            return False
        raise
    return True
