"""Which of the test servers are tested by default."""

from __future__ import annotations

from pathlib import Path

import pytest

# What all kinds have in common is seen with these; `pytest -m long` has the others. Each kind is
# also used by other tests, which a broken one fails.
_SOON = ("asyncssh", "openssh", "openssh-busybox", "dropbear")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == Path(__file__).parent:
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            if parameters.get("server", _SOON[0]) not in _SOON:
                item.add_marker("long")
