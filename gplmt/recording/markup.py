"""XML as text: elements with indentation, escaped so that reading gives the same values again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

INDENT = "  "
_MAX_DAYS_AS_SECONDS = 100_000  # as far as a float holds them exactly
_SPECIAL = re.compile(r'[&<>"\r\n\t]')
_ENTITIES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\r": "&#13;",
    "\n": "&#10;",
    "\t": "&#9;",
}
_SPECIAL_IN_TEXT = re.compile(r"[&<>\r]")

Attribute = tuple[str, str | None]


def element(
    pad: str, tag: str, attributes: Sequence[Attribute] = (), children: Sequence[str] = ()
) -> list[str]:
    """The lines of an element; `children` are lines already, an attribute of None is left out."""
    head = f"{pad}<{tag}{_written(attributes)}"
    if not children:
        return [f"{head}/>"]
    return [f"{head}>", *children, f"{pad}</{tag}>"]


def text_element(pad: str, tag: str, text: str, attributes: Sequence[Attribute] = ()) -> list[str]:
    """The lines of an element that holds a text, which nothing is added to."""
    if _SPECIAL_IN_TEXT.search(text):
        text = _SPECIAL_IN_TEXT.sub(lambda match: _ENTITIES[match[0]], text)
    return [f"{pad}<{tag}{_written(attributes)}>{text}</{tag}>"]


def comment(pad: str, text: str) -> str:
    """The line of a comment; `text` has no `--`."""
    return f"{pad}<!-- {text} -->"


def duration(length: timedelta | None) -> str | None:
    """An xsd:duration."""
    if length is None:
        return None
    days, rest = length.days, length.seconds
    if not length.microseconds and days < _MAX_DAYS_AS_SECONDS:
        days, rest = 0, days * 86_400 + rest
    seconds = f"{rest}.{length.microseconds:06}".rstrip("0").rstrip(".")
    return f"P{days}DT{seconds}S" if days else f"PT{seconds}S"


def date_time(moment: datetime) -> str:
    """An xsd:dateTime, in the zone that it has if that can be written.

    Before there were time zones, places were ahead by odd seconds.
    """
    offset = moment.utcoffset()
    is_odd = offset is not None and offset % timedelta(minutes=1)
    return (moment.astimezone(UTC) if is_odd else moment).isoformat()


def number(value: float | None) -> str | None:
    """A number as a person would write it: without exponent and needless zeros."""
    if value is None:
        return None
    return str(int(value)) if value == int(value) else f"{Decimal(repr(value)):f}"


def flag(value: bool, *, default: bool) -> str | None:
    """An xsd:boolean, None where the default says the same."""
    if value is default:
        return None
    return "true" if value else "false"


def _written(attributes: Sequence[Attribute]) -> str:
    return "".join(
        [f' {name}="{_escaped(value)}"' for name, value in attributes if value is not None]
    )


def _escaped(value: str) -> str:
    if not _SPECIAL.search(value):
        return value
    return _SPECIAL.sub(lambda match: _ENTITIES[match[0]], value)
