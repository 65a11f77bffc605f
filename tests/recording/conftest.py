from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(tmp_path), b"tmpfs", 0, b"size=1m"):
        reason = os.strerror(ctypes.get_errno())
        pytest.skip(f"NO FULL DISK TESTED: a small tmpfs needs root: {reason}")
    yield tmp_path
    if libc.umount2(os.fsencode(tmp_path), 2):
        raise OSError(ctypes.get_errno(), "umount")
