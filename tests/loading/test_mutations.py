"""No fault of a document shows a traceback: what mutates valid documents proves it (12.1)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gplmt.diagnostics import Diagnostic
from gplmt.errors import DocumentError
from gplmt.loading import load
from tests.loading.samples import LIBRARY, WHOLE

SECONDS_ALLOWED = 2.0  # a document is loaded in milliseconds; the rest is for a busy machine
DOCUMENT = WHOLE.encode()
TAGS = sorted({str(element.tag) for element in etree.fromstring(DOCUMENT).iter("*")})
ATTRIBUTES = sorted(
    {str(name) for element in etree.fromstring(DOCUMENT).iter("*") for name in element.attrib}
)
VALUES = (
    "", " ", "x", "a b", "here", "lab", "*", "[", "[!", "-1", "0", "1", "99999999999999999999",
    "1:9", "9:1", "1:9:0", "1:999999999999999999", "PT1S", "PT0S", "-PT1S", "P1Y", "P", "PT",
    "P999999999999D", "2030-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00",
    "2030-02-30T00:00:00", "true", "false", "$", "$$", "${", "${X}", "$GPLMT_TARGET", "~/x", "/",
    "..", "library.xml", "lab.xml", "lib.clean", "measure", "tidy", "local", "ssh", "group",
    "planetlab", "100%", "101%", "0%", "\u00e9", "\u0663", "\u00a0", "a" * 101,
    "a\nb", "\u2028", "\u00a0here\u00a0", "x" * 5000,
)  # fmt: skip


class Directory:
    """Where the mutants lie, with the library that they include."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "library.xml").write_text(LIBRARY)

    def diagnostics(self, document: bytes) -> tuple[Diagnostic, ...]:
        (self.path / "lab.xml").write_bytes(document)
        started = time.monotonic()
        try:
            diagnostics = load(
                "lab.xml",
                host_environment={"SET": "1"},
                working_directory=self.path,
                now=datetime(2027, 1, 1, tzinfo=UTC),
            ).warnings
        except DocumentError as error:
            diagnostics = error.diagnostics
        assert time.monotonic() - started < SECONDS_ALLOWED
        return diagnostics


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Directory:
    monkeypatch.chdir(tmp_path)
    return Directory(tmp_path)


def assert_well_told(diagnostics: tuple[Diagnostic, ...], document: bytes) -> None:
    """Each once, in order, in a line that exists (12.1)."""
    lines = 1 + max(document.count(b"\n"), LIBRARY.count("\n")) + document.count(b"\r")
    assert len(set(diagnostics)) == len(diagnostics)
    files = [diagnostic.at.file for diagnostic in diagnostics]
    assert files == sorted(files, key=["lab.xml", "library.xml"].index)
    for file in set(files):
        told = [diagnostic.at.line for diagnostic in diagnostics if diagnostic.at.file == file]
        assert told == sorted(told)
        assert all(1 <= line <= lines for line in told)
    assert all("\n" not in str(diagnostic) for diagnostic in diagnostics)


mutants = settings(
    max_examples=int(os.environ.get("GPLMT_MUTANTS", "80")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_the_original_is_valid(directory: Directory) -> None:
    assert directory.diagnostics(DOCUMENT) == ()


Place = st.integers(0, len(DOCUMENT))


@st.composite
def damaged_bytes(draw: st.DrawFn) -> bytes:
    document = DOCUMENT
    for _ in range(draw(st.integers(1, 3))):
        start = draw(Place)
        end = start + draw(st.integers(0, 40))
        junk = draw(
            st.binary(max_size=6)
            | st.sampled_from((b"<", b">", b"&", b"&#0;", b"]]>", b"<!--", b"<?x ", b"<![CDATA[",
                               b"<!DOCTYPE a>", b"\xff\xfe", b"\0", b"\r", b"</run>", b'"'))
            | st.just(document[end : end + 200])
        )  # fmt: skip
        document = document[:start] + junk + document[end:]
    return document


@mutants
@given(damaged_bytes())
def test_damaged_bytes_are_told(directory: Directory, document: bytes) -> None:
    assert_well_told(directory.diagnostics(document), document)


Elements = list[etree._Element]
Mutation = Callable[[st.DrawFn, Elements], None]


def _delete(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from(elements))
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _duplicate(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from(elements))
    parent = element.getparent()
    if parent is not None:
        copy = etree.fromstring(etree.tostring(element, with_tail=False))
        parent.insert(parent.index(element), copy)


def _move(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from(elements))
    target = draw(st.sampled_from(elements))
    if element not in {target, *target.iterancestors()}:
        target.insert(draw(st.integers(0, len(target))), element)


def _rename(draw: st.DrawFn, elements: Elements) -> None:
    draw(st.sampled_from(elements)).tag = draw(
        st.sampled_from([*TAGS, "rnu", "stepp", "x", "capture", "monitor", "{urn:x}run"])
    )


def _insert_junk(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from(elements))
    junk = etree.fromstring(draw(st.sampled_from((
        "<junk/>", "<run>x</run>", "<target ref='lab'/>", "<export-env var='X'/>", "<steps/>",
        "<include file='lab.xml'/>", "<include file='library.xml' prefix='lib'/>",
        "<capture name='x' pattern='y'/>", "<loop><loop/></loop>", "<call tasklist='measure'/>",
    ))))  # fmt: skip
    element.insert(draw(st.integers(0, len(element))), junk)


def _insert_text(draw: st.DrawFn, elements: Elements) -> None:
    draw(st.sampled_from(elements)).text = draw(st.sampled_from(VALUES) | st.text("ab \n$<&*"))


def _change_attribute(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from([element for element in elements if element.attrib] or elements))
    names = [str(name) for name in element.attrib] or ATTRIBUTES
    element.set(draw(st.sampled_from(names)), draw(st.sampled_from(VALUES)))


def _add_attribute(draw: st.DrawFn, elements: Elements) -> None:
    name = draw(st.sampled_from([*ATTRIBUTES, "start", "nmae", "{urn:x}name", "xml"]))
    draw(st.sampled_from(elements)).set(name, draw(st.sampled_from(VALUES)))


def _drop_attribute(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from([element for element in elements if element.attrib] or elements))
    if element.attrib:
        del element.attrib[draw(st.sampled_from([str(name) for name in element.attrib]))]


MUTATIONS: tuple[Mutation, ...] = (
    _delete,
    _duplicate,
    _move,
    _rename,
    _insert_junk,
    _insert_text,
    _change_attribute,
    _change_attribute,
    _add_attribute,
    _drop_attribute,
)


@st.composite
def damaged_structure(draw: st.DrawFn) -> bytes:
    root = etree.fromstring(DOCUMENT)
    for _ in range(draw(st.integers(1, 5))):
        draw(st.sampled_from(MUTATIONS))(draw, list(root.iter("*")))
    encoding = draw(st.sampled_from(("UTF-8", "UTF-16", "ASCII")))
    return etree.tostring(root, encoding="unicode").encode(encoding, "xmlcharrefreplace")


@mutants
@given(damaged_structure())
def test_a_damaged_structure_is_told_without_libxml2s_words(
    directory: Directory, document: bytes
) -> None:
    diagnostics = directory.diagnostics(document)

    assert_well_told(diagnostics, document)
    assert not [told for told in diagnostics if "the schema refuses" in str(told)]
