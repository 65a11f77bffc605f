"""How a run is watched: by a live view, by lines, or only by its warnings and summary."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from msgspec import Struct

from gplmt.cli.arguments import Arguments, ProgressMode
from gplmt.protocols import Clock, Sink
from gplmt.recording.latest_output import LatestOutput
from gplmt.recording.progress import Progress
from gplmt.recording.terminal import Terminal
from gplmt.reporting.watching import Viewer, Watch


class Watching(Struct, frozen=True):
    """What is to be told of events, who is to start, and who wants to see all output."""

    sinks: tuple[Sink, ...]
    watch: Watch | None = None
    latest: LatestOutput | None = None

    def start(self) -> None:
        """Begin, when the run does."""
        if self.watch is not None:
            self.watch.start()


def watching(arguments: Arguments, terminal: Terminal, clock: Clock) -> Watching:
    """What `--progress`, `--quiet`, `--verbose` and the terminal ask for."""
    mode = _mode(arguments, terminal.screen, os.environ)
    if mode is ProgressMode.LIVE and terminal.screen is not None:
        return _live(arguments, terminal, terminal.screen, clock)
    if mode is ProgressMode.LINES:
        return _lines(terminal, clock)
    return Watching((Progress(terminal.message, tells_facts=arguments.is_verbose),))


def _mode(arguments: Arguments, screen: int | None, environment: Mapping[str, str]) -> ProgressMode:
    mode = arguments.progress
    if mode is ProgressMode.AUTO and arguments.is_quiet:
        return ProgressMode.OFF
    if mode in (ProgressMode.AUTO, ProgressMode.LIVE):
        can_draw = screen is not None and environment.get("TERM") not in (None, "", "dumb")
        return ProgressMode.LIVE if can_draw else ProgressMode.LINES
    return mode


def _live(arguments: Arguments, terminal: Terminal, screen: int, clock: Clock) -> Watching:
    latest = LatestOutput()

    def begin() -> Viewer:
        from gplmt.reporting.live import LiveView

        return LiveView(terminal, screen, latest=latest, clock=clock, environment=os.environ)

    signal.signal(signal.SIGCONT, lambda *_: terminal.forget_footer())
    watch = Watch(begin, say=terminal.message)
    progress = Progress(terminal.message, tells_facts=arguments.is_verbose)
    return Watching((progress, watch), watch, latest)


def _lines(terminal: Terminal, clock: Clock) -> Watching:
    said_at = clock.monotonic()

    def say(line: str) -> None:
        nonlocal said_at
        said_at = clock.monotonic()
        terminal.message(line)

    def begin() -> Viewer:
        from gplmt.reporting.heartbeat import Heartbeat

        return Heartbeat(say, clock=clock, said_at=lambda: said_at)

    watch = Watch(begin, say=terminal.message)
    return Watching((Progress(say, tells_facts=True), watch), watch)
