"""The values that attributes and elements hold, as text and as what the text means.

Every parser raises `ValueError` with a message for the user: what was expected, in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum

XML_SPACE = " \t\r\n"  # what does not count around a value (1.3)
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NAME_MAX_CHARACTERS = 100
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
STOP_SIGNALS = ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "KILL")
_READ_ONLY_VARIABLES = frozenset(
    ("UID", "EUID", "PPID", "SHELLOPTS", "BASHOPTS", "BASH_VERSINFO", "BASHPID", "GROUPS")
)
_BUILT_IN_PREFIX = "GPLMT_"
# The digits of XML Schema are those of ASCII.
_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_XSD_DURATION = re.compile(
    r"-?P(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?",
    re.ASCII,
)
_DATETIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?P<fraction>\d+))?(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?",
    re.ASCII,
)
_RANGE = re.compile(r"([+-]?\d+):([+-]?\d+)(?::([+-]?\d+))?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)


class OnError(Enum):
    """What the failure of a tasklist stops besides itself (LANGUAGE.md 7.1)."""

    STOP_TASKLIST = "stop-tasklist"
    STOP_STEP = "stop-step"
    STOP_EXPERIMENT = "stop-experiment"
    CONTINUE = "continue"


class HostKeyChecking(Enum):
    """What to do with a host key that is not known (LANGUAGE.md 4.2)."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"
    OFF = "off"


def parse_name(text: str) -> str:
    """A name of a target, tasklist, step or task (LANGUAGE.md 2.1)."""
    name = text.strip(XML_SPACE)
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a name; write letters, digits and _ . - (not first: . -)"
        )
    if len(name) > NAME_MAX_CHARACTERS:
        raise ValueError(
            f"the name {name[:20]}... is too long; at most {NAME_MAX_CHARACTERS} characters"
        )
    return name


def parse_variable(text: str) -> str:
    """The name of an environment variable that an experiment may set (LANGUAGE.md 5.1)."""
    name = text.strip(XML_SPACE)
    if not VARIABLE.fullmatch(name):
        raise ValueError(f"{name!r} is not a variable name; write letters, digits and _")
    if name.startswith(_BUILT_IN_PREFIX):
        raise ValueError(f"the variable {name} is gplmt's own; choose a name without GPLMT_")
    if name in _READ_ONLY_VARIABLES:
        raise ValueError(f"the variable {name} is read-only in shells; choose another name")
    return name


def parse_boolean(text: str) -> bool:
    """An xsd:boolean."""
    match text.strip(XML_SPACE):
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise ValueError(f"{text.strip(XML_SPACE)!r} is neither 'true' nor 'false'")


def parse_integer(text: str, *, least: int, most: int | None = None) -> int:
    """A whole number from `least` to `most`."""
    number = int(text) if _INTEGER.fullmatch(text.strip(XML_SPACE)) else None
    if number is not None and number >= least and (most is None or number <= most):
        return number
    expected = f"from {least} to {most}" if most is not None else f"of at least {least}"
    raise ValueError(f"{text.strip(XML_SPACE)!r} is not a whole number {expected}")


def parse_port(text: str) -> int:
    """A TCP port."""
    return parse_integer(text, least=1, most=65535)


def parse_statuses(text: str) -> tuple[int, ...]:
    """Exit statuses separated by white space."""
    statuses = tuple(parse_integer(word, least=0, most=255) for word in text.split())
    if not statuses:
        raise ValueError("no exit status given; write one or several numbers from 0 to 255")
    return statuses


def parse_stop_signal(text: str) -> str:
    """A signal's name without SIG."""
    name = text.strip(XML_SPACE)
    if name not in STOP_SIGNALS:
        raise ValueError(f"{name!r} is not a signal to stop with; write {_one_of(STOP_SIGNALS)}")
    return name


def parse_duration(text: str) -> timedelta:
    """An xsd:duration of days, hours, minutes and seconds.

    Years and months have no fixed length, so they are refused (LANGUAGE.md 12.3).
    """
    word = text.strip(XML_SPACE)
    match = _DURATION.fullmatch(word)
    if match is None or word.endswith(("P", "T")):
        raise ValueError(_duration_fault(word))
    try:
        return timedelta(
            **{unit: float(number) for unit, number in match.groupdict().items() if number}
        )
    except OverflowError:
        raise ValueError(f"the duration {word!r} is too long") from None


def parse_positive_duration(text: str) -> timedelta:
    """A duration that is longer than nothing."""
    duration = parse_duration(text)
    if not duration:
        raise ValueError(f"the duration {text.strip(XML_SPACE)!r} is zero; it must be longer")
    return duration


def parse_datetime(text: str) -> datetime:
    """An xsd:dateTime, aware; local time if it names no zone (LANGUAGE.md 8.2)."""
    word = text.strip(XML_SPACE)
    match = _DATETIME.fullmatch(word)
    example = "write one like '2027-01-31T18:00:00' or '2027-01-31T17:00:00Z'"
    if match is None:
        raise ValueError(f"{word!r} is not a date and time; {example}")
    if fraction := match["fraction"]:  # fromisoformat takes six digits at most
        word = word.replace(f".{fraction}", f".{fraction[:6]:<06}", 1)
    try:
        return datetime.fromisoformat(word).astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{word!r} is not a date and time that exists; {example}") from None


def parse_list(text: str) -> Sequence[str] | range:
    """The elements of a loop's list: words, or the integers of `FIRST:LAST[:STEP]`, inclusive.

    A range stays a `range`, so that a long one costs nothing.
    """
    words = text.split()
    match = _RANGE.fullmatch(words[0]) if len(words) == 1 else None
    if match is None:
        return tuple(words)
    if not all(_INTEGER.fullmatch(bound) for bound in match.groups("1")):
        raise ValueError(f"the range {text.strip(XML_SPACE)!r} has a number of more than 18 digits")
    first, last, step = int(match[1]), int(match[2]), int(match[3] or 1)
    if step == 0:
        raise ValueError(f"the range {text.strip(XML_SPACE)!r} has a step of 0")
    return range(first, last + (1 if step > 0 else -1), step)


def in_words(duration: timedelta | None) -> str:
    """A duration for people: `1 h 30 min`, `2.5 s`; None is no limit."""
    if duration is None:
        return "no limit"
    minutes, seconds = divmod(duration.total_seconds(), 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (round(seconds, 3), "s")]
    return " ".join(f"{number:g} {unit}" for number, unit in parts if number) or "0 s"


def _one_of(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + " or " + words[-1]


def _duration_fault(word: str) -> str:
    example = "write one like 'PT30S', 'PT1H30M' or 'P1D'"
    if not _XSD_DURATION.fullmatch(word) or word.endswith(("P", "T")):
        return f"{word!r} is not a duration; {example}"
    if word.startswith("-"):
        return f"the duration {word!r} is negative; {example}"
    return f"the duration {word!r} has years or months, whose length varies; {example}"
