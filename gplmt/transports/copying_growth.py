"""What a copy makes here: directories, links and files, as they come from anywhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path, PurePath

from gplmt.transports.copying_files import FileCopied, refuse_directory
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_names import failing_as, no_directory
from gplmt.transports.copying_telling import Telling, creatable, is_missing, missing_parents
from gplmt.transports.copying_walks import Spot


class Growth:
    """A tree in the making: `created` are the paths that did not exist before, parents first.

    A directory takes its permission bits when `set_modes` is called; until then it can be
    written to.  What is about to be made is told before.
    """

    def __init__(self, telling: Telling, ground: Ground) -> None:
        self.telling = telling
        self.ground = ground
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
                if self._make_missing(path):
                    self.created.append(path)
        self.ground.settle(directory)

    def make_directory(self, destination: Path, permissions: int, *, source: PurePath) -> None:
        """Make a directory, or make one that exists ready to receive files.

        Raises:
            CopyError: something else stands there.
            OSError: it cannot be made.
        """
        with self.ground.spot(destination) as spot:
            if spot.status is None and not spot.is_end:
                self.telling.creating((str(destination),))
            if spot.is_link:
                os.unlink(spot.name, dir_fd=spot.directory)
            try:
                if spot.is_end:  # a link to nothing is no place for a directory
                    raise FileExistsError
                os.mkdir(spot.name, stat.S_IRWXU, dir_fd=spot.directory)
            except FileExistsError:
                self._enter_directory(destination, source)
                return
            if not spot.is_link:
                self.created.append(destination)
            made = os.stat(spot.name, dir_fd=spot.directory, follow_symlinks=False)
            self._modes.append((destination, permissions | made.st_mode & stat.S_ISGID))

    def make_link(self, destination: Path, text: str, *, source: PurePath) -> None:
        """Make a link that says `text`; it replaces all but a directory.

        Raises:
            CopyError: a directory stands there.
            OSError: it cannot be made.
        """
        with self.ground.spot(destination, follow=False) as spot:
            refuse_directory(source, destination, spot)
            is_new = spot.status is None
            if is_new:
                self.telling.creating((str(destination),))
            self._make_link(spot, text)
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
                self.ground.set_mode(directory, mode)

    def _make_missing(self, directory: Path) -> bool:
        """Make a directory; False if it is there, made perhaps by somebody else just now."""
        with self.ground.spot(directory, follow=False) as spot:
            try:
                os.mkdir(spot.name, dir_fd=spot.directory)
            except FileExistsError:
                if self.ground.is_directory(directory):
                    return False
                raise
        return True

    def _enter_directory(self, destination: Path, source: PurePath) -> None:
        with self.ground.spot(destination) as spot:
            if not spot.is_directory:
                raise no_directory(destination, source)
            if spot.is_end:
                self.telling.writing((spot.path,))
        self._modes.extend(self.ground.open_up(destination))

    def _make_link(self, spot: Spot, text: str) -> None:
        place = spot.directory
        temporary = self.telling.temporary_beside(spot.path).name
        os.symlink(text, temporary, dir_fd=place)
        try:
            os.replace(temporary, spot.name, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            os.unlink(temporary, dir_fd=place)
            raise
