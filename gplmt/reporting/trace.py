"""A run as trace events, which Perfetto and other viewers of Chrome traces open.

The format is Chrome's (Trace Event Format): a target is a process, the experiment with its steps
is one, too.  Viewers want slices of one track to lie one in another or apart, so what goes on at
once is on several tracks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
from msgspec import Struct

from gplmt.events import Outcome, StepReached
from gplmt.recording.progress import describe_always
from gplmt.reporting.history import Failed, History, Span
from gplmt.reporting.recorded import RecordedRun
from gplmt.reporting.trace_details import category, details, name
from gplmt.reporting.trace_tracks import Slice, Tracks

_EXPERIMENT = 1  # its process; those of targets follow
_COLOURS = {  # words of Chrome's viewer, from its colour scheme
    Outcome.OK: "good",
    Outcome.FAILED: "terrible",
    Outcome.TIMEOUT: "bad",
    Outcome.STOPPED: "grey",
    Outcome.CANCELLED: "yellow",
    Outcome.SKIPPED: "white",
    None: "yellow",
}


class _Complete(Struct, frozen=True, kw_only=True, tag_field="ph", tag="X"):
    """A slice: something that took time; times in microseconds."""

    name: str
    cat: str
    ts: int
    dur: int
    pid: int
    tid: int
    cname: str
    args: dict[str, object]


class _Instant(Struct, frozen=True, kw_only=True, tag_field="ph", tag="i"):
    """Something that happened at a moment; `s` says whom it concerns: g(lobal), p(rocess), t."""

    name: str
    cat: str
    ts: int
    pid: int
    tid: int
    s: str
    args: dict[str, object]


class _Metadata(Struct, frozen=True, kw_only=True, tag_field="ph", tag="M"):
    """What a process or a track is called, or where it stands."""

    name: str
    pid: int
    tid: int
    args: dict[str, object]


_Traced = _Complete | _Instant | _Metadata


class _Document(Struct, frozen=True, rename="camel", kw_only=True):
    """The file."""

    trace_events: list[_Traced]
    display_time_unit: str
    other_data: dict[str, object]


def render_trace(run: RecordedRun) -> bytes:
    """The JSON document; what the record does not end is taken to have lasted until its end."""
    manifest = run.manifest
    trace = _Trace(run.history, began=run.history.first_time or manifest.started)
    other: dict[str, object] = {
        "experiment": manifest.experiment,
        "run_id": manifest.run_id,
        "gplmt": manifest.gplmt,
        "started": manifest.started,
        "ended": manifest.ended,
        "outcome": run.outcome.value,
    }
    events = [*trace.slices(manifest.experiment), *trace.instants(), *trace.metadata()]
    return msgspec.json.encode(
        _Document(trace_events=events, display_time_unit="ms", other_data=other)
    )


class _Trace:
    """Makes the events of a trace; slices first, as the others stand on their tracks."""

    def __init__(self, history: History, *, began: datetime) -> None:
        self._history = history
        self._began = began
        self._last = history.last_time or began
        self._latest = 0
        self._tracks: dict[int, Tracks] = {_EXPERIMENT: Tracks()}
        self._processes: dict[str, int] = {}
        self._placed: dict[int, tuple[int, Slice]] = {}
        targets = () if history.beginning is None else history.beginning.targets
        for target in targets:
            self._process_of(target)

    def slices(self, experiment: str) -> Iterator[_Traced]:
        """What took time."""
        for span in self._history.spans:
            process = _EXPERIMENT if span.target is None else self._process_of(span.target)
            placed = self._place(span, process)
            yield _Complete(
                name=name(span) or experiment,
                cat=category(span),
                ts=placed.begin,
                dur=placed.end - placed.begin,
                pid=process,
                tid=placed.track,
                cname=_COLOURS[span.outcome],
                args=details(span),
            )
            if isinstance(span.begin, StepReached) and span.begin.planned_start is not None:
                yield self._wait_for_start(span, placed)

    def instants(self) -> Iterator[_Traced]:
        """Signals, warnings, failures."""
        for signal in self._history.signals:
            yield self._global("signal", signal.signal, signal.time, {"count": signal.count})
        for warning in self._history.warnings:
            text = describe_always(warning) or warning.message
            yield self._global("warning", "warning", warning.time, {"message": text})
        for teardown in self._history.teardowns:
            args: dict[str, object] = {"at": teardown.at, "tasklist": teardown.tasklist}
            yield self._global("teardown", f"{teardown.step} registered", teardown.time, args)
        for failed in self._history.failures():
            yield self._failure(failed)

    def metadata(self) -> Iterator[_Traced]:
        """The names of processes and tracks; those of targets in the experiment's order."""
        names = {_EXPERIMENT: "experiment", **{pid: to for to, pid in self._processes.items()}}
        for process, tracks in self._tracks.items():
            if not tracks.count:
                continue
            yield _about(process, 0, "process_name", name=names[process])
            yield _about(process, 0, "process_sort_index", sort_index=process)
            what = "steps" if process == _EXPERIMENT else "tasks"
            for track in range(1, tracks.count + 1):
                called = what if track == 1 else f"{what} ({track})"
                yield _about(process, track, "thread_name", name=called)
                yield _about(process, track, "thread_sort_index", sort_index=track)

    def _place(self, span: Span, process: int) -> Slice:
        # A clock that was set back must not have what began later begin earlier.
        self._latest = max(self._latest, self._moment(span.begin.time))
        placed = self._tracks[process].place(
            span.number,
            None if span.parent is None else span.parent.number,
            begin=self._latest,
            end=self._moment(span.ended or self._last),
        )
        self._placed[span.number] = process, placed
        return placed

    def _wait_for_start(self, step: Span, placed: Slice) -> _Traced:
        end = placed.end if step.started is None else self._moment(step.started)
        return _Complete(
            name="waiting for its start time",
            cat="wait",
            ts=placed.begin,
            dur=max(0, min(end, placed.end) - placed.begin),
            pid=_EXPERIMENT,
            tid=placed.track,
            cname="grey",
            args={"at": step.begin.at},
        )

    def _failure(self, failed: Failed) -> _Traced:
        process, placed = self._placed[failed.span.number]
        return _Instant(
            name="tolerated failure" if failed.is_tolerated else "failure",
            cat="failure",
            ts=placed.end,
            pid=process,
            tid=placed.track,
            s="t",
            args={"what": failed.failure.what, "at": failed.failure.at},
        )

    def _global(self, cat: str, name: str, time: datetime, args: dict[str, object]) -> _Traced:
        return _Instant(
            name=name, cat=cat, ts=self._moment(time), pid=_EXPERIMENT, tid=1, s="g", args=args
        )

    def _moment(self, time: datetime) -> int:
        length = time - self._began
        return max(0, (length.days * 86_400 + length.seconds) * 1_000_000 + length.microseconds)

    def _process_of(self, target: str) -> int:
        process = self._processes.get(target)
        if process is None:
            process = self._processes[target] = _EXPERIMENT + 1 + len(self._processes)
            self._tracks[process] = Tracks()
        return process


def _about(process: int, track: int, what: str, **args: object) -> _Traced:
    return _Metadata(name=what, pid=process, tid=track, args=args)
