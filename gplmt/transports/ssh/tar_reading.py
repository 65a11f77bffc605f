"""A tar archive, read as it comes."""

from __future__ import annotations

from typing import Protocol

from msgspec.structs import replace

from gplmt.transports.ssh.tar_headers import (
    BLOCK_BYTES,
    Header,
    HeaderError,
    Kind,
    padding,
    parse,
    parse_attributes,
)

_FOR_THE_NEXT = (Kind.LONG_NAME, Kind.LONG_LINK, Kind.ATTRIBUTES, Kind.GLOBAL_ATTRIBUTES)
_MAX_ATTRIBUTE_BYTES = 1 << 20


class Receiver(Protocol):
    """Takes what is in an archive, one thing after another."""

    def begin(self, header: Header) -> None:
        """Something comes, whose `size` bytes of content follow."""
        ...

    def take(self, content: memoryview) -> None:
        """Take a part of the content."""
        ...

    def end(self) -> None:
        """All of its content has come."""
        ...


class ArchiveReader:
    """Reads an archive in pieces of any size; `is_complete` tells that its end has come."""

    def __init__(self, receiver: Receiver) -> None:
        self.is_complete = False
        self._receiver = receiver
        self._data = b""
        self._position = 0
        self._content: int | None = None  # how much of it is still to come
        self._filling = 0
        self._next: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> None:
        """Read the next piece.

        Raises:
            HeaderError: this is no archive, or has in it what is not known here.
        """
        self._data = self._data[self._position :] + data
        self._position = 0
        while not self.is_complete and self._read():
            pass

    def _read(self) -> bool:
        """Read one thing, if all that is needed of it has come."""
        if self._content is not None:
            return self._read_content(self._content)
        if self._filling:
            return self._skip_filling()
        block = self._data[self._position : self._position + BLOCK_BYTES]
        if len(block) < BLOCK_BYTES:
            return False
        if not any(block):
            self.is_complete = True
            return False
        header = parse(block)
        if header.kind in _FOR_THE_NEXT:
            return self._read_attributes(header)
        self._begin(self._completed(header))
        return True

    def _begin(self, header: Header) -> None:
        self._position += BLOCK_BYTES
        self._receiver.begin(header)
        self._content = header.size if header.kind is Kind.FILE else 0
        self._filling = padding(self._content)

    def _read_content(self, remaining: int) -> bool:
        part = memoryview(self._data)[self._position : self._position + remaining]
        self._position += len(part)
        if part:
            self._receiver.take(part)
        if len(part) == remaining:
            self._content = None
            self._receiver.end()
            return True
        self._content = remaining - len(part)
        return False

    def _skip_filling(self) -> bool:
        count = min(self._filling, len(self._data) - self._position)
        self._position += count
        self._filling -= count
        return self._filling == 0

    def _read_attributes(self, header: Header) -> bool:
        """Read what belongs to the next header."""
        if header.size > _MAX_ATTRIBUTE_BYTES:
            raise HeaderError("attributes are too long")
        start = self._position + BLOCK_BYTES
        content = self._data[start : start + header.size]
        if len(content) < header.size:
            return False
        self._position = start + header.size
        self._filling = padding(header.size)
        match header.kind:
            case Kind.LONG_NAME:
                self._next[b"path"] = content.rstrip(b"\0")
            case Kind.LONG_LINK:
                self._next[b"linkpath"] = content.rstrip(b"\0")
            case Kind.ATTRIBUTES:
                self._next.update(parse_attributes(content))
        return True

    def _completed(self, header: Header) -> Header:
        """The header with what was told before it."""
        told, self._next = self._next, {}
        if any(name.startswith(b"GNU.sparse") for name in told):
            raise HeaderError("a file has holes")
        size = told.get(b"size", b"")
        return replace(
            header,
            name=told.get(b"path", header.name),
            link=told.get(b"linkpath", header.link),
            size=int(size) if size.isdigit() else header.size,
        )
