"""Paths of copies, here and on nodes: how messages show them, and names of what is unfinished."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath, PurePosixPath
from typing import TypeVar

from gplmt.errors import CopyError

_P = TypeVar("_P", bound=PurePath)

_PREFIX = ".gplmt-"
_STEM_DIGITS = 8
_TEMPORARY = re.compile(r"\.gplmt-[0-9a-f]{16}\.tmp")
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class NodePath(PurePosixPath):
    """A path on another host, which messages tell from a path here."""

    __slots__ = ()


def shown(path: PurePath) -> str:
    """The path as it may stand in a message of one line: odd characters are escaped."""
    text = str(path)
    if not text.isprintable():
        text = repr(text)
    return f"{text} on the node" if isinstance(path, NodePath) else text


@contextmanager
def failing_as(action: str, path: PurePath) -> Iterator[None]:
    """Turn an OSError into the CopyError `cannot ACTION PATH: reason`."""
    try:
        yield
    except OSError as exc:
        raise CopyError(f"cannot {action} {shown(path)}: {exc.strerror or exc}") from exc


def refuse_special(path: PurePath, mode: int) -> None:
    """Let only files, directories and links be copied; `mode` is as in `os.stat`.

    Raises:
        CopyError: it is something else.
    """
    if kind := _KINDS.get(stat.S_IFMT(mode)):
        raise CopyError(
            f"cannot copy {shown(path)}: it is {kind};"
            " only files, directories and links can be copied"
        )


def directory_in_the_way(destination: PurePath, source: PurePath) -> CopyError:
    """The error of what would take the place of a directory without being one."""
    return CopyError(
        f"cannot write {shown(destination)}: it is a directory, and {shown(source)} is not"
    )


def no_directory(destination: PurePath, source: PurePath) -> CopyError:
    """The error of a directory that would merge into something else."""
    return CopyError(
        f"cannot write {shown(destination)}: it is not a directory, and {shown(source)} is"
    )


def temporary_beside(target: _P, stem: str) -> _P:
    """A new hidden name in the directory of `target`; `stem` is 8 hexadecimal digits."""
    return target.parent / f"{_PREFIX}{stem}{os.urandom(4).hex()}.tmp"


def twin(temporary: _P) -> _P:
    """Another such name of the same stem."""
    return temporary_beside(temporary, temporary.name[len(_PREFIX) :][:_STEM_DIGITS])


def is_temporary(name: str) -> bool:
    """Whether it is the name of a file that a copy, perhaps another one, is still writing."""
    return _TEMPORARY.fullmatch(name) is not None
