"""The import contracts of setup.cfg hold, and would be seen if they did not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.program import ROOT

LINT_IMPORTS = (sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()")


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(directory), "PYTHONUTF8": "1"}
    return subprocess.run(  # noqa: S603
        [*LINT_IMPORTS, "--no-cache"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_rooms_import_only_downwards() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert " 0 broken" in linted.stdout


def test_a_room_that_imports_upwards_or_sidewards_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "gplmt", tmp_path / "gplmt")
    shutil.copytree(ROOT / "schema", tmp_path / "schema")
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for module, imported in (
        ("language/values.py", "gplmt.engine.session"),
        ("planning/describe.py", "gplmt.loading.load"),
        ("engine/session.py", "lxml.etree"),
    ):
        with (tmp_path / "gplmt" / module).open("a") as file:
            file.write(f"\nimport {imported}\n")
    linted = lint_imports(tmp_path)
    assert linted.returncode == 1
    assert " 0 broken" not in linted.stdout
    found = linted.stdout
    assert "gplmt.language.values -> gplmt.engine.session" in found
    assert "gplmt.planning.describe -> gplmt.loading.load" in found
    assert "gplmt.engine.session -> lxml" in found
