"""The schema as the loader uses it: comments and processing instructions do not reach it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lxml import etree

from tools.make_rng import SCHEMA

Validate = Callable[[str], bool]


@pytest.fixture(scope="session")
def is_valid() -> Validate:
    schema = etree.RelaxNG(etree.parse(str(SCHEMA / "gplmt.rng")))
    parser = etree.XMLParser(remove_comments=True, remove_pis=True, huge_tree=True)
    return lambda document: schema.validate(etree.fromstring(document, parser))
