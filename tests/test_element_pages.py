"""The pages on elements say what the schema and the model say."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum

import pytest
from msgspec import NODEFAULT, Struct, structs

from gplmt.language.steps import Loop, Step
from gplmt.language.tasks import Call, Fail, Get, Par, Put, Retries, Run, Seq, Tasklist, WaitFor
from gplmt.language.values import parse_duration
from tests.examples.element_pages import (
    DIRECTORY,
    KINDS_OF_TARGETS,
    element_pages,
    types_told,
)
from tests.examples.grammar import Attribute, Need, elements
from tests.examples.pages import Block, blocks_of

ELEMENTS = elements()
PAGES = element_pages()
TYPES = {  # what the pages call the patterns of the schema
    "boolean": {"boolean"},
    "count": {"count"},
    "dateTime": {"date and time"},
    "duration": {"duration"},
    "min-success": {"quorum"},
    "name": {"name"},
    "name-or-nothing": {"name or nothing"},
    "non-blank": {"path", "target list"},
    "port": {"port"},
    "positive-count": {"count, from 1"},
    "reference": {"reference"},
    "statuses": {"statuses"},
    "text": {"text", "list"},
    "variable": {"variable"},
    "word": {"word"},
}
VALUE = re.compile(r"\b(?:PT[\dHMS.]+|\w+-[\dN]|\d+|[A-Z][A-Z_]+|true|false|strict|none)\b")
MODEL: list[type[Struct]] = [Run, Put, Get, Call, Fail, WaitFor, Seq, Par, Tasklist, Step, Loop]
NAMES: dict[type[Struct], str] = {WaitFor: "wait-for"}


def test_every_element_has_its_page() -> None:
    assert len(ELEMENTS) > 30
    assert set(PAGES) == set(ELEMENTS) | KINDS_OF_TARGETS


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_all_its_parts(name: str) -> None:
    page = PAGES[name]
    title = name.replace("target-", 'target type="') + '"' if name in KINDS_OF_TARGETS else name
    attributes = ["Attributes"] if page.attributes else []
    assert page.headings == [title, *attributes, "Failure", "Example", "See also"]
    assert "](../language.md#" in page.item("Rules")


@pytest.mark.parametrize("name", ELEMENTS)
def test_a_page_says_where_its_element_may_stand_and_what_may_stand_in_it(name: str) -> None:
    page, element = PAGES[name], ELEMENTS[name]
    assert page.elements_in("Where") == element.parents
    assert page.elements_in("Content") == element.children


@pytest.mark.parametrize("name", ELEMENTS)
def test_a_page_names_the_attributes_with_their_types_and_defaults(name: str) -> None:
    page, element = PAGES[name], ELEMENTS[name]
    assert set(page.attributes) == set(element.attributes)
    for attribute, row in page.attributes.items():
        told = element.attributes[attribute]
        assert has_type(told, row.type), f"{attribute}: {row.type}"
        assert has_default(told, row.default), f"{attribute}: {row.default}"
    assert element.default is None or tells_values(page.value_default or "", element.default)


def has_type(attribute: Attribute, told: str) -> bool:
    """Whether a page says what an attribute's value may be."""
    if len(attribute.kinds) > 1:
        return set(told.replace(" or ", ", ").split(", ")) == attribute.kinds
    return told in TYPES[next(iter(attribute.kinds))]


def has_default(attribute: Attribute, told: str) -> bool:
    """Whether a page says what holds without an attribute."""
    if attribute.need is Need.ALWAYS:
        return told == "required"
    if attribute.need is Need.BY_CHOICE:
        return told == "none" or told.startswith("required, ")
    return tells_values(told, attribute.default or "none")


def tells_values(told: str, default: str) -> bool:
    """Whether a page names every value that the schema names; the words around may differ."""
    if " " not in default:
        return told == default
    return {*VALUE.findall(told)} >= {*VALUE.findall(default)}


def test_every_type_is_explained() -> None:
    used = {row.type for page in PAGES.values() for row in page.attributes.values()}
    simple = {kind.removesuffix(" or nothing").removesuffix(", from 1") for kind in used}
    words = {kind for kinds in TYPES.values() for kind in kinds}
    assert simple & words <= types_told()
    assert len(simple & words) > 10


@pytest.mark.parametrize("struct", MODEL, ids=lambda struct: struct.__name__)
def test_a_page_has_the_defaults_of_the_model(struct: type[Struct]) -> None:
    page = PAGES[NAMES.get(struct, struct.__name__.lower())]
    for field in structs.fields(struct):
        row = page.attributes.get(field.name.replace("_", "-"))
        if row is not None and field.default not in {NODEFAULT, None}:
            assert is_value(row.default, field.default), f"{field.name}: {row.default}"


def is_value(told: str, default: object) -> bool:
    """Whether a word of a page is the value that the model has."""
    match default:
        case bool():
            return told == str(default).lower()
        case timedelta():
            return parse_duration(told) == default
        case Retries():
            return told == str(default.count)
        case Enum():
            return told == str(default.value)
        case _:
            return told == str(default)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_whole_document_which_is_run_where_it_is_local(name: str) -> None:
    documents = [block for block in blocks_of(f"{DIRECTORY}/{name}.md") if block.is_document]
    assert documents
    assert [str(block) for block in documents if not is_tried(block)] == []


def is_tried(document: Block) -> bool:
    """Whether it is run, is a file that others include, or needs other machines."""
    needs_machines = 'type="ssh"' in document.text or 'type="planetlab"' in document.text
    return document.mark[:1] in {("run",), ("file",)} or needs_machines
