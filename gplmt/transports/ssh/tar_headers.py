"""The headers of tar archives, as GNU tar, BusyBox and libarchive write and read them; pure.

Python's tarfile knows more, but takes several times as long for each file.  Source: tar(5) of
libarchive.
"""

from __future__ import annotations

import time
from enum import Enum

from msgspec import Struct

BLOCK_BYTES = 512

_MAX_NAME_BYTES = 100
_MAX_OCTAL_SIZE = 1 << 33
_LONG = b"././@LongLink"
_NOBODY = b"0000000\0" * 2
_MAGIC = b"ustar  \0"


class Kind(Enum):
    """What a header is of; names and links of GNU, and attributes of PAX, belong to the next."""

    FILE = b"0"
    HARD_LINK = b"1"
    LINK = b"2"
    CHARACTER_DEVICE = b"3"
    BLOCK_DEVICE = b"4"
    DIRECTORY = b"5"
    FIFO = b"6"
    LONG_NAME = b"L"
    LONG_LINK = b"K"
    ATTRIBUTES = b"x"
    GLOBAL_ATTRIBUTES = b"g"


class Header(Struct, frozen=True, kw_only=True):
    """A header; `size` bytes of content follow, filled up to whole blocks."""

    name: bytes
    kind: Kind
    mode: int = 0
    size: int = 0
    link: bytes = b""


class HeaderError(Exception):
    """This is no header, or of a kind that is not known here."""


def padding(size: int) -> int:
    """How many bytes follow content of this size to fill its last block."""
    return -size % BLOCK_BYTES


def render(header: Header) -> bytes:
    """The blocks of a header, whatever the length of its name and link."""
    parts = []
    if len(header.name) > _MAX_NAME_BYTES:
        parts.append(_render_long(Kind.LONG_NAME, header.name))
    if len(header.link) > _MAX_NAME_BYTES:
        parts.append(_render_long(Kind.LONG_LINK, header.link))
    parts.append(_render(header))
    return b"".join(parts)


def parse(block: bytes) -> Header:
    """Read one block; a long name or link must be put in from the headers before it.

    Raises:
        HeaderError: it is none.
    """
    try:
        if _number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * ord(" "):
            raise HeaderError("a block is no header")
        return Header(
            name=_name(block),
            kind=Kind(block[156:157].replace(b"\0", b"0").replace(b"7", b"0")),
            mode=_number(block[100:108]),
            size=_number(block[124:136]),
            link=_text(block[157:257]),
        )
    except ValueError as error:
        raise HeaderError(f"a header is not known here: {error}") from error


def parse_attributes(content: bytes) -> dict[bytes, bytes]:
    """The attributes of a PAX header: records of their length, a name and a value.

    Raises:
        HeaderError: they are malformed.
    """
    attributes = {}
    while content:
        length = content.partition(b" ")[0]
        if not length.isdigit() or not 0 < int(length) <= len(content):
            raise HeaderError("attributes are malformed")
        record, content = content[: int(length)], content[int(length) :]
        name, _, value = record[len(length) + 1 :].partition(b"=")
        attributes[name] = value.removesuffix(b"\n")
    return attributes


def _render(header: Header) -> bytes:
    size = header.size
    fields = (
        header.name[:_MAX_NAME_BYTES].ljust(100, b"\0"),
        b"%07o\0" % header.mode,
        _NOBODY,
        b"%011o\0" % size if size < _MAX_OCTAL_SIZE else b"\x80" + size.to_bytes(11, "big"),
        b"%011o\0" % int(time.time()),  # GNU tar complains of very old files
        b" " * 8,
        header.kind.value,
        header.link[:_MAX_NAME_BYTES].ljust(100, b"\0"),
        _MAGIC,
    )
    block = b"".join(fields).ljust(BLOCK_BYTES, b"\0")
    return b"%b%06o\0 %b" % (block[:148], sum(block), block[156:])


def _render_long(kind: Kind, text: bytes) -> bytes:
    content = text + b"\0"
    header = Header(name=_LONG, kind=kind, size=len(content))
    return _render(header) + content + bytes(padding(len(content)))


def _name(block: bytes) -> bytes:
    name = _text(block[:100])
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        return prefix + b"/" + name
    return name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    return int(_text(field).strip() or b"0", 8)
