"""Validating takes time in proportion to the document.

Times are too noisy to assert, so these look for what makes libxml2 slow, which is known: it keeps
one state for every way in which it could have read an element so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import pytest
from lxml import etree

from tests.schema.conftest import Validate
from tools.make_rng import RELAX_NG, SCHEMA

GRAMMAR = etree.parse(str(SCHEMA / "gplmt.rng"))
DEFINITIONS = {str(d.get("name")): d for d in GRAMMAR.iter(f"{RELAX_NG}define")}
ELEMENTS = [pytest.param(e, id=e.get("name")) for e in GRAMMAR.iter(f"{RELAX_NG}element")]
NOT_FOR_AUTOMATA = {"attribute", "interleave", "text", "data", "value", "list"}


def kind(pattern: etree._Element) -> str:
    return etree.QName(pattern).localname


def parts(pattern: etree._Element) -> Iterator[etree._Element]:
    """The patterns that a pattern consists of, as if all that it refers to stood in it."""
    for part in pattern.iterchildren(f"{RELAX_NG}*"):
        if kind(part) == "ref":
            yield from parts(DEFINITIONS[str(part.get("name"))])
        else:
            yield part


def kinds(pattern: etree._Element) -> set[str]:
    """What occurs in a pattern, other elements aside."""
    if kind(pattern) in {"element", "attribute"}:
        return {kind(pattern)}
    return {kind(pattern)}.union(*map(kinds, parts(pattern)))


def children(pattern: etree._Element) -> Iterator[etree._Element]:
    """The elements that a pattern has in it, not those in them."""
    for part in parts(pattern):
        if kind(part) == "element":
            yield part
        else:
            yield from children(part)


def ways(pattern: etree._Element) -> int:
    """How many states libxml2 may keep of the attributes; one after each part of an interleave."""
    match kind(pattern):
        case "optional":
            return 2 if "attribute" in kinds(pattern) else 1
        case "interleave":
            return max(map(ways, parts(pattern)))
        case "group":
            return prod(map(ways, parts(pattern)))
    return 1


@pytest.mark.parametrize("element", ELEMENTS)
def test_optional_attributes_do_not_multiply_the_ways_to_read_an_element(
    element: etree._Element,
) -> None:
    assert prod(map(ways, parts(element))) <= 2


@pytest.mark.parametrize("element", ELEMENTS)
def test_an_element_in_which_others_repeat_is_read_by_an_automaton(
    element: etree._Element,
) -> None:
    content = [kinds(part) for part in parts(element) if "element" in kinds(part)]
    occurring = set[str]().union(*content)
    assert "zeroOrMore" not in occurring or not occurring & NOT_FOR_AUTOMATA


@pytest.mark.parametrize("element", ELEMENTS)
def test_the_name_of_a_child_alone_says_how_it_is_read(element: etree._Element) -> None:
    read_as: dict[str | None, etree._Element] = {}
    for child in children(element):
        assert read_as.setdefault(child.get("name"), child) is child


def test_groups_tasks_and_loops_nest_deeply(is_valid: Validate) -> None:
    depth = 190  # with what surrounds it within the 200 that the loader reads
    groups = '<target name="g" type="group">' * depth + "</target>" * depth
    tasks = "<seq>" * depth + "</seq>" * depth
    loops = '<loop repeat="2">' * depth + "</loop>" * depth
    tasklists = f'<tasklists><tasklist name="t">{tasks}</tasklist></tasklists>'
    document = f"<targets>{groups}</targets>{tasklists}<steps>{loops}</steps>"
    assert is_valid(f"<experiment>{document}</experiment>")
