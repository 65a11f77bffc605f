"""What a copy is of and where it goes: patterns and destinations (LANGUAGE.md 5.5, 6.3)."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path, PurePath
from typing import TypeVar

from gplmt.errors import CopyError
from gplmt.transports.copying_ground import Ground
from gplmt.transports.copying_names import failing_as, shown

_S = TypeVar("_S", bound=PurePath)
_D = TypeVar("_D", bound=PurePath)


class Beginning(Enum):
    """Where the path that a text means begins."""

    HOME = "home"
    ROOT = "root"
    WORKING_DIRECTORY = "working directory"


def says_into(destination: str) -> bool:
    """Whether the user's text alone means *into* that directory, existing or not."""
    return destination.rpartition("/")[2] in ("", ".", "..")


def beginning(text: str) -> tuple[Beginning, str]:
    """Where a path on a node begins, and the rest; only the rest may be a pattern (5.5)."""
    if text == "~" or text.startswith("~/"):
        return Beginning.HOME, text[2:]
    if text.startswith("/"):
        return Beginning.ROOT, text.lstrip("/")
    return Beginning.WORKING_DIRECTORY, text


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
    sources: Sequence[Path], destination: Path, *, into: bool, ground: Ground
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
    if not (into or len(sources) > 1 or _is_entered(sources[0], destination, ground)):
        return ((sources[0], destination),)
    return name_copies([(source, own_name(source)) for source in sources], destination)


def name_copies(sources: Sequence[tuple[_S, str]], destination: _D) -> tuple[tuple[_S, _D], ...]:
    """Each source, given with its own name, with the path of its copy in `destination`.

    Raises:
        CopyError: two sources would have the same path.
    """
    places: dict[_D, _S] = {}
    for source, name in sources:
        target = destination / name
        if target in places:
            raise CopyError(
                f"cannot copy both {shown(places[target])} and {shown(source)} to {shown(target)}"
            )
        places[target] = source
    return tuple((source, target) for target, source in places.items())


def is_entered(destination: PurePath, *, name: str, is_directory: bool) -> bool:
    """Whether a source goes into `destination`, an existing directory, or merges with it."""
    return not is_directory or name != destination.name


def own_name(source: Path) -> str:
    """The name that a copy *into* a directory has there."""
    if source.name in ("", ".."):
        return Path(os.path.realpath(source)).name
    return source.name


def _anchored(text: str, directory: Path) -> tuple[Path, str]:
    """The directory where `text` begins, and the rest."""
    where, rest = beginning(text)
    match where:
        case Beginning.HOME:
            return directory / _home(), rest
        case Beginning.ROOT:
            return Path("/"), rest
        case Beginning.WORKING_DIRECTORY:
            return directory, rest


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as exc:
        raise CopyError("cannot tell the home directory; set the variable HOME") from exc


def _is_entered(source: Path, destination: Path, ground: Ground) -> bool:
    """Whether an existing destination is a directory to copy into rather than to merge with."""
    if not ground.is_directory(destination):
        return False
    with failing_as("read", source):
        return is_entered(destination, name=own_name(source), is_directory=source.is_dir())
