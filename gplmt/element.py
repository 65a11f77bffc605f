"""Element: an XML element as builders read it, with its place and typed getters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from gplmt.diagnostics import Faults, Location

T = TypeVar("T")


class Stray(Struct, frozen=True, gc=False):
    """Text where only elements may stand; `excerpt` is how it begins."""

    at: Location
    excerpt: str


class Element(Struct, frozen=True, gc=False):
    """An XML element; comments and processing instructions have left no trace.

    `at` is the line where the start tag begins. `text` is verbatim, the text of an element that
    holds nothing but text; white space between elements is not kept.  `unread` are attributes that
    are there in some form which nobody shall look into.
    """

    tag: str
    at: Location
    attributes: Mapping[str, str]
    children: Sequence[Element] = ()
    text: str = ""
    stray: Stray | None = None
    unread: frozenset[str] = frozenset()

    def find(self, path: str) -> Element | None:
        """The element at an XPath from the root like `/experiment/steps/step[3]`, or None."""
        found: Element | None = None
        siblings: Sequence[Element] = (self,)
        for part in path.removeprefix("/").split("/"):
            tag, _, position = part.partition("[")
            same = [child for child in siblings if child.tag == tag]
            index = int(position[:-1]) - 1 if position else 0
            if not 0 <= index < len(same):
                return None
            found, siblings = same[index], same[index].children
        return found

    def value(self, name: str, parse: Callable[[str], T], faults: Faults) -> T | None:
        """What an attribute means; None if it is absent, or wrong, which `faults` then tells.

        `parse` raises `ValueError` with a message for the user.
        """
        text = self.attributes.get(name)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            faults.error(self.at, f"attribute '{name}' of <{self.tag}>: {error}")
            return None

    def content(self, parse: Callable[[str], T], faults: Faults) -> T | None:
        """What the text means, as for `value`."""
        try:
            return parse(self.text)
        except ValueError as error:
            faults.error(self.at, f"<{self.tag}>: {error}")
            return None
