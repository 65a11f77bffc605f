"""What a server needs of the machine: programs, and a directory that its users may pass through."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_SYSTEM_DIRECTORIES = "/usr/local/sbin:/usr/sbin:/sbin"  # which users do not search


@contextmanager
def server_directory() -> Iterator[Path]:
    """A directory of which others can reach what lies in it, if they know the names.

    pytest's own directories are closed to them.
    """
    with tempfile.TemporaryDirectory(prefix="gplmt-ssh-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def need_program(name: str, *, package: str, untested: str) -> str:
    """The path of a program; without it the test is skipped, with the package's name."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_DIRECTORIES}")
    if path is None:
        pytest.skip(f"{untested} NOT TESTED: there is no {name} here (Debian: {package})")
    return path
