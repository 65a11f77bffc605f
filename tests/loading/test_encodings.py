"""Bytes, characters and what is no XML (LANGUAGE.md 1.3)."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from gplmt.errors import DocumentError
from gplmt.loading import load, parsing
from tests.loading.conftest import Desk

TEXT = "Größe 5 € für Ωμέγα"


def document(encoding: str | None, text: str = TEXT) -> str:
    declared = f' encoding="{encoding}"' if encoding else ""
    content = f"<experiment><description>{text}</description></experiment>"
    return f"<?xml version='1.0'{declared}?>\n{content}"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "UTF-8", "iso-8859-7", "cp1253", "utf-16", "utf-16-le", "utf-32", "gb18030"],
)
def test_the_declared_encoding_is_read(desk: Desk, encoding: str) -> None:
    text = "Ωμέγα"
    experiment = desk.load(document(encoding, text).encode(encoding)).experiment

    assert experiment.description == text


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (b"", "utf-8"),
    ],
)
def test_a_byte_order_mark_is_enough(desk: Desk, mark: bytes, encoding: str) -> None:
    experiment = desk.load(mark + document(None).encode(encoding)).experiment

    assert experiment.description == TEXT


@pytest.mark.parametrize("encoding", ["iso-8859-1", "latin1", "cp1252"])
def test_single_byte_encodings_are_read(desk: Desk, encoding: str) -> None:
    assert desk.load(document(encoding, "Größe").encode(encoding)).experiment.description == "Größe"


def test_a_document_without_declaration_is_utf_8(desk: Desk) -> None:
    content = f"<experiment><description>{TEXT}</description></experiment>"

    assert desk.load(content).experiment.description == TEXT


@pytest.mark.parametrize("name", ["rot13", "hex", "idna", "unicode_escape", "nonsense", "a/../b"])
def test_what_is_no_encoding_of_files_is_refused(desk: Desk, name: str) -> None:
    (error,) = desk.errors(document(name, "x"))

    assert error.startswith("lab.xml:1: error: ")
    assert repr(name) in error


def test_wrong_bytes_are_told_with_their_line(desk: Desk) -> None:
    content = document("utf-8", "a\r\nb\rc\n\xe9").encode("latin-1")

    assert desk.errors(content) == [
        "lab.xml:5: error: the byte 0xe9 is not valid UTF-8; "
        "save the file as UTF-8, or name its encoding in line 1"
    ]


def test_carriage_returns_count_as_lines(desk: Desk) -> None:
    errors = desk.errors(b"<experiment>\r<oops/>\r\n<oops/>\n<oops/></experiment>")

    assert [error.split(": ")[0] for error in errors] == ["lab.xml:2", "lab.xml:3", "lab.xml:4"]


def test_lone_surrogates_are_refused(desk: Desk) -> None:
    content = b'<?xml version="1.0" encoding="utf-7"?><experiment>+2AA-</experiment>'

    (error,) = desk.errors(content)

    assert error.startswith("lab.xml:1: error: ")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.xml", "no such file or directory"),
        ("directory", "is a directory"),
        ("/dev/null", "it is a device"),
        ("a" * 300, "file name too long"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(desk: Desk, name: str, reason: str) -> None:
    Path("directory").mkdir()

    with pytest.raises(DocumentError) as raised:
        load(name, host_environment={}, working_directory=Path(), now=desk.now)

    assert str(raised.value) == f"{name}:0: error: cannot read '{name}': {reason}"


def test_a_file_name_that_cannot_be_is_told_without_its_odd_characters(desk: Desk) -> None:
    with pytest.raises(DocumentError) as raised:
        load("a\0b", host_environment={}, working_directory=Path(), now=desk.now)

    assert str(raised.value).endswith(":0: error: cannot read 'a\\x00b': embedded null byte")


def test_a_doctype_is_refused_before_anything_expands(desk: Desk) -> None:  # 1.3
    entities = "".join(
        f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' if level else '<!ENTITY e0 "bomb">'
        for level in range(30)
    )
    content = f"<!DOCTYPE experiment [{entities}]><experiment>&e29;</experiment>"

    assert desk.errors(content) == ["lab.xml:1: error: a DOCTYPE is not allowed; remove it"]


def test_a_doctype_reads_no_other_file(desk: Desk) -> None:  # 1.3
    content = '<!DOCTYPE experiment SYSTEM "file:///etc/passwd"><experiment/>'

    assert desk.errors(content) == ["lab.xml:1: error: a DOCTYPE is not allowed; remove it"]


def test_nesting_has_a_limit_that_no_sane_document_meets(desk: Desk) -> None:
    def nested(depth: int) -> str:
        groups = (f'<target name="g{number}" type="group">' for number in range(depth))
        targets = "".join(groups) + "</target>" * depth
        return f"<experiment><targets>{targets}</targets></experiment>"

    assert desk.warnings(nested(parsing.MAX_DEPTH - 2)) == []
    assert desk.errors(nested(parsing.MAX_DEPTH - 1)) == [
        "lab.xml:1: error: elements are nested more than 200 deep"
    ]
    assert desk.errors(nested(100_000)) == desk.errors(nested(parsing.MAX_DEPTH))


def test_a_custom_schema_decides_where_the_builders_find_nothing(desk: Desk) -> None:
    desk.write(
        "strict.rng",
        """<element name="experiment" xmlns="http://relaxng.org/ns/structure/1.0">
        <element name="tasklists"><empty/></element></element>""",
    )
    content = """<experiment>
    <tasklists
       ><tasklist
        name="t"/></tasklists>
    </experiment>"""

    (error,) = desk.errors(content, rng="strict.rng")

    assert error.startswith("lab.xml:3: error: the schema refuses this: ")  # not line 4, its end


@pytest.mark.parametrize("content", ["<a/>", "nothing", ""])
def test_a_custom_schema_that_is_none_is_told(desk: Desk, content: str) -> None:
    desk.write("own.rng", content)

    (error,) = desk.errors("<experiment/>", rng="own.rng")

    assert error.startswith("own.rng:")
    assert ": error: no RELAX NG schema: " in error


def test_a_custom_schema_that_is_missing_is_told(desk: Desk) -> None:
    assert desk.errors("<experiment/>", rng="own.rng") == [
        "own.rng:0: error: cannot read the schema: no such file or directory"
    ]
