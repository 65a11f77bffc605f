"""What the builders of one document share: where faults go, and what they could not build."""

from __future__ import annotations

from msgspec.structs import replace

from gplmt.diagnostics import Faults
from gplmt.element import Element
from gplmt.language.values import XML_SPACE

REFERENCES = ("tasklist", "targets", "cleanup")
_ALL_REFERENCES = (*REFERENCES, "ref")  # which makes a target a member


class Context:
    """The state of building one document.

    What the structure refused is remembered, so that it causes no follow-on diagnostics
    (LANGUAGE.md 1.5): names that a dropped element would have defined, names that it mentions,
    and whether a definition without a name, a use without a reference, or a variable without a
    name was dropped.
    """

    def __init__(self, faults: Faults, directory: str) -> None:
        self.faults = faults
        self.directory = directory
        self.dropped_names: set[str] = set()
        self.mentioned_names: set[str] = set()
        self.has_nameless_target = False
        self.has_nameless_tasklist = False
        self.has_blank_reference = False
        self.has_nameless_variable = False

    def may_define_target(self, name: str) -> bool:
        """Whether an element that could not be built may have defined this target."""
        return self.has_nameless_target or name in self.dropped_names

    def may_define_tasklist(self, name: str) -> bool:
        """Whether an element that could not be built may have defined this tasklist."""
        return self.has_nameless_tasklist or name in self.dropped_names

    @property
    def may_define_more(self) -> bool:
        """Whether some definition could not be built, or not by its name."""
        nameless = self.has_nameless_target or self.has_nameless_tasklist
        return nameless or bool(self.dropped_names)

    def note_bad_name(self, element: Element) -> str:
        """What a definition is called whose name is no name; empty for not at all.

        Who mentions it means it, and nothing is said of it being unused.
        """
        name = element.attributes.get("name", "").strip(XML_SPACE)
        self.mentioned_names.add(name)
        return name

    def mention(self, reference: str) -> None:
        """Note names that something refers to which is not looked up."""
        self.mentioned_names.update(reference.split())

    def without_references(self, element: Element) -> Element:
        """An element, and what is in it, without what it refers to; that is noted."""
        kept = {name: text for name, text in element.attributes.items() if name not in REFERENCES}
        unread = frozenset(element.attributes.keys() - kept.keys())
        for name in unread:
            self.mention(element.attributes[name])
        children = [self.without_references(child) for child in element.children]
        return replace(element, attributes=kept, children=children, unread=unread)

    def remember(self, dropped: Element) -> None:
        """Note what an element that is left out names."""
        if name := dropped.attributes.get("name"):
            self.dropped_names.add(name.strip(XML_SPACE))
        for reference in _ALL_REFERENCES:
            self.mention(dropped.attributes.get(reference, ""))
        self.has_nameless_variable |= "var" in dropped.attributes
        for child in dropped.children:
            self.remember(child)
