"""Documents whose bytes are damaged."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from tests.loading.samples import WHOLE

ROOT = Path(__file__).parent.parent.parent.parent
SEEDS = (
    WHOLE.encode(),
    *(path.read_bytes() for path in sorted((ROOT / "examples").glob("*.xml"))),
    *(path.read_bytes() for path in sorted((ROOT / "tests" / "diagnostics").glob("*.xml"))),
)
ENCODINGS = (
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-7",
    "latin-1", "cp1252", "cp037", "gb18030", "shift_jis", "iso2022_jp", "hz", "koi8-r", "cp500",
)  # fmt: skip
NAMES = (*ENCODINGS, "idna", "punycode", "rot13", "base64", "zlib", "undefined", "unicode_escape",
         "mbcs", "../../x", "aliases", "x" * 60, "\u00e9", "UTF-8\"?>", "ucs4")  # fmt: skip
JUNK = (
    b"<", b">", b"&", b"&#0;", b"&#xD800;", b"&#x110000;", b"&#xFFFE;", b"&#x1FFFE;", b"]]>",
    b"<!--", b"-->", b"<!-- -- -->", b"<?x ", b"?>", b"<?xml version='1.0'?>", b"<![CDATA[",
    b"<!DOCTYPE a>", b"<!DOCTYPE a SYSTEM 'fifo.xml'>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>&b;",
    b"<!DOCTYPE a [<!ENTITY % b SYSTEM 'fifo.xml'> %b;]>", b"<!ENTITY a 'b'>", b"&b;", b"&amp;",
    b"<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='fifo.xml'/>",
    b"<?xml-model href='fifo.xml'?>", b"<?xml-stylesheet href='fifo.xml'?>",
    b" xmlns='urn:x'", b" xmlns:a='urn:x' a:b='c'", b"<a:b/>", b" xml:space='preserve'",
    b" xml:base='fifo.xml'", b" xsi:schemaLocation='fifo.xml'", b"\xff\xfe", b"\xef\xbb\xbf",
    b"\0", b"\r", b"\r\n", b"\x0c", b"\x1b[31m", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8",
    b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xc0\x80", b"\xf5\x80\x80\x80",
    b"</run>", b'"', b"'", b"=", b"/>",
)  # fmt: skip


@st.composite
def noise(draw: st.DrawFn) -> bytes:
    """Bytes that are no document at all, or begin like one."""
    begin = draw(st.sampled_from((b"", b"", b"<", b"<?xml ", b"\xff\xfe", b"<experiment", b"<a>")))
    return begin + draw(st.binary(max_size=200) | st.lists(st.sampled_from(JUNK)).map(b"".join))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A document with bytes flipped, cut out, put in or repeated, and perhaps in an encoding."""
    document = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        document = draw(st.sampled_from((_flipped, _cut, _inserted, _repeated)))(draw, document)
    return draw(st.one_of(st.just(document), _encoded(document)))


def _place(draw: st.DrawFn, document: bytes) -> int:
    return draw(st.integers(0, max(len(document) - 1, 0)))


def _flipped(draw: st.DrawFn, document: bytes) -> bytes:
    if not document:
        return document
    at = _place(draw, document)
    return document[:at] + bytes([document[at] ^ draw(st.integers(1, 255))]) + document[at + 1 :]


def _cut(draw: st.DrawFn, document: bytes) -> bytes:
    start = _place(draw, document)
    length = draw(st.integers(0, 40) | st.integers(0, len(document)))
    return document[:start] + document[start + length :]


def _inserted(draw: st.DrawFn, document: bytes) -> bytes:
    at = _place(draw, document)
    junk = draw(st.sampled_from(JUNK) | st.binary(max_size=6) | _long_junk())
    return document[:at] + junk + document[at:]


def _long_junk() -> st.SearchStrategy[bytes]:
    """A long name, a huge attribute, deep nesting, many comments or entities."""
    return st.sampled_from(
        (
            b"a" * 100_000,
            b' x="' + b"y" * 100_000 + b'"',
            b"<a>" * 10_000,
            b"<seq>" * 150 + b"</seq>" * 150,
            b"<!-- -->" * 10_000,
            b"<?a b?>" * 10_000,
            b"&#97;" * 10_000,
            b"\n" * 70_000,
            b"".join(b" a%d='b'" % number for number in range(5_000)),
            b"".join(b" xmlns:a%d='b'" % number for number in range(5_000)),
        )
    )


def _repeated(draw: st.DrawFn, document: bytes) -> bytes:
    start = _place(draw, document)
    end = start + draw(st.integers(0, 200))
    part = document[start:end]
    return document[:end] + part * draw(st.integers(1, 50)) + document[end:]


@st.composite
def _encoded(draw: st.DrawFn, document: bytes) -> bytes:
    """The document in some encoding, while its declaration may name another."""
    text = document.decode("utf-8", "replace")
    if text.startswith("<?xml") and "?>" in text:
        text = text.partition("?>")[2]
    name = draw(st.none() | st.sampled_from(NAMES))
    if name is not None:
        text = f"<?xml version='1.0' encoding=\"{name}\"?>{text}"
    return text.encode(draw(st.sampled_from(ENCODINGS)), "replace")
