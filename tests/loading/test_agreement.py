"""The builders and the schema accept and refuse the same documents (LANGUAGE.md 1.4, 12.2)."""

from __future__ import annotations

import pytest

from gplmt.diagnostics import Faults
from gplmt.loading import grammar
from gplmt.loading.build import build
from gplmt.loading.context import Context
from gplmt.loading.parsing import parse
from tests.schema.test_documents import INVALID, VALID

LEFT_TO_CHECKS = {"a loop of two kinds, for the checks that follow"}


def told(document: str) -> list[str]:
    faults = Faults()
    root = parse(document.encode(), name="d", text_elements=grammar.TEXT_ELEMENTS)
    build(root, Context(faults, "."))
    return [str(diagnostic) for diagnostic in faults.in_order(["d"])]


@pytest.mark.parametrize("title", sorted(VALID.keys() - LEFT_TO_CHECKS))
def test_builders_accept_what_the_schema_accepts(title: str) -> None:
    assert [diagnostic for diagnostic in told(VALID[title]) if ": error: " in diagnostic] == []


@pytest.mark.parametrize("title", sorted(INVALID))
def test_builders_explain_what_the_schema_refuses(title: str) -> None:
    assert [diagnostic for diagnostic in told(INVALID[title]) if ": error: " in diagnostic]
