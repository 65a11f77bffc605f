"""Runs whose records views are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gplmt.cli.main import main
from gplmt.reporting.recorded import RecordedRun

Recorded = Callable[..., RecordedRun]


@pytest.fixture
def recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Recorded:
    """Runs an experiment with gplmt, in this process, and reads what it has left."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, *options: str, exit_code: int = 0) -> RecordedRun:
        (tmp_path / "lab.xml").write_text(text)
        code = main(["run", "lab.xml", "--quiet", "--no-report", *options])
        said = capfd.readouterr()
        assert code == exit_code, said.err
        return RecordedRun(Path("gplmt-runs/latest"))

    return run
