"""What happened in a run apart from its tasks: warnings, signals, what was stopped and removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gplmt.events import (
    AttemptFailed,
    CopiesRemoved,
    Event,
    LeftoverStopped,
    SignalReceived,
    SurvivorsStopped,
    UnfinishedRemoved,
    WarningIssued,
)
from gplmt.reporting.page.model import Note, Texts
from gplmt.reporting.page.outputs import shortened
from gplmt.reporting.page.times import Scale

_MOST_NOTES = 2000
_MOST_PROCESSES = 20

NoteEvent = (
    WarningIssued
    | SignalReceived
    | LeftoverStopped
    | SurvivorsStopped
    | CopiesRemoved
    | UnfinishedRemoved
)


class Told:
    """Notes, and the attempts that retries followed, by span; `count` with those left out."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events: list[NoteEvent] = []
        self.count = 0
        self.attempts: Counter[int] = Counter()
        self.last_reasons: dict[int, str] = {}
        for event in events:
            if isinstance(event, AttemptFailed):
                self.attempts[event.span] += 1
                self.last_reasons[event.span] = event.reason
            elif isinstance(event, NoteEvent):
                self.count += 1
                if len(self.events) < _MOST_NOTES:
                    self.events.append(event)

    def notes(self, scale: Scale, texts: Texts) -> list[Note]:
        """The notes, in their order."""
        return [_note(event, scale, texts) for event in self.events]


def _note(event: NoteEvent, scale: Scale, texts: Texts) -> Note:
    kind, text, place = "note", "", None
    match event:
        case WarningIssued():
            kind, text, place = "warning", event.message, event.at
        case SignalReceived():
            kind = "signal"
            text = event.signal if event.count == 1 else f"{event.signal}, the {event.count}. one"
        case LeftoverStopped():
            origin = f"run '{event.tasklist}.{event.task}' had left running on {event.target}"
            text, place = f"stopped what {origin}: {_some(event.processes)}", event.at
        case SurvivorsStopped():
            text = f"gplmt cleanup stopped on {event.target}: {_some(event.processes)}"
        case CopiesRemoved():
            text, place = f"removed {_copies(event.removed)} from {event.target}", event.at
            if event.remaining:
                kind = "warning"
                text += f"; could not remove {_some(event.remaining)}"
        case UnfinishedRemoved():
            text = f"removed {_copies(event.removed)} from {event.target}, unfinished as they were"
            place = event.at
    return Note(time=scale.at(event.time), kind=kind, text=shortened(text), at=texts.number(place))


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_PROCESSES
    shown = ", ".join(names[:_MOST_PROCESSES])
    return f"{shown} and {more} more" if more > 0 else shown


def _copies(count: int) -> str:
    return "1 copied file" if count == 1 else f"{count} copied files"
