from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all examples of a test have their document."""
    return tmp_path_factory.mktemp("properties")
