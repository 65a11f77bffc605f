"""What the user reads when a run has ended: failures, steps, time, and where everything is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from gplmt.events import (
    CopiesRemoved,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    Finished,
    LeftoverStopped,
    Outcome,
    Started,
    StepFinished,
    StepReached,
)
from gplmt.language.values import in_words
from gplmt.recording.failures import Failure, failure_of
from gplmt.recording.plain_text import printable

_MOST_KEPT = 1000
_MOST_SHOWN = 20
STEP_WORDS = {  # what a step is counted as, by its outcome
    Outcome.OK: "ok",
    Outcome.FAILED: "failed",
    Outcome.TIMEOUT: "failed",
    Outcome.STOPPED: "stopped",
    Outcome.CANCELLED: "stopped",
    Outcome.SKIPPED: "skipped",
}


class Summary:
    """Collects what the summary needs; a `Sink` whose memory does not grow with the run.

    `steps` counts them by how they ended. `failures` are those that count, `tolerated` those
    within a met quorum (LANGUAGE.md 7.6); beyond a thousand they are counted, not kept.
    """

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()
        self.failure_count = 0
        self.tolerated: list[Failure] = []
        self.tolerated_count = 0
        self.notes: list[str] = []
        self.began: datetime | None = None
        self.ending: ExperimentFinished | None = None
        self._kept: list[tuple[Failure, int | None]] = []  # each with the span of its step
        self._counts: dict[int, Counter[str | None]] = {}  # of open steps, by target
        self._open = _OpenSpans()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The first failures that count."""
        return tuple(failure for failure, _ in self._kept)

    def receive(self, event: Event) -> None:
        """Take what matters of an event."""
        self._open.enter(event)
        failure = failure_of(event)
        if failure is not None:
            self._add(failure)
        match event:
            case StepFinished():
                self.steps[STEP_WORDS[event.outcome]] += 1
                self._tolerate(event)
            case ExperimentStarted():
                self.began = event.time
            case ExperimentFinished():
                self.ending = event
            case LeftoverStopped() | CopiesRemoved():
                self.notes += _notes(event)[: _MOST_KEPT - len(self.notes)]
        self._open.leave(event)

    def close(self) -> None:
        """Nothing to give back; rendering comes after this."""

    def _add(self, failure: Failure) -> None:
        self.failure_count += 1
        step = self._open.step_around(failure.span)
        if step is not None:
            self._counts.setdefault(step, Counter())[failure.target] += 1
        if len(self._kept) < _MOST_KEPT:
            self._kept.append((failure, step))

    def _tolerate(self, step: StepFinished) -> None:
        """Move the failures of those targets that did not matter in the end."""
        counts = self._counts.pop(step.span, None)
        if counts is None or not step.tolerated:
            return
        count = sum(counts[target] for target in step.tolerated)
        self.failure_count -= count
        self.tolerated_count += count
        counting, tolerated = list[tuple[Failure, int | None]](), list[Failure]()
        for failure, span in self._kept:
            if span == step.span and failure.target in step.tolerated:
                tolerated.append(failure)
            else:
                counting.append((failure, span))
        self._kept = counting
        self.tolerated += tolerated[: _MOST_KEPT - len(self.tolerated)]


class _OpenSpans:
    """What is under way, and in what."""

    def __init__(self) -> None:
        self._parents: dict[int, int | None] = {}
        self._steps: set[int] = set()

    def enter(self, event: Event) -> None:
        if isinstance(event, StepReached):
            self._steps.add(event.span)
            self._parents[event.span] = event.parent
        elif isinstance(event, Started | Finished):
            self._parents.setdefault(event.span, event.parent)

    def leave(self, event: Event) -> None:
        if isinstance(event, Finished):
            self._parents.pop(event.span, None)
            self._steps.discard(event.span)

    def step_around(self, span: int) -> int | None:
        """The step that a span is part of; None for one of a teardown."""
        around: int | None = span
        while around is not None and around not in self._steps:
            around = self._parents.get(around)
        return around


def render_summary(
    summary: Summary, *, run_directory: str, read_tail: Callable[[str], bytes]
) -> str:
    """The text for the end of a run, without a last newline.

    `run_directory` is as the user may call it; `read_tail` gives the last lines of a log, whose
    path is relative to it.
    """
    lines = [
        *show_failures(summary.failures, read_tail, count=summary.failure_count),
        *show_result(summary, run_directory),
    ]
    return "\n".join(lines)


def show_result(summary: Summary, run_directory: str) -> Iterator[str]:
    """The lines of a summary behind those for failures that count."""
    yield from _limited(
        "tolerated failures", summary.tolerated_count, _tolerated(summary.tolerated)
    )
    yield from _limited("notes", len(summary.notes), ([note] for note in summary.notes))
    yield f"steps: {_counts(summary.steps)}"
    yield f"time: {_time(summary)}"
    yield f"result: {_result(summary)}"
    yield f"run directory: {run_directory}"


def show_failures(
    failures: Sequence[Failure], read_tail: Callable[[str], bytes], *, count: int | None = None
) -> Iterator[str]:
    """The lines for the first of `count` failures, and for how many more there are."""
    total = len(failures) if count is None else count
    return _limited("failures", total, _failures(failures, read_tail))


def _notes(event: LeftoverStopped | CopiesRemoved) -> list[str]:
    if isinstance(event, LeftoverStopped):
        origin = f"run '{event.tasklist}.{event.task}' had left running on {event.target}"
        return [f"{event.at}: note: stopped what {origin}: {', '.join(event.processes)}"]
    if not event.remaining:
        return []
    remaining = ", ".join(event.remaining)
    return [f"{event.at}: warning: could not remove from {event.target}: {remaining}"]


def _limited(what: str, count: int, blocks: Iterator[list[str]]) -> Iterator[str]:
    """The lines of the first blocks, and how many of `count` there are besides."""
    shown = list(islice(blocks, _MOST_SHOWN))
    for block in shown:
        yield from block
    if count > len(shown):
        yield f"and {count - len(shown)} more {what}; see events.jsonl"


def _failures(
    failures: Sequence[Failure], read_tail: Callable[[str], bytes]
) -> Iterator[list[str]]:
    for failure in failures:
        log, tail = _log_with_text(failure.logs, read_tail)
        see = f"; see {log}" if log else ""
        yield [f"{failure.at}: error: {failure.what}{see}", *_indented(tail)]


def _tolerated(failures: Sequence[Failure]) -> Iterator[list[str]]:
    for failure in failures:
        see = f"; see {failure.logs[0]}" if failure.logs else ""
        yield [f"{failure.at}: warning: tolerated: {failure.what}{see}"]


def _log_with_text(
    logs: Sequence[str], read_tail: Callable[[str], bytes]
) -> tuple[str | None, bytes]:
    """The first log that says something and what, else just the first."""
    for log in logs:
        if tail := read_tail(log):
            return log, tail
    return (logs[0] if logs else None), b""


def _indented(text: bytes) -> list[str]:
    """Lines of a command's output, made harmless for a terminal."""
    lines = text.decode("utf-8", "replace").splitlines()
    return ["    " + printable(line) for line in lines]


def _counts(steps: Counter[str]) -> str:
    words = dict.fromkeys(STEP_WORDS.values())
    return ", ".join(f"{steps[word]} {word}" for word in words if steps[word]) or "none"


def _time(summary: Summary) -> str:
    if summary.began is None or summary.ending is None:
        return "not known"
    total = (summary.ending.time - summary.began).total_seconds()
    return in_words(timedelta(seconds=round(total, 3 if total < 10 else 1)))


def _result(summary: Summary) -> str:
    ending = summary.ending
    if ending is None:
        return "the record ends before the experiment does"
    word = {Outcome.OK: "ok", Outcome.CANCELLED: "interrupted"}.get(ending.outcome, "failed")
    if ending.reason is not None:
        word = ending.reason if ending.outcome is Outcome.CANCELLED else f"{word}: {ending.reason}"
    return f"{word} (exit code {ending.exit_code})"
