"""Tracks of a trace: where slices go, so that those on one track lie one in another or apart."""

from __future__ import annotations

from heapq import heappop, heappush

from msgspec import Struct


class Slice(Struct):
    """Where something stands in a trace; times in microseconds from its start."""

    number: int
    begin: int
    end: int
    track: int


class Tracks:
    """The tracks of one process of a trace, numbered from 1.

    A slice goes onto its parent's track if no brother is there at that time, else onto the first
    track that is free.  Slices are placed in the order in which they begin.
    """

    def __init__(self) -> None:
        self.count = 0
        self._slices: dict[int, Slice] = {}
        self._open: dict[int, list[Slice]] = {}  # what each track is in, from the outermost
        self._free: list[int] = []
        self._busy: list[tuple[int, int]] = []  # until when, which

    def place(self, number: int, parent: int | None, *, begin: int, end: int) -> Slice:
        """Find a track; times are cut to those of the parent, if that is of this process."""
        around = None if parent is None else self._slices.get(parent)
        if around is not None:
            begin = min(max(begin, around.begin), around.end)
            end = min(end, around.end)
        end = max(begin, end)
        track = self._track_in(around, begin) if around is not None else None
        placed = Slice(number, begin, end, track or self._free_track(begin, end))
        self._open[placed.track].append(placed)
        self._slices[number] = placed
        return placed

    def _track_in(self, around: Slice, begin: int) -> int | None:
        """The track of the parent, if it is in nothing but that."""
        inside = self._open[around.track]
        while inside[-1] is not around and inside[-1].end <= begin:
            inside.pop()
        return around.track if inside[-1] is around else None

    def _free_track(self, begin: int, end: int) -> int:
        while self._busy and self._busy[0][0] <= begin:
            heappush(self._free, heappop(self._busy)[1])
        if self._free:
            track = heappop(self._free)
        else:
            self.count += 1
            track = self.count
        self._open[track] = []
        heappush(self._busy, (end, track))
        return track
