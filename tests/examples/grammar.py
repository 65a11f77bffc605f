"""What the schema says of each element: its attributes, its children, and what both are for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from lxml import etree

from tests.examples.running import ROOT

_RELAX_NG = "{http://relaxng.org/ns/structure/1.0}"
_ANNOTATION = "{http://relaxng.org/ns/compatibility/annotations/1.0}documentation"
_DEFAULT = re.compile(r"Default: (.+?)(?:;|\.(?:\s|$))")
_MAY_BE_MISSING = {f"{_RELAX_NG}optional", f"{_RELAX_NG}zeroOrMore"}
_GRAMMAR = etree.parse(ROOT / "schema" / "gplmt.rng").getroot()
_DEFINITIONS = {each.get("name"): each for each in _GRAMMAR.iter(f"{_RELAX_NG}define")}


class Need(Enum):
    """Whether an attribute has to be given."""

    ALWAYS = "always"
    NEVER = "never"
    BY_CHOICE = "by choice"  # it, or something else in its place


class Attribute(NamedTuple):
    """An attribute of an element; `kinds` are the patterns and words that its value may be."""

    need: Need
    kinds: frozenset[str]
    default: str | None  # as the schema's annotation says it


class Element(NamedTuple):
    """An element, whichever definitions of it there are."""

    attributes: dict[str, Attribute]
    children: set[str]
    parents: set[str]
    default: str | None


def elements() -> dict[str, Element]:
    """All elements of the schema, by name."""
    found: dict[str, Element] = defaultdict(lambda: Element({}, set(), set(), None))
    for node in _GRAMMAR.iter(f"{_RELAX_NG}element"):
        name = str(node.get("name"))
        found[name] = found[name]._replace(default=_default(node) or found[name].default)
        for child, need in _contents(node, Need.ALWAYS):
            child_name = str(child.get("name"))
            if child.tag == f"{_RELAX_NG}element":
                found[name].children.add(child_name)
                found[child_name].parents.add(name)
            else:
                found[name].attributes[child_name] = Attribute(need, _kinds(child), _default(child))
    return dict(found)


def _contents(node: etree._Element, need: Need) -> Iterator[tuple[etree._Element, Need]]:
    """The attributes and elements directly in an element, through references and choices."""
    for child in node:
        if child.tag in {f"{_RELAX_NG}element", f"{_RELAX_NG}attribute"}:
            yield child, need
        elif child.tag == f"{_RELAX_NG}ref":
            yield from _contents(_DEFINITIONS[child.get("name")], need)
        elif child.tag in _MAY_BE_MISSING:
            yield from _contents(child, Need.NEVER)
        elif child.tag == f"{_RELAX_NG}choice" and need is Need.ALWAYS:
            yield from _contents(child, Need.BY_CHOICE)
        else:
            yield from _contents(child, need)


def _kinds(attribute: etree._Element) -> frozenset[str]:
    """The names of patterns and the words that an attribute's value may be."""
    return frozenset(_kinds_in(attribute))


def _kinds_in(node: etree._Element) -> Iterator[str]:
    for child in node:
        if child.tag == f"{_RELAX_NG}value":
            yield (child.text or "").strip()
        elif child.tag == f"{_RELAX_NG}data":
            yield str(child.get("type"))
        elif child.tag == f"{_RELAX_NG}text":
            yield "text"
        elif child.tag == f"{_RELAX_NG}ref":
            name = str(child.get("name"))
            words = frozenset(_kinds_in(_DEFINITIONS[name]))
            is_enumeration = _DEFINITIONS[name].find(f".//{_RELAX_NG}value") is not None
            yield from words if is_enumeration else [name]
        elif child.tag != _ANNOTATION:
            yield from _kinds_in(child)


def _default(node: etree._Element) -> str | None:
    """What the annotation of an element or attribute says is the default."""
    text = " ".join(node.findtext(_ANNOTATION, "").split())
    match = _DEFAULT.search(text)
    return match[1] if match else None
