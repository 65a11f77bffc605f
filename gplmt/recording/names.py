"""Names of files and directories that come from names of an experiment."""

from __future__ import annotations

import re
import zlib

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


def legible_name(text: str, *, max_bytes: int) -> str:
    """`text` as part of the name of a file, odd characters replaced by `_`."""
    name = _UNSAFE.sub("_", text)[:max_bytes]
    return "_" + name[1:] if name[:1] in ("", ".", "-") else name


def safe_name(text: str, *, max_bytes: int) -> str:
    """`text` as the name of a file: itself where it obeys LANGUAGE.md 2.1 and is short enough.

    Different texts have different names: a checksum tells apart those that had to be changed.
    """
    name = legible_name(text, max_bytes=max_bytes)
    if name == text:
        return name
    checksum = f"~{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"
    return name[: max_bytes - len(checksum)] + checksum
