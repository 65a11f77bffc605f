"""What to say of a document that is no well-formed XML, in plainer words than libxml2's."""

from __future__ import annotations

import re

_PLAIN = tuple(
    (re.compile(pattern), problem, hint)
    for pattern, problem, hint in (
        (
            r"Opening and ending tag mismatch: (\S+) line (\d+) and (\S+)",
            r"<\1> of line \2 is closed by </\3>",
            None,
        ),
        (r"Premature end of data in tag (\S+) line (\d+)", r"<\1> of line \2 is not closed", None),
        (r"Couldn't find end of Start Tag (\S+)", r"the tag <\1 has no end", None),
        (
            r"xmlParseEntityRef: no name|EntityRef: expecting ';'",
            "'&' stands for no character",
            "write '&amp;' for '&' itself",
        ),
        (r"Entity '(.*?)' not defined", r"'&\1;' is not known", "write the character itself"),
        (
            r"StartTag: invalid element name|Unescaped '<' not allowed in attributes values",
            "'<' begins no tag",
            "write '&lt;' for '<' itself",
        ),
        (r"AttValue: ", "the value of an attribute is not in quotes", None),
        (r"Attribute (\S+) redefined", r"the attribute '\1' stands twice in a tag", None),
        (r"CData section not finished", "a CDATA section is not closed", None),
        (r"Document is empty", "the file is empty", None),
        (r"Start tag expected", "the file does not begin with a tag", None),
        (r"Extra content at the end", "something follows after the root element", None),
        (
            r"(?s).*(?i:invalid char|invalid xmlChar|Char 0x)",
            "a character that XML does not allow",
            "remove it",
        ),
    )
)


def plain(complaint: str) -> tuple[str, str | None]:
    """What is wrong, and what to do, from what libxml2 or expat says of it."""
    for pattern, problem, hint in _PLAIN:
        match = pattern.match(complaint)
        if match is not None:
            return f"not well-formed XML: {match.expand(problem)}", hint
    is_word = complaint[1:2].islower()  # not an abbreviation
    words = complaint[:1].lower() + complaint[1:] if is_word else complaint
    return f"not well-formed XML: {words}", None
