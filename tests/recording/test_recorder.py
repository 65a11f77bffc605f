from __future__ import annotations

from datetime import UTC, datetime

from gplmt import __version__
from gplmt.errors import LogError
from gplmt.events import FORMAT, Event, RecordOpened, WarningIssued
from gplmt.recording.recorder import Recorder

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)


class _Memory:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_closed = False

    def receive(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.is_closed = True


class _Broken(_Memory):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def receive(self, event: Event) -> None:
        super().receive(event)
        raise self._error

    def close(self) -> None:
        super().close()
        raise self._error


def _warning(message: str) -> WarningIssued:
    return WarningIssued(time=NOW, message=message)


def test_the_first_event_tells_format_and_version() -> None:
    sink = _Memory()
    Recorder([sink], now=NOW, report=print)
    assert sink.events == [RecordOpened(time=NOW, format=FORMAT, gplmt=__version__)]


def test_every_sink_gets_every_event_in_order() -> None:
    sinks = [_Memory(), _Memory()]
    recorder = Recorder(sinks, now=NOW, report=print)
    recorder.emit(_warning("a"))
    recorder.emit(_warning("b"))
    recorder.close()
    for sink in sinks:
        assert sink.events[1:] == [_warning("a"), _warning("b")]
        assert sink.is_closed
    assert recorder.is_complete


def test_a_sink_that_fails_is_reported_once_and_holds_up_nobody() -> None:
    broken, sound, reports = _Broken(ZeroDivisionError("by zero")), _Memory(), list[str]()
    recorder = Recorder([broken, sound], now=NOW, report=reports.append)
    recorder.emit(_warning("a"))
    recorder.close()
    assert sound.events[1:] == [_warning("a")]
    assert sound.is_closed
    assert broken.events[1:] == [_warning("a")]
    assert reports == [
        "warning: the record has gaps: _Broken failed with ZeroDivisionError: by zero",
    ]
    assert not recorder.is_complete


def test_our_own_errors_are_reported_in_their_own_words() -> None:
    reports: list[str] = []
    broken = _Broken(LogError("cannot write events.jsonl: no space left on device"))
    Recorder([broken], now=NOW, report=reports.append)
    assert reports == [
        "warning: the record has gaps: cannot write events.jsonl: no space left on device"
    ]
