"""What the live view shows at one moment, as rows of words; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from gplmt.recording.footer import FooterLine
from gplmt.recording.plain_text import in_one_line
from gplmt.recording.progress import shown_parameters
from gplmt.reporting.durations import clock_time, estimated_end
from gplmt.reporting.glimpse import Glimpse, LoopStanding, StepStanding, TargetState, WorkStanding
from gplmt.reporting.palette import Palette, Piece, Row

_MOST_ROWS = 24
_LEAST_ROWS = 3
_WIDE_FROM_COLUMNS = 70  # on others there is no place for bars, nor for where things stand
_BAR_WIDTH = 20
_MOST_LOOPS = 3
_MOST_FAILURES = 3
MOST_WORK = 12
_WIDEST_COLUMN = 30
_STATES = (  # exceptions first, as a narrow terminal cuts what comes last
    TargetState.FAILED,
    TargetState.LOST,
    TargetState.RUNNING,
    TargetState.WAITING,
    TargetState.OK,
    TargetState.STOPPED,
)


class Screen:
    """Draws glimpses for a terminal of some size; `last_line` gives a target's last output."""

    def __init__(self, palette: Palette, last_line: Callable[[str], str]) -> None:
        self._palette = palette
        self._last_line = last_line

    def draw(self, glimpse: Glimpse, *, now: datetime, columns: int, rows: int) -> list[FooterLine]:
        """The lines to show; at most half of the terminal, as the output is there to be read."""
        is_wide = columns >= _WIDE_FROM_COLUMNS
        most = min(_MOST_ROWS, max(_LEAST_ROWS, rows // 2))
        shown: list[Row] = [self._head(glimpse, now, is_wide=is_wide), _targets(glimpse.targets)]
        part = max(1, (most - len(shown)) // 4)
        loops = glimpse.loops[: min(_MOST_LOOPS, part)]
        shown += [self._loop(loop, now, is_wide=is_wide) for loop in loops]
        shown += _steps(glimpse.steps, now, part, is_wide=is_wide)
        shown += _failures(glimpse, min(_MOST_FAILURES, part))
        work = glimpse.work[: max(0, most - len(shown))]
        shown += _aligned([self._work(each, now) for each in work], padded=3)
        # The last column stays free: some terminals wrap when it is written to.
        return [self._palette.line(row, columns - 1) for row in shown[:most]]

    def _head(self, glimpse: Glimpse, now: datetime, *, is_wide: bool) -> Row:
        yield glimpse.experiment, "title"
        yield f"  {clock_time(now - glimpse.began)}", ""
        done, total = glimpse.step_ends.total(), glimpse.step_total
        if is_wide and total:
            yield "  ", ""
            yield from self._palette.bar(done / total, _BAR_WIDTH)
        yield f"  steps: {done}{'' if total is None else f' of {total}'}", ""
        for word in ("failed", "stopped", "skipped"):
            if count := glimpse.step_ends[word]:
                yield ", ", ""
                yield f"{count} {word}", word
        if glimpse.signal_count:
            yield "  ending; Ctrl-C once more kills what runs", "signal"
        elif glimpse.planned_end is not None:
            yield f"  at most {clock_time(glimpse.planned_end - now)} left", "faint"

    def _loop(self, loop: LoopStanding, now: datetime, *, is_wide: bool) -> Row:
        yield loop.name, "title"
        if is_wide:
            yield f"  {loop.at}", "faint"
        if is_wide and loop.count:
            yield "  ", ""
            yield from self._palette.bar(loop.done / loop.count, _BAR_WIDTH)
        total = "" if loop.count is None else f" of {loop.count}"
        yield f"  {loop.done}{total} done", ""
        if parameters := shown_parameters(loop.parameters):
            yield f"  {in_one_line(parameters)}", ""
        if loop.planned_end is not None:
            yield f"  {clock_time(loop.planned_end - now)} left", "faint"
        else:
            end = estimated_end(began=loop.began, now=now, done=loop.done, count=loop.count)
            if end is not None:
                yield f"  about {clock_time(end - now)} left", "faint"

    def _work(self, work: WorkStanding, now: datetime) -> Sequence[Piece]:
        return [
            (work.target, "running"),
            (work.task, ""),
            (clock_time(now - work.began), ""),
            (self._last_line(work.target), "faint"),
        ]


def _targets(counts: Mapping[TargetState, int]) -> Row:
    yield "targets:", ""
    yield from _states(counts)


def _states(counts: Mapping[TargetState, int]) -> Iterator[Piece]:
    separator = " "
    for state in _STATES:
        if count := counts.get(state, 0):
            yield separator, ""
            yield f"{count} {state.value}", state.value
            separator = ", "


def _step(step: StepStanding, now: datetime, *, is_wide: bool) -> Sequence[Piece]:
    round_ = f" [{step.iteration}]" if step.iteration else ""
    pieces: list[Piece] = [(f"{step.name}{round_}", "title")]
    if is_wide:
        pieces += [(step.tasklist, ""), (step.at, "faint")]
    if step.began is None:
        if step.planned_start is not None and step.planned_start > now:
            pieces.append((f"starts in {clock_time(step.planned_start - now)}", "waiting"))
        return pieces
    pieces.append((clock_time(now - step.began), ""))
    pieces += _states(step.targets)
    if step.planned_stop is not None:
        pieces.append((f"  stops in {clock_time(step.planned_stop - now)}", "faint"))
    if step.is_background:
        pieces.append(("  in the background", "faint"))
    return pieces


def _steps(
    steps: Sequence[StepStanding], now: datetime, most: int, *, is_wide: bool
) -> Iterator[Row]:
    rows = [_step(step, now, is_wide=is_wide) for step in steps[:most]]
    yield from _aligned(rows, padded=4 if is_wide else 2)
    if (more := len(steps) - most) > 0:
        yield [(f"and {more} more {'steps' if more > 1 else 'step'}", "faint")]


def _failures(glimpse: Glimpse, most: int) -> Iterator[Row]:
    shown = glimpse.failures[-most:]
    if (more := glimpse.failure_count - len(shown)) > 0:
        yield [(f"{more} more {'failures' if more > 1 else 'failure'} before these:", "failed")]
    for failure in shown:
        yield [(in_one_line(f"{failure.at}: {failure.what}"), "failed")]


def _aligned(rows: Sequence[Sequence[Piece]], *, padded: int) -> Iterator[Row]:
    """Rows whose first pieces stand below each other."""
    widths = [
        min(_WIDEST_COLUMN, max(len(row[rank][0]) for row in rows if len(row) > rank))
        for rank in range(min(padded, max(map(len, rows), default=0)))
    ]
    for row in rows:
        pieces: list[Piece] = [("  ", "")]
        for rank, (text, style) in enumerate(row):
            pieces.append((text, style))
            if rank < len(widths):
                pieces.append((" " * (max(0, widths[rank] - len(text)) + 2), ""))
        yield pieces
