"""The two forms of the schema are one (LANGUAGE.md 1.4)."""

from __future__ import annotations

from lxml import etree

from tools.make_rng import SCHEMA, make_rng


def canonical(grammar: etree._ElementTree) -> bytes:
    return etree.tostring(grammar, method="c14n")


def test_the_rng_is_what_the_rnc_says() -> None:
    parser = etree.XMLParser(remove_blank_text=True)
    made = etree.ElementTree(etree.fromstring(make_rng(SCHEMA / "gplmt.rnc"), parser))
    kept = etree.parse(str(SCHEMA / "gplmt.rng"), parser)
    assert canonical(made) == canonical(kept), "run: python tools/make_rng.py"
