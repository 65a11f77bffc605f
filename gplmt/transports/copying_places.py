"""What a copy is of and where it goes: patterns and destinations (LANGUAGE.md 5.5, 6.3)."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from gplmt.errors import CopyError
from gplmt.transports.copying_bytes import failing_as, shown


def says_into(destination: str) -> bool:
    """Whether the user's text alone means *into* that directory, existing or not."""
    return destination.rpartition("/")[2] in ("", ".", "..")


def node_path(text: str, directory: Path) -> Path:
    """The path that `text` means on a local target: relative to `directory`, or to `~/`."""
    root, rest = _anchored(text, directory)
    return root / rest


def expand(source: str, directory: Path) -> list[Path]:
    """The paths that `source` names: itself if it exists, else the sorted matches of a pattern.

    As in the shell, `*` and `?` match no leading dot and no slash.

    Raises:
        CopyError: there are none.
    """
    root, rest = _anchored(source, directory)
    literal = root / rest
    with failing_as("read", literal):
        try:
            literal.lstat()
        except (FileNotFoundError, NotADirectoryError):
            if not glob.has_magic(rest):
                raise
        else:
            return [literal]
    # Path.glob would let `*` match a leading dot.
    matches = sorted(root / match for match in glob.glob(rest, root_dir=root))  # noqa: PTH207
    if not matches:
        raise CopyError(f"nothing matches {shown(literal)}")
    return matches


def place(
    sources: Sequence[Path], destination: Path, *, into: bool
) -> tuple[tuple[Path, Path], ...]:
    """Each source with the very path that its copy shall have.

    The copies lie in `destination` under their own names if `into` says so, if it exists as a
    directory, or if there are several.  The exception: a directory onto an existing one of the
    same name is merged into it, so that `conf` to `/etc/conf` never makes `/etc/conf/conf`, and
    the same put twice is the same as once.  (Of a directory to a new one of *another* name that
    cannot be said: the second time the new one exists, and is copied into.)

    Raises:
        CopyError: two sources would have the same path.
    """
    if not (into or len(sources) > 1 or _is_entered(sources[0], destination)):
        return ((sources[0], destination),)
    places: dict[Path, Path] = {}
    for source in sources:
        target = destination / _name(source)
        if target in places:
            raise CopyError(
                f"cannot copy both {shown(places[target])} and {shown(source)} to {shown(target)}"
            )
        places[target] = source
    return tuple((source, target) for target, source in places.items())


def _anchored(text: str, directory: Path) -> tuple[Path, str]:
    """The directory where `text` begins, and the rest; only the rest may be a pattern."""
    if text == "~" or text.startswith("~/"):
        return directory / _home(), text[2:]
    if text.startswith("/"):
        return Path("/"), text.lstrip("/")
    return directory, text


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as exc:
        raise CopyError("cannot tell the home directory; set the variable HOME") from exc


def _is_entered(source: Path, destination: Path) -> bool:
    """Whether an existing destination is a directory to copy into rather than to merge with."""
    with failing_as("write", destination):
        if not destination.is_dir():
            return False
    with failing_as("read", source):
        return not source.is_dir() or _name(source) != destination.name


def _name(source: Path) -> str:
    if source.name in ("", ".."):
        return Path(os.path.realpath(source)).name
    return source.name
