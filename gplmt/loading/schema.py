"""Validation against RELAX NG with libxml2, whose words are a last resort."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from lxml import etree
from msgspec import Struct

import gplmt
from gplmt.diagnostics import Location
from gplmt.loading.files import read_file
from gplmt.loading.parsing import ParseError

_NAME = "gplmt.rng"
_MAX_COMPLAINTS = 20


class Complaint(Struct, frozen=True):
    """What libxml2 says; `path` leads to the element as an XPath, `line` is where its tag ends."""

    line: int
    path: str
    problem: str
    hint: str | None = None


class Schema:
    """A RELAX NG schema, ready to validate."""

    def __init__(self, path: str | None = None) -> None:
        """Read the schema at `path`; None for the one shipped with gplmt.

        Raises:
            ParseError: the file cannot be read, or is no RELAX NG schema.
        """
        shown = path if path is not None else str(shipped_schema())
        try:
            source = etree.fromstring(read_file(shown), _parser(), base_url=shown)
            self._validator = etree.RelaxNG(source)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            problem = f"cannot read the schema: {(reason or str(error)).lower()}"
            raise ParseError(Location(shown, 0), problem) from None
        except (etree.XMLSyntaxError, etree.RelaxNGError) as error:
            at = Location(shown, getattr(error, "lineno", None) or 0)
            raise ParseError(at, f"no RELAX NG schema: {_one_line(str(error))}") from None

    def complaints(self, content: bytes) -> list[Complaint]:
        """What does not fit the schema in a document in UTF-8, which holds no DOCTYPE."""
        try:
            root = etree.fromstring(content, _parser())
        except etree.XMLSyntaxError as error:
            from gplmt.loading.malformed import plain  # only a faulty document pays for it

            return [Complaint(error.lineno or 0, "", *plain(_one_line(error.msg or "")))]
        if self._validator.validate(root):
            return []
        return [
            Complaint(
                entry.line, entry.path or "", f"the schema refuses this: {_one_line(entry.message)}"
            )
            for entry in islice(self._validator.error_log, _MAX_COMPLAINTS)
        ]


def syntax_complaint(content: bytes) -> str | None:
    """What libxml2 says of a document in UTF-8 that another parser has refused.

    None where it would have to read a DOCTYPE to tell, or finds nothing wrong.
    """
    if b"<!" in content.replace(b"<!--", b"").replace(b"<![CDATA[", b""):
        return None
    parser = _parser()
    try:
        etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        fatal = [entry for entry in parser.error_log if entry.level == etree.ErrorLevels.FATAL]
        return _one_line(fatal[0].message) if fatal else None
    return None


def shipped_schema() -> Path:
    """The schema in an installed package, else in a checkout."""
    package = Path(gplmt.__file__).parent
    installed = package / "schema" / _NAME
    return installed if installed.exists() else package.parent / "schema" / _NAME


def _parser() -> etree.XMLParser:
    """A parser for documents that are known to be without DOCTYPE, and not deep.

    `huge_tree` lifts the limit on the length of a text, as a command may be of any length.
    """
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
    )


def _one_line(message: str) -> str:
    """A message of libxml2 as the first words of one line."""
    return " ".join(message.split()).split(", line ")[0]
