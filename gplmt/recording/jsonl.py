"""The record of a run, `events.jsonl`: one fact a line, on disk as soon as it happened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gplmt.errors import GplmtError, LogError, SetupError
from gplmt.events import FORMAT, Event, RecordOpened, WarningIssued
from gplmt.recording.faults import in_words

_CREATING = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_MODE = 0o666
_SPAN = re.compile(rb'^\{"kind":"\w+","time":"[^"]+","span":(\d+)')


class JsonLines:
    """Writes events to a file; a `Sink`."""

    def __init__(self, path: Path) -> None:
        """Create the file.

        Raises:
            SetupError: it cannot be created.
        """
        self._name = path.name
        self._encoder = msgspec.json.Encoder()
        self._missing = 0  # events since the file took one
        self._failure = ""
        try:
            self._descriptor = os.open(path, _CREATING, _MODE)
        except OSError as error:
            raise SetupError(f"cannot create {path}: {in_words(error)}") from error

    def receive(self, event: Event) -> None:
        """Append one line.

        Raises:
            LogError: the line could not be written and nothing of it stands in the file. A later
                event is tried again, and preceded by a warning about those that are missing.
        """
        try:
            if self._missing:
                self._append(self._about_missing(event))
                self._missing = 0
            self._append(event)
        except OSError as error:
            self._missing += 1
            self._failure = in_words(error)
            raise LogError(f"cannot write {self._name}: {self._failure}") from error

    def close(self) -> None:
        """Give the descriptor back; idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _append(self, event: Event) -> None:
        line = self._encoder.encode(event) + b"\n"
        written = os.write(self._descriptor, line)
        if written == len(line):
            return
        try:
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except OSError:
            self._take_back(written)
            raise

    def _take_back(self, size: int) -> None:
        """Remove the beginning of a line whose end found no place."""
        os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - size)

    def _about_missing(self, event: Event) -> WarningIssued:
        return WarningIssued(
            time=event.time, message=f"events are missing here ({self._missing}): {self._failure}"
        )


def resume(path: Path) -> int:
    """Make ready a record for more lines, if a crash cut its last one; its highest span.

    Raises:
        GplmtError: it cannot be read or written.
    """
    highest, end = 0, 0
    try:
        with path.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(end)
                    break
                end += len(line)
                for span in _SPAN.findall(line):
                    highest = max(highest, int(span))
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise GplmtError(f"cannot read {path}: {in_words(error)}") from error
    return highest


def read_events(path: Path) -> Iterator[Event]:
    """The events of a record, in order; a last line that a crash cut short is left out.

    Raises:
        GplmtError: the file cannot be read, is no record, or is one of a newer gplmt.
    """
    decoder = _decoder()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                yield _decode(decoder, line, place=f"{path}:{number}")
    except OSError as error:
        raise GplmtError(f"cannot read {path}: {in_words(error)}") from error


def _decode(decoder: msgspec.json.Decoder[Event], line: bytes, *, place: str) -> Event:
    try:
        event = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GplmtError(f"{place}: error: not an event of gplmt: {error}") from error
    if isinstance(event, RecordOpened) and event.format > FORMAT:
        raise GplmtError(
            f"{place}: error: the record has format {event.format}, written by gplmt "
            f"{event.gplmt}; this gplmt reads up to {FORMAT}"
        )
    return event


def _decoder() -> msgspec.json.Decoder[Event]:
    """A decoder for the union of all events, which are the classes that nothing refines."""
    from functools import reduce
    from operator import or_

    return msgspec.json.Decoder(reduce(or_, _leaves(Event)))


def _leaves(kind: type[Event]) -> Iterator[type[Event]]:
    refinements = kind.__subclasses__()
    if not refinements:
        yield kind
    for refinement in refinements:
        yield from _leaves(refinement)
