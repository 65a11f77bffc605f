from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gplmt.cli.main import main
from tests.support.program import GPLMT, ROOT


class Said(NamedTuple):
    """What a command said and returned."""

    exit_code: int
    stdout: str
    stderr: str


Gplmt = Callable[..., Said]
Offered = Callable[..., list[str]]


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


@pytest.fixture
def offered(tmp_path: Path) -> Offered:
    """What gplmt, asked in a directory of the test's own, offers for a line."""

    def ask(line: str, *, program: tuple[str, ...] = GPLMT, dialect: str = "bash") -> list[str]:
        answer = tmp_path.with_suffix(".answer")
        answer.touch()
        stdin, nobody_writes = os.pipe()
        called = subprocess.run(  # noqa: S603
            program,
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
                "HOME": str(tmp_path),
                "COMP_LINE": line,
                "COMP_POINT": str(len(line)),
                "_ARGCOMPLETE": "1",
                "_ARGCOMPLETE_SHELL": dialect,
                "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            },
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        os.close(stdin)
        os.close(nobody_writes)
        assert (called.returncode, called.stdout, called.stderr) == (0, "", "")
        return [word.rstrip() for word in answer.read_text().split("\v") if word]

    return ask
