"""Small trees of files: written, and looked at, for the tests of copies."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

# None is a directory, bytes a regular file, text a link.
Shape = Mapping[str, bytes | str | None]


def grow(root: Path, shape: Shape) -> Path:
    """Make `root` a directory with these entries, missing directories included."""
    root.mkdir(parents=True, exist_ok=True)
    for name, entry in shape.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry is None:
            path.mkdir(exist_ok=True)
        elif isinstance(entry, bytes):
            path.write_bytes(entry)
        else:
            path.symlink_to(entry)
    return root


def look(root: Path) -> dict[str, tuple[int, bytes | str | None]]:
    """Every entry of a tree, itself included, by relative path: permission bits and content."""
    found = {".": _look_at(root)}
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = Path(directory, name)
            found[os.path.relpath(path, root)] = _look_at(path)
    return found


def _look_at(path: Path) -> tuple[int, bytes | str | None]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return 0, text_of(path)
    return mode & 0o777, None if stat.S_ISDIR(mode) else path.read_bytes()


def names(directory: Path) -> list[str]:
    """The names in one directory, when what is in the files does not matter."""
    return sorted(path.name for path in directory.iterdir())


def text_of(link: Path) -> str:
    """What a link says, to the letter."""
    return os.readlink(link)  # noqa: PTH115


def temporaries(root: Path) -> list[Path]:
    """What a copy that has ended must not leave behind."""
    return list(root.rglob(".gplmt-*"))
