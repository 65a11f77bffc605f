"""The end of what each target has printed, for those who watch."""

from __future__ import annotations

from collections.abc import Callable

from gplmt.protocols import OutputSink
from gplmt.recording.plain_text import last_line

_KEPT_BYTES = 400


class LatestOutput:
    """Remembers, for each target, the end of the last piece of output."""

    def __init__(self) -> None:
        self._pieces: dict[str, bytes] = {}

    def watch(self, sink: OutputSink, target: str) -> OutputSink:
        """A sink that hands everything on to this one."""
        return _Watched(sink, self._pieces, target)

    def last_line(self, target: str) -> str:
        """What a target has printed last, harmless for a terminal; may be called by any thread."""
        return last_line(self._pieces.get(target, b""))


class _Watched:
    """An `OutputSink` that is seen through."""

    def __init__(self, sink: OutputSink, pieces: dict[str, bytes], target: str) -> None:
        self._sink = sink
        self._pieces = pieces
        self._target = target

    def write(self, data: bytes) -> bool:
        self._pieces[self._target] = data[-_KEPT_BYTES:]
        return self._sink.write(data)

    def on_ready(self, callback: Callable[[], None]) -> None:
        self._sink.on_ready(callback)

    def close(self) -> None:
        self._sink.close()
