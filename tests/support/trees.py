"""Directories of tests, removed although they are read-only: those of an ordinary user, too."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def remove_tree(root: Path) -> None:
    """Remove a directory of ours, whatever its permission bits and those below it."""
    root.chmod(0o700)
    for directory, names, _ in os.walk(root):
        for path in (Path(directory, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(root)


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A new directory for the time of the block."""
    directory = Path(tempfile.mkdtemp())
    try:
        yield directory
    finally:
        remove_tree(directory)
