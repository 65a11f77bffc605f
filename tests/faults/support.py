"""What every fault is judged by: the end of a run, its record, and what it has left behind."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol, Unpack

from gplmt.events import (
    Event,
    ExperimentFinished,
    Finished,
    RecordOpened,
    Started,
    StepReached,
    WarningIssued,
)
from gplmt.recording.jsonl import read_events
from tests.support.processes import called_with, marked_by
from tests.support.program import GPLMT, Circumstances, Program, Running, until
from tests.support.record import check_record
from tests.support.ssh.servers import Server
from tests.support.ssh.sessions import kill_until_none, started_through

HERE, THERE = "here", "there"  # what sites are called
UNFINISHED = ".gplmt-*.tmp"
JOURNAL = "journal.jsonl"
_UNSEEN = (signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT)
_VARIABLE = "FAULT_CASE"  # of gplmt itself, and so of all that it starts on this host


class Site(Protocol):
    """Where the commands of a target run; `place` is the directory in which they start."""

    place: Path

    def target_xml(self, name: str, *, inner: str = "") -> str:
        """The `<target>` that leads there; `inner` is XML."""

    def processes(self) -> set[int]:
        """What the target's commands, and gplmt's own, have running there."""


class Here:
    """The execution host as a target."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def target_xml(self, name: str, *, inner: str = "") -> str:
        """As `Site.target_xml`."""
        return f'<target name="{name}" type="local">{inner}</target>'

    def processes(self) -> set[int]:
        """None that are not looked for anyway."""
        return set()


class There:
    """A node that a server leads to."""

    def __init__(self, server: Server, *, way: Server | None = None, options: str = "") -> None:
        """`way` is the server as seen through a proxy; `options` is further XML of the target."""
        self.server = server
        self.place = server.home
        self._way = way or server
        self._options = options

    def target_xml(self, name: str, *, inner: str = "") -> str:
        """As `Site.target_xml`."""
        return self._way.target_xml(name, inner=self._options + inner)

    def processes(self) -> set[int]:
        """All that sessions of the server have started, but not the server's own processes."""
        return started_through(self.server.port)


class Case:
    """Runs of gplmt in one test, each a real process in a session of its own.

    Processes are told by a variable in their environment that only this test's have.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.here = Here(program.work)
        self._marker = f"{_VARIABLE}={uuid.uuid4().hex}"
        self._sites: list[Site] = [self.here]
        self._runs: list[Running] = []
        self._tokens: set[str] = set()

    def at(self, site: Site) -> Site:
        """Have what is left at this site, too, be looked for."""
        self._sites.append(site)
        return site

    def start(self, text: str, *options: str, **how: Unpack[Circumstances]) -> Running:
        """Start a run of the document `text`, as `Program.start`."""
        run = self.program.start(text, *options, **self._marked(how))
        self._runs.append(run)
        return run

    def call(self, *words: str, **how: Unpack[Circumstances]) -> Running:
        """Start gplmt with exactly these words, as `Program.call`."""
        return self.program.call(*words, **self._marked(how))

    def cleanup(self, run: Running, **how: Unpack[Circumstances]) -> Running:
        """Run `gplmt cleanup` to its end, on the directory of a run that has ended."""
        how.setdefault("program", GPLMT)
        return self.call("cleanup", str(run.run_directory), **how).wait()

    def send(self, run: Running, *numbers: int) -> Running:
        """Send signals one after another, each once the one before has been taken.

        The one that ends it at once is the last.
        """
        self._learn_tokens()
        for count, number in enumerate(numbers, start=1):
            run.send(number)
            if number not in _UNSEEN:
                until(partial(_has_taken, run, count))
            if run.process.poll() is not None:
                break
        return run

    def processes(self) -> dict[int, str]:
        """All that lives of the runs, gplmt and its guards included: id and command line."""
        found = self.processes_here()
        for site in self._sites:
            found |= {pid: _command_line(pid) for pid in site.processes()}
        return found

    def processes_here(self) -> dict[int, str]:
        """Those of them on this host."""
        self._learn_tokens()
        found = marked_by(self._marker + "\0")
        for token in self._tokens:
            found |= called_with(token)
        return found

    def unfinished(self) -> list[Path]:
        """Files, directories and links that copies have begun and not finished."""
        directories = {site.place for site in self._sites} | {self.program.scratch}
        return sorted({path for place in directories for path in place.rglob(UNFINISHED)})

    def until_gone(self, *, seconds: float) -> None:
        """Wait until nothing lives of the runs any more; fail, and name it, if it takes longer."""
        try:
            until(lambda: not self.processes(), seconds=seconds)
        except AssertionError:
            left = self.processes()
            assert not left, f"left behind after {seconds} s: {left}"

    def end(self) -> None:
        """Kill what the test has left on this host."""
        kill_until_none(lambda: set(self.processes_here()))

    def _learn_tokens(self) -> None:
        """A guard, which has no variables, is known by an argument: the word that marks a run."""
        for run in self._runs:
            if run.process.poll() is None:
                for pid in run.guards():
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    if b"gplmt-guard" in words:  # one that has ended meanwhile has no words
                        self._tokens.add(words[words.index(b"gplmt-guard") + 1].decode())

    def _marked(self, how: Circumstances) -> Circumstances:
        name, _, value = self._marker.partition("=")
        return {**how, "environment": {**how.get("environment", {}), name: value}}


@contextmanager
def faults_of(program: Program) -> Iterator[Case]:
    """A case of which nothing lives when it is over, whether the test has passed or not."""
    case = Case(program)
    try:
        yield case
    finally:
        case.end()


def lines_of(file: Path) -> list[str]:
    """What commands have appended to a file; nothing where there is none."""
    return file.read_text().split("\n")[:-1] if file.exists() else []


def until_event(run: Running, kind: str, **values: object) -> None:
    """Wait until the record has an event of this kind with these values; it may end meanwhile."""

    def is_there() -> bool:
        return any(
            all(event.get(name) == value for name, value in values.items())
            for event in run.of_kind(kind)
        )

    until(lambda: is_there() or run.process.poll() is not None)
    assert is_there(), f"no {kind} with {values}\n{run.stderr}"


def check_whole_record(run: Running, *, exit_code: int) -> list[Event]:
    """The events of a run that came to its end: all that started has finished, as it says."""
    events = list(read_events(run.run_directory / "events.jsonl"))
    before = [event for event in events if isinstance(event, RecordOpened | WarningIssued)]
    check_record([event for event in events if event not in before])
    assert isinstance(events[-1], ExperimentFinished)
    assert events[-1].exit_code == exit_code, events[-1]
    return events


def check_torn_record(run: Running) -> list[Event]:
    """The events of a run that was killed: all can be read, and nothing finished twice."""
    events = list(read_events(run.run_directory / "events.jsonl"))
    opened = [event.span for event in events if isinstance(event, Started | StepReached)]
    finished = [event.span for event in events if isinstance(event, Finished)]
    assert len(set(finished)) == len(finished)
    assert set(finished) <= set(opened)
    return events


def check_nothing_left(case: Case, *, seconds: float = 2.0) -> None:
    """No process, no unfinished file; `seconds` are for processes that are about to end."""
    case.until_gone(seconds=seconds)
    assert case.unfinished() == []


def kill(pids: Iterable[int]) -> None:
    """Kill processes by their ids, if they are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _has_taken(run: Running, count: int) -> bool:
    """Whether the record tells of so many signals, or nobody is there to take them."""
    return len(run.of_kind("SignalReceived")) >= count or run.process.poll() is not None


def _command_line(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return words.replace(b"\0", b" ").decode(errors="replace").strip()
