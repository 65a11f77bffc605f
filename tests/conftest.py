"""Fixtures for tests of any room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import Program

pytest_plugins = ["tests.support.ssh.fixtures"]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The real program; nothing that it started outlives the test."""
    with Program(tmp_path) as program:
        yield program
