"""UTF-8 to elements, with expat, which knows the exact line of every start tag."""

from __future__ import annotations

from collections.abc import Collection
from xml.parsers import expat

from gplmt.diagnostics import Location
from gplmt.element import Element, Stray
from gplmt.language.values import XML_SPACE

MAX_DEPTH = 200  # nested elements; what walks the model may recurse that deep
_MAX_EXCERPT = 30

_BUFFER_BYTES = 1 << 16


class ParseError(Exception):
    """A document that is no XML, or XML that is refused; `at` is the line."""

    def __init__(self, at: Location, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.at = at
        self.problem = problem
        self.hint = hint


class MalformedError(ParseError):
    """A document that is not well-formed."""


def parse(content: bytes, *, name: str, text_elements: Collection[str]) -> Element:
    """The root element of a document in UTF-8, whatever its XML declaration says.

    Raises:
        ParseError: the document has a DOCTYPE, or is nested too deeply.
        MalformedError: the document is not well-formed.
    """
    return _Parser(name, text_elements).parse(content)


class _Parser:
    """Builds elements at their end tags; those that are open wait on a stack."""

    def __init__(self, name: str, text_elements: Collection[str]) -> None:
        self._name = name
        self._text_elements = text_elements
        self._siblings: list[Element] = []
        self._open: list[tuple[str, Location, dict[str, str], list[Element]]] = []
        self._strays: dict[int, Stray] = {}  # by depth
        self._kept: dict[int, str] = {}  # text before a child, where text may stand; by depth
        self._texts: list[str] = []
        self._expat = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.buffer_size = _BUFFER_BYTES
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._texts.append
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._comment
        parser.StartDoctypeDeclHandler = self._refuse_doctype

    def parse(self, content: bytes) -> Element:
        try:
            self._expat.Parse(content, True)
        except expat.ExpatError as error:
            at = Location(self._name, error.lineno)
            raise MalformedError(at, expat.ErrorString(error.code)) from None
        return self._siblings[0]

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._texts:
            self._put_text_aside()
        at = Location(self._name, self._expat.CurrentLineNumber)
        if len(self._open) >= MAX_DEPTH:
            raise ParseError(at, f"elements are nested more than {MAX_DEPTH} deep")
        self._open.append((tag, at, attributes, self._siblings))
        self._siblings = []

    def _end(self, tag: str) -> None:
        text = ""
        if self._texts:
            if tag in self._text_elements:
                text = "".join(self._texts)
                self._texts.clear()
            else:
                self._put_text_aside()
        stray = None
        if self._kept or self._strays:
            depth = len(self._open)
            text = self._kept.pop(depth, "") + text
            stray = self._strays.pop(depth, None)
        _, at, attributes, siblings = self._open.pop()
        siblings.append(Element(tag, at, attributes, self._siblings or (), text, stray))
        self._siblings = siblings

    def _comment(self, *_: str) -> None:
        if self._open and self._open[-1][0] not in self._text_elements:
            self._put_text_aside()

    def _put_text_aside(self) -> None:
        """Drop the text before a tag; where it may not stand, note what is more than space."""
        texts = self._texts
        if len(texts) == 1 and not texts[0].strip(XML_SPACE):
            texts.clear()
            return
        text = "".join(texts)
        texts.clear()
        if self._open and self._open[-1][0] in self._text_elements:
            self._kept.setdefault(len(self._open), text)  # one such text is enough: it is refused
            return
        stray = text.lstrip(XML_SPACE)
        if stray and len(self._open) not in self._strays:
            line = self._expat.CurrentLineNumber - stray.count("\n")
            excerpt = stray.split("\n", 1)[0][:_MAX_EXCERPT].rstrip(XML_SPACE)
            self._strays[len(self._open)] = Stray(Location(self._name, line), excerpt)

    def _refuse_doctype(self, *_: object) -> None:
        at = Location(self._name, self._expat.CurrentLineNumber)
        raise ParseError(at, "a DOCTYPE is not allowed", "remove it")
