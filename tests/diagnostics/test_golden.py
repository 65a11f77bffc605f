"""Each document here gets exactly the diagnostics in the text file beside it (LANGUAGE.md 12).

Libraries that the documents include stand in `lib/`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gplmt.errors import DocumentError
from gplmt.loading import load

HERE = Path(__file__).parent
DOCUMENTS = sorted(path.name for path in HERE.glob("*.xml"))


def diagnostics(name: str) -> str:
    try:
        loaded = load(
            name,
            host_environment={"HOME": "/home/ada", "SET": "1"},
            working_directory=Path(),
            now=datetime(2027, 1, 1, tzinfo=UTC),
        )
    except DocumentError as error:
        return "".join(f"{diagnostic}\n" for diagnostic in error.diagnostics)
    return "".join(f"{warning}\n" for warning in loaded.warnings)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_gets_these_diagnostics(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)

    assert diagnostics(name) == Path(name).with_suffix(".txt").read_text()


def test_each_expectation_has_its_document() -> None:
    expected = {path.stem for path in HERE.glob("*.txt")}

    assert {Path(name).stem for name in DOCUMENTS} == expected
