"""How the list of runs looks, to people and to programs; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from gplmt.recording.plain_text import in_one_line
from gplmt.reporting.durations import clock_time
from gplmt.reporting.runs import Entry
from gplmt.reporting.text_paint import cut, painted, width_of

_GAP = "  "
_LEAST_DESCRIPTION = 10
_DROPPED_FIRST = ("description", "started", "duration")


class _Row(NamedTuple):
    """The cells of a run."""

    run: str
    started: str
    duration: str
    outcome: str
    description: str


_HEADER = _Row("run", "started", "duration", "outcome", "description")


def render_json(runs: Sequence[Entry]) -> str:
    """An array with an object for each run; without a last newline."""
    return msgspec.json.format(msgspec.json.encode(runs)).decode()


def render_table(
    runs: Sequence[Entry], *, now: datetime, width: int | None = None, has_colour: bool = False
) -> str:
    """A line for each run, below a header; without a last newline.

    With a `width` lines fit: the description is cut first, then columns are left out, the run's
    id and its outcome last.  Times are local.
    """
    rows = [_HEADER, *(_row(run, now) for run in runs)]
    layout = _Layout(rows, width)
    return "\n".join(layout.line(row, has_colour=has_colour) for row in rows)


class _Layout:
    """Which columns are shown, and how wide they are."""

    def __init__(self, rows: Sequence[_Row], width: int | None) -> None:
        self._widths = {
            name: max(width_of(cell) for cell in cells)
            for name, cells in zip(_Row._fields, zip(*rows, strict=True), strict=True)
        }
        if not any(row.description for row in rows[1:]):
            del self._widths["description"]
        if width is not None:
            self._fit(width)

    def line(self, row: _Row, *, has_colour: bool) -> str:
        """A line, with nothing behind its last word."""
        cells = list(self._cells(row))
        while cells and not cells[-1][1].strip():
            cells.pop()
        if cells:
            name, text = cells[-1]
            cells[-1] = name, text.rstrip()
        texts = [
            painted(text, text.strip()) if _is_painted(name) and has_colour else text
            for name, text in cells
        ]
        return _GAP.join(texts)

    def _cells(self, row: _Row) -> Iterator[tuple[str, str]]:
        for name, width in self._widths.items():
            text = cut(getattr(row, name), width)
            padding = " " * (width - width_of(text))
            yield name, padding + text if name == "duration" else text + padding

    def _fit(self, width: int) -> None:
        for name in _DROPPED_FIRST:
            excess = self._total() - width
            if excess <= 0 or name not in self._widths:
                continue
            if name == "description" and self._widths[name] - excess >= _LEAST_DESCRIPTION:
                self._widths[name] -= excess
            else:
                del self._widths[name]
        excess = self._total() - width
        if excess > 0:
            self._widths["run"] = max(1, self._widths["run"] - excess)

    def _total(self) -> int:
        return sum(self._widths.values()) + len(_GAP) * (len(self._widths) - 1)


def _is_painted(name: str) -> bool:
    return name == "outcome"


def _row(run: Entry, now: datetime) -> _Row:
    seconds = run.seconds
    if run.running:
        seconds = (now - run.started).total_seconds()
    return _Row(
        run=in_one_line(run.run_id),
        started=f"{run.started.astimezone():%Y-%m-%d %H:%M:%S}",
        duration="" if seconds is None else _duration(seconds),
        outcome="running" if run.running else run.outcome.value,
        description=in_one_line(run.description or ""),
    )


def _duration(seconds: float) -> str:
    return f"{max(seconds, 0.0):.1f} s" if seconds < 60 else clock_time(timedelta(seconds=seconds))
