"""The two forms of the schema are one, and documented (LANGUAGE.md 1.4)."""

from __future__ import annotations

from lxml import etree

from tools.make_rng import RELAX_NG, SCHEMA, make_rng

DOCUMENTATION = "{http://relaxng.org/ns/compatibility/annotations/1.0}documentation"


def canonical(grammar: etree._ElementTree) -> bytes:
    return etree.tostring(grammar, method="c14n")


def test_the_rng_is_what_the_rnc_says() -> None:
    parser = etree.XMLParser(remove_blank_text=True)
    made = etree.ElementTree(etree.fromstring(make_rng(SCHEMA / "gplmt.rnc"), parser))
    kept = etree.parse(str(SCHEMA / "gplmt.rng"), parser)
    assert canonical(made) == canonical(kept), "run: python tools/make_rng.py"


def test_every_element_and_attribute_is_documented_for_the_editor() -> None:
    grammar = etree.parse(str(SCHEMA / "gplmt.rng"))
    patterns = list(grammar.iter(f"{RELAX_NG}element", f"{RELAX_NG}attribute"))
    bare = [pattern.get("name") for pattern in patterns if pattern.find(DOCUMENTATION) is None]
    assert len(patterns) > 80
    assert not bare


def test_every_optional_attribute_says_what_its_absence_means() -> None:
    grammar = etree.parse(str(SCHEMA / "gplmt.rng"))
    optional = grammar.iterfind(f".//{RELAX_NG}optional/{RELAX_NG}attribute")
    texts = {str(pattern.get("name")): pattern.findtext(DOCUMENTATION, "") for pattern in optional}
    assert len(texts) > 15
    assert not [name for name, text in texts.items() if "efault" not in text]
