"""The texts that an editor shows for what the pointer is on, each for itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lxml import etree

from tools.make_rng import RELAX_NG, SCHEMA

DOCUMENTATION = "{http://relaxng.org/ns/compatibility/annotations/1.0}documentation"
GRAMMAR = etree.parse(str(SCHEMA / "gplmt.rng"))
DEFINITIONS = {str(d.get("name")): d for d in GRAMMAR.iter(f"{RELAX_NG}define")}
TEXTS = [
    pytest.param(text, id=str(text.text).split(".")[0]) for text in GRAMMAR.iter(DOCUMENTATION)
]
DESCRIBED = list(GRAMMAR.iter(f"{RELAX_NG}element", f"{RELAX_NG}attribute"))
LONGEST = 330  # what fits a pop-up, and is read


def kind(pattern: etree._Element) -> str:
    return etree.QName(pattern).localname


def values(pattern: etree._Element) -> Iterator[etree._Element]:
    """What an attribute's value, or an element's text, may be."""
    for part in pattern.iterchildren(f"{RELAX_NG}*"):
        if kind(part) == "ref":
            yield from values(DEFINITIONS[str(part.get("name"))])
        elif kind(part) == "choice":
            yield from values(part)
        elif kind(part) in ("data", "value"):
            yield part


def of_type(name: str) -> list[object]:
    """What has values of an XML Schema datatype."""
    return [
        pytest.param(pattern, id=pattern.get("name"))
        for pattern in DESCRIBED
        if any(value.get("type") == name for value in values(pattern))
    ]


def text_of(pattern: etree._Element) -> str:
    return pattern.findtext(DOCUMENTATION, "")


def test_every_element_and_attribute_has_a_text() -> None:
    assert len(DESCRIBED) > 80
    assert [pattern.get("name") for pattern in DESCRIBED if not text_of(pattern)] == []


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_a_few_plain_sentences(text: etree._Element) -> None:
    words = str(text.text)
    assert words.endswith(".")
    assert len(words) <= LONGEST
    assert "<" not in words  # editors that show Markdown take it for markup, and show nothing


@pytest.mark.parametrize("pattern", of_type("duration"))
def test_a_duration_is_called_one_or_shown(pattern: etree._Element) -> None:
    assert "a duration" in text_of(pattern)


@pytest.mark.parametrize("pattern", of_type("dateTime"))
def test_a_time_is_shown(pattern: etree._Element) -> None:
    assert "2027-01-31T18:00:00" in text_of(pattern)


@pytest.mark.parametrize("pattern", of_type("boolean"))
def test_a_boolean_says_what_true_and_false_mean(pattern: etree._Element) -> None:
    assert "true" in text_of(pattern)
    assert "false" in text_of(pattern)


def test_what_is_one_of_several_words_names_them_all() -> None:
    missing = [
        (pattern.get("name"), value.text)
        for pattern in DESCRIBED
        for value in values(pattern)
        if kind(value) == "value" and str(value.text) not in text_of(pattern)
    ]
    assert missing == []


def test_what_may_be_left_out_says_what_that_means() -> None:
    attributes = GRAMMAR.iterfind(f".//{RELAX_NG}optional/{RELAX_NG}attribute")
    options = DEFINITIONS["ssh-option"].iter(f"{RELAX_NG}element")
    texts = {str(pattern.get("name")): text_of(pattern) for pattern in (*attributes, *options)}
    assert len(texts) > 25
    assert [
        name for name, text in texts.items() if "Default: " not in text.replace("\n", " ")
    ] == []
