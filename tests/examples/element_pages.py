"""The pages in `docs/reference/elements/`, taken apart."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.examples.running import ROOT

DIRECTORY = "docs/reference/elements"
KINDS_OF_TARGETS = {"target-local", "target-ssh", "target-group", "target-planetlab"}

_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_ITEM = re.compile(
    r"^- \*\*(?P<label>\w+)[:,](?P<text>.*?)(?=^- \*\*|\n\n)", re.DOTALL | re.MULTILINE
)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
_PAGE = re.compile(r"([\w-]+)\.md")
_TABLE = re.compile(
    r"^\| attribute \| type \| default \| meaning \|\n\|[-|]+\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE
)
_VALUE_DEFAULT = re.compile(r"^No attributes\. Default: (.*)\.$", re.MULTILINE)


class Row(NamedTuple):
    """What a page says of an attribute, without marks and links."""

    type: str
    default: str


class ElementPage(NamedTuple):
    """A page: its headings, what its list says, and its table of attributes."""

    name: str
    text: str

    @property
    def headings(self) -> list[str]:
        """All headings, in order."""
        return _HEADING.findall(self.text)

    @property
    def attributes(self) -> dict[str, Row]:
        """What the table says of each attribute."""
        table = _TABLE.search(self.text)
        lines = table["rows"].splitlines() if table else []
        cells = [[_plain(cell) for cell in line.strip("|").split("|")] for line in lines]
        assert len({attribute for attribute, *_ in cells}) == len(cells)
        return {attribute: Row(kind, default) for attribute, kind, default, _ in cells}

    @property
    def value_default(self) -> str | None:
        """The default of an element that holds a value."""
        match = _VALUE_DEFAULT.search(self.text)
        return _plain(match[1]) if match else None

    def item(self, label: str) -> str:
        """What stands in the list at the top under this label."""
        return next(match["text"] for match in _ITEM.finditer(self.text) if match["label"] == label)

    def elements_in(self, label: str) -> set[str]:
        """The elements that an item of the list links to; all kinds of targets are targets."""
        paths = [path for _, path in _LINK.findall(self.item(label))]
        names = {match[1] for path in paths if (match := _PAGE.fullmatch(path))}
        return {"target" if name in KINDS_OF_TARGETS else name for name in names}


def element_pages() -> dict[str, ElementPage]:
    """All pages, by name; the list of them is none."""
    paths = [path for path in (ROOT / DIRECTORY).glob("*.md") if path.stem != "README"]
    return {path.stem: ElementPage(path.stem, path.read_text()) for path in sorted(paths)}


def types_told() -> set[str]:
    """The types that the list of elements explains."""
    text = (ROOT / DIRECTORY / "README.md").read_text()
    _, _, types = text.partition("## Types")
    return set(re.findall(r"^\| ([\w ]+?) \|", types, re.MULTILINE)) - {"type"}


def _plain(cell: str) -> str:
    return _LINK.sub(r"\1", cell).replace("`", "").strip()
