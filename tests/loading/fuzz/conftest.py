"""The desk of the fuzzing tests, one for each of their modules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loading.fuzz.desk import FuzzDesk


@pytest.fixture(scope="module")
def fuzz_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzDesk]:
    with FuzzDesk(tmp_path_factory.mktemp("fuzz")) as desk:
        yield desk
