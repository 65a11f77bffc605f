"""Runs gplmt as a user does: the script, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "gplmt-light.py"
_LONGEST_SECONDS = 60


class Ran(NamedTuple):
    """What a user sees of a run, and where it happened."""

    exit_code: int
    stdout: str
    stderr: str
    working_directory: Path
    run_directories: Path

    @property
    def lines(self) -> list[str]:
        """The lines on stdout."""
        return self.stdout.splitlines()

    @property
    def run_directory(self) -> Path:
        """The directory of the run."""
        return (self.run_directories / "latest").resolve()


def run_script(
    file: Path | str,
    scratch: Path,
    *options: str,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run an experiment in directories of its own below `scratch`.

    `environment` is added to that of the tests.
    """
    working_directory, run_directories = scratch / "work", scratch / "runs"
    working_directory.mkdir(parents=True)
    words: Sequence[object] = (
        *(sys.executable, SCRIPT, file, *options),
        *("-C", working_directory, "--logroot-dir", run_directories),
    )
    ended = subprocess.run(  # noqa: S603 (our own script)
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        timeout=_LONGEST_SECONDS,
        check=False,
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr, working_directory, run_directories)
