"""Bytes to text: byte order marks, the encoding that an XML declaration names, else UTF-8."""

from __future__ import annotations

import codecs
import re

from gplmt.diagnostics import Location
from gplmt.loading.parsing import ParseError

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    ("<?".encode("utf-32-le"), "utf-32-le"),
    ("<?".encode("utf-32-be"), "utf-32-be"),
    ("<?".encode("utf-16-le"), "utf-16-le"),
    ("<?".encode("utf-16-be"), "utf-16-be"),
)
_DECLARATION = re.compile(rb"""<\?xml\s[^>]{0,200}?\sencoding\s*=\s*["']([^"'>]{1,60})["']""")
_NOT_FOR_DOCUMENTS = frozenset(  # they decode, but something else than the characters of a file
    ("idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape")
)


def to_utf8(content: bytes, *, name: str) -> bytes:
    """A document in UTF-8, without byte order mark; its XML declaration may say otherwise.

    Raises:
        ParseError: the encoding is not known, or the bytes are not in that encoding.
    """
    encoding = _encoding(content, name)
    try:
        return content.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeDecodeError as error:
        raise ParseError(*_wrong_bytes(error, encoding, name)) from None
    except (ValueError, LookupError):
        raise ParseError(Location(name, 1), f"the file cannot be read as {encoding}") from None


def _encoding(content: bytes, name: str) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    declared = _DECLARATION.match(content)
    if declared is None:
        return "utf-8"
    word = declared[1].decode("ascii", "replace")
    hint = "save the file as UTF-8, and name that or nothing"
    try:
        encoding = codecs.lookup(word).name.replace("-", "_")
    except (LookupError, ValueError):
        encoding = "undefined"
    if encoding in _NOT_FOR_DOCUMENTS:
        raise ParseError(Location(name, 1), f"the encoding {word!r} is not known", hint)
    if not _is_ascii_compatible(encoding):
        problem = f"the XML declaration says {word!r}, which the file is not in"
        raise ParseError(Location(name, 1), problem, hint)
    return encoding


def _is_ascii_compatible(encoding: str) -> bool:
    """Whether a declaration that could be read as ASCII is in this encoding."""
    try:
        return b"<?xml".decode(encoding) == "<?xml"
    except (ValueError, LookupError):
        return False


def _wrong_bytes(error: UnicodeDecodeError, encoding: str, name: str) -> tuple[Location, str, str]:
    before = error.object[: error.start].decode(encoding, "replace")
    line = 1 + before.replace("\r\n", "\n").replace("\r", "\n").count("\n")
    wrong = error.object[error.start]
    problem = f"the byte 0x{wrong:02x} is not valid {encoding.replace('_', '-').upper()}"
    return Location(name, line), problem, "save the file as UTF-8, or name its encoding in line 1"
