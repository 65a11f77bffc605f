from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import get_args, get_origin, get_type_hints

import pytest

from gplmt import events
from gplmt.errors import GplmtError, LogError, SetupError
from gplmt.events import (
    FORMAT,
    Event,
    Outcome,
    RecordOpened,
    RunFinished,
    SignalReceived,
    WarningIssued,
)
from gplmt.recording.jsonl import JsonLines, read_events

NOW = datetime(2026, 11, 23, 10, 15, 0, 123456, tzinfo=UTC)


def _kinds(kind: type[Event] = Event) -> Iterator[type[Event]]:
    if not kind.__subclasses__():
        yield kind
    for refinement in kind.__subclasses__():
        yield from _kinds(refinement)


def _value(hint: object) -> object:
    """Some value of a field's type that is not its default."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType or type(None) in arguments:
        return _value(next(part for part in arguments if part is not type(None)))
    if origin is tuple:
        return (_value(arguments[0]), _value(arguments[0]))
    if origin is dict:
        return {"A": "ü\n\x00"}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Outcome.TIMEOUT
    samples: dict[object, object] = {str: 'a "b" \\', int: 3, float: 1.5, bool: True, datetime: NOW}
    return samples[hint]


@pytest.mark.parametrize("kind", list(_kinds()))
def test_every_kind_of_event_survives_writing_and_reading(
    tmp_path: Path, kind: type[Event]
) -> None:
    hints = get_type_hints(kind, vars(events))
    fields = {name: _value(hints[name]) for name in kind.__struct_fields__}
    if kind is RecordOpened:
        fields["format"] = FORMAT
    make: Callable[..., Event] = kind
    event = make(**fields)
    sink = JsonLines(tmp_path / "events.jsonl")
    sink.receive(event)
    sink.close()
    assert list(read_events(tmp_path / "events.jsonl")) == [event]


def test_a_line_is_in_the_file_as_soon_as_it_happened(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "events.jsonl")
    sink.receive(SignalReceived(time=NOW, signal="SIGINT", count=1))
    assert (tmp_path / "events.jsonl").read_text() == (
        '{"kind":"SignalReceived","time":"2026-11-23T10:15:00.123456Z",'
        '"signal":"SIGINT","count":1}\n'
    )
    sink.close()


def test_a_line_has_place_and_outcome_and_leaves_out_what_is_not_given(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "events.jsonl")
    sink.receive(
        RunFinished(
            time=NOW,
            span=2,
            at="lab.xml:3",
            target="n1",
            step="step-1",
            tasklist="t",
            task="run-1",
            seconds=0.5,
            outcome=Outcome.OK,
            status=0,
        )
    )
    sink.close()
    assert (tmp_path / "events.jsonl").read_text() == (
        '{"kind":"RunFinished","time":"2026-11-23T10:15:00.123456Z","span":2,"at":"lab.xml:3",'
        '"outcome":"ok","target":"n1","step":"step-1","tasklist":"t","task":"run-1",'
        '"seconds":0.5,"status":0}\n'
    )


def test_a_last_line_that_a_crash_cut_short_is_left_out(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "e")
    event = WarningIssued(time=NOW, message="hm")
    sink.receive(event)
    sink.close()
    with (tmp_path / "e").open("ab") as file:
        file.write(b'{"kind":"WarningIss')
    assert list(read_events(tmp_path / "e")) == [event]


def test_what_is_no_event_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "e").write_text('{"kind":"RecordOpened"}\n')
    with pytest.raises(GplmtError, match=r"e:1: error: not an event of gplmt: .*`time`"):
        list(read_events(tmp_path / "e"))


def test_a_record_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "e")
    sink.receive(RecordOpened(time=NOW, format=FORMAT + 1, gplmt="9.9"))
    sink.close()
    with pytest.raises(GplmtError, match=r"format 2, written by gplmt 9\.9"):
        list(read_events(tmp_path / "e"))


def test_a_record_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(GplmtError, match="no such file"):
        list(read_events(tmp_path / "none"))


def test_a_record_that_cannot_be_created_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match="not a directory"):
        JsonLines(Path("/dev/null/events.jsonl"))


def test_after_a_full_disk_the_record_goes_on_and_tells_of_the_gap(small_disk: Path) -> None:
    record, ballast = small_disk / "events.jsonl", small_disk / "ballast"
    sink = JsonLines(record)
    sink.receive(RecordOpened(time=NOW, format=FORMAT, gplmt="1"))
    ballast.write_bytes(bytes(1020 * 1024))  # one page of 4096 bytes is the record's
    with pytest.raises(LogError, match=r"cannot write events\.jsonl: no space left"):
        sink.receive(WarningIssued(time=NOW, message="x" * 5000))
    ballast.unlink()
    last = WarningIssued(time=NOW, message="last")
    sink.receive(last)
    sink.close()
    opened, gap, after = read_events(record)
    assert isinstance(opened, RecordOpened)
    assert isinstance(gap, WarningIssued)
    assert gap.message == "events are missing here (1): no space left on device"
    assert after == last
