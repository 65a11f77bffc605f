"""Make `schema/gplmt.rng` from `schema/gplmt.rnc`: `python tools/make_rng.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import rnc2rng  # type: ignore[import-untyped]
from lxml import etree

SCHEMA = Path(__file__).parent.parent / "schema"
RELAX_NG = "{http://relaxng.org/ns/structure/1.0}"


def make_rng(rnc: Path) -> str:
    """The XML form of a compact schema, documentation included.

    Raises:
        rnc2rng.parser.ParseError: the compact form is malformed.
        lxml.etree.RelaxNGParseError: it is no schema, say because a name is not defined.
    """
    grammar = etree.fromstring(rnc2rng.dumps(rnc2rng.load(str(rnc))).encode())
    for name in list(grammar.iter(f"{RELAX_NG}name")):
        _shorten(name)
    etree.indent(grammar)
    etree.RelaxNG(grammar)
    return etree.tostring(grammar, encoding="unicode") + "\n"


def _shorten(name: etree._Element) -> None:
    """Make a `<name>` child what people write: a `name` attribute."""
    parent = name.getparent()
    if parent is not None and name.text:
        parent.set("name", name.text)
        parent.remove(name)


if __name__ == "__main__":
    (SCHEMA / "gplmt.rng").write_text(make_rng(SCHEMA / "gplmt.rnc"), encoding="utf-8")
    sys.stdout.write("schema/gplmt.rng is up to date\n")
