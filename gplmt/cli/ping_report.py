"""What came of a ping, for people and for programs; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gplmt.protocols import Answer, ClockReading, Pinged

_GAP = "  "
_INDENT = "    "
_LEAST_CHARACTERS = 16
_MAX_CHARACTERS = 2000  # of what a node says
_MAX_DIGITS = 6


class _Entry(Struct, frozen=True, kw_only=True):
    """One object of the JSON; the reference page lists the fields."""

    target: str
    kind: str
    host: str | None = None
    port: int | None = None
    user: str | None = None
    reachable: bool | None
    reason: str | None
    connect_seconds: float | None = None
    round_trip_seconds: float | None = None
    system: str | None = None
    clock_offset_seconds: float | None = None
    clock_uncertainty_seconds: float | None = None
    host_key: str | None = None


class _Row(NamedTuple):
    """The cells of a node that has answered."""

    target: str
    round_trip: str
    clock_offset: str
    system: str


_HEADER = _Row("target", "round trip", "clock offset", "system")


def render_json(pinged: Sequence[Pinged]) -> str:
    """An array with an object for each node; without a last newline."""
    return msgspec.json.format(msgspec.json.encode(list(map(_entry, pinged)))).decode()


def render_table(pinged: Sequence[Pinged], *, width: int | None) -> str:
    """A line for each node, and how many answered; without a last newline.

    With a `width`, lines are cut or continued so that they fit.
    """
    table = _Table(pinged, width)
    lines = [table.line(_HEADER)]
    for each in pinged:
        if each.answer is not None:
            lines.append(table.line(_row(each.node.name, each.answer)))
        else:
            lines += table.failure(each)
    return "\n".join([*lines, "", *_continued(_summary(pinged), width)])


class _Table:
    """How wide the columns are; the last one may be cut."""

    def __init__(self, pinged: Sequence[Pinged], width: int | None) -> None:
        rows = [_HEADER, *(_row(each.node.name, each.answer) for each in pinged if each.answer)]
        self._width = width
        self._name_width = max(len(_HEADER.target), *(len(each.node.name) for each in pinged))
        self._trip_width = max(len(row.round_trip) for row in rows)
        self._offset_width = max(len(row.clock_offset) for row in rows)

    def line(self, row: _Row) -> str:
        """The line of a node that has answered."""
        cells = (
            row.target.ljust(self._name_width),
            row.round_trip.rjust(self._trip_width),
            row.clock_offset.rjust(self._offset_width),
        )
        start = "".join(f"{cell}{_GAP}" for cell in cells)
        return start + (
            row.system if self._width is None else _cut(row.system, self._width - len(start))
        )

    def failure(self, pinged: Pinged) -> list[str]:
        """The lines of a node that has not."""
        name = pinged.node.name.ljust(self._name_width)
        reason = pinged.reason
        text = "interrupted" if reason is None else f"error: {_on_a_line(reason)}"
        return _continued(f"{name}{_GAP}{text}", self._width)


def _summary(pinged: Sequence[Pinged]) -> str:
    answered = sum(each.answer is not None for each in pinged)
    silent = [each.node.name for each in pinged if each.reason is not None]
    unknown = [each.node.name for each in pinged if each.reason is None and each.answer is None]
    parts = [f"{answered} of {len(pinged)} answered"]
    if silent:
        parts.append(f"not: {', '.join(silent)}")
    if unknown:
        parts.append(f"interrupted: {', '.join(unknown)}")
    return "; ".join(parts)


def _row(name: str, answer: Answer) -> _Row:
    return _Row(
        name,
        _duration(answer.round_trip_seconds),
        "unknown" if answer.clock is None else _offset(answer.clock),
        "unknown" if answer.system is None else _on_a_line(answer.system),
    )


def _duration(seconds: float) -> str:
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _offset(clock: ClockReading) -> str:
    """The offset to two digits of its uncertainty."""
    is_small = max(abs(clock.offset_seconds), clock.uncertainty_seconds) < 1
    unit, factor = ("ms", 1000.0) if is_small else ("s", 1.0)
    uncertainty = clock.uncertainty_seconds * factor
    digits = 0 if uncertainty == 0 else 1 - math.floor(math.log10(uncertainty))
    digits = min(max(digits, 0), _MAX_DIGITS)
    offset = round(clock.offset_seconds * factor, digits) + 0.0  # no -0
    return f"{offset:+.{digits}f} ± {uncertainty:.{digits}f} {unit}"


def _continued(line: str, width: int | None) -> list[str]:
    """A line, continued as often as it must be; words, which may be paths, stay whole."""
    if width is None:
        return [line]
    return wrap(
        line,
        width,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cut(text: str, width: int) -> str:
    width = max(width, _LEAST_CHARACTERS)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _on_a_line(text: str) -> str:
    """What others say, harmless for a terminal."""
    line = " ".join(text[:_MAX_CHARACTERS].split())
    return "".join(character if character.isprintable() else "?" for character in line)


def _entry(pinged: Pinged) -> _Entry:
    answer, endpoint, reason = pinged.answer, pinged.endpoint, pinged.reason
    entry = _Entry(
        target=pinged.node.name,
        kind=pinged.node.address.kind,
        reachable=None if answer is None and reason is None else answer is not None,
        reason=None if reason is None else _on_a_line(reason),
    )
    if endpoint is not None:
        entry = replace(entry, host=endpoint.host, port=endpoint.port, user=endpoint.user)
    return entry if answer is None else _with_answer(entry, answer)


def _with_answer(entry: _Entry, answer: Answer) -> _Entry:
    clock = answer.clock
    return replace(
        entry,
        connect_seconds=_rounded(answer.connect_seconds),
        round_trip_seconds=_rounded(answer.round_trip_seconds),
        system=None if answer.system is None else _on_a_line(answer.system),
        clock_offset_seconds=None if clock is None else _rounded(clock.offset_seconds),
        clock_uncertainty_seconds=None if clock is None else _rounded(clock.uncertainty_seconds),
        host_key=answer.host_key,
    )


def _rounded(seconds: float) -> float:
    return round(seconds, _MAX_DIGITS)
