from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gplmt.cli.main import main


class Said(NamedTuple):
    """What a command said and returned."""

    exit_code: int
    stdout: str
    stderr: str


Gplmt = Callable[..., Said]


@pytest.fixture
def gplmt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Gplmt:
    """Calls `gplmt` in this process, started in a directory of the test's own."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Said:
        try:
            exit_code = main(words)
        except SystemExit as leaving:  # argparse leaves so
            exit_code = leaving.code if isinstance(leaving.code, int) else -1
        return Said(exit_code, *capfd.readouterr())

    return call
