"""Every test of this directory is a fault of the suite `pytest -m faults`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.support import Case, faults_of
from tests.support.program import Program

_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, so that no module can forget to."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture
def case(program: Program) -> Iterator[Case]:
    """Runs of gplmt, of which nothing outlives the test."""
    with faults_of(program) as case:
        yield case
