from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.targets.bench import Bench
from tests.targets.certificates import Authority


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Loads documents in a directory of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPLMT_PLANETLAB_PASSWORD", raising=False)
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Threads that were asking have ended when the servers have."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive(), thread
