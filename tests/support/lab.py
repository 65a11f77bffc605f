"""A lab: experiments as XML in the test, nodes that do what a script says, events as result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gplmt.engine.lifecycle import ExperimentRun
from gplmt.engine.session import Session
from gplmt.events import Event
from gplmt.inventory import Node
from gplmt.loading import load
from gplmt.planning import make_plan
from gplmt.protocols import Command, LogPaths, OutputSink
from gplmt.transports.fake import FakeTransport, Script
from tests.support.clock import START, VirtualClock, VirtualLoop

E = TypeVar("E", bound=Event)


class Result:
    """What a run left: its exit code, its events in order, and the transport's memory."""

    def __init__(self, exit_code: int, events: list[Event], transport: FakeTransport) -> None:
        self.exit_code = exit_code
        self.events = events
        self.transport = transport

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def commands(self, target: str | None = None) -> list[str]:
        """The texts of the commands that were started, of one target or of all."""
        return [
            command.text
            for name, command in self.transport.commands
            if target is None or name == target
        ]

    def seconds(self, event: Event) -> float:
        """When an event happened, from the start of the run."""
        return (event.time - START).total_seconds()


class Lab:
    """Runs experiments on scripted nodes in virtual time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._scripts: dict[tuple[str | None, str], list[Script]] = {}
        self._stop_seconds = 0.0
        self._at: list[tuple[float, Callable[[ExperimentRun], None]]] = []

    def script(self, command: str, *scripts: Script, target: str | None = None) -> None:
        """Let a command text go like this; several scripts are used up one after another."""
        self._scripts[target, command] = list(scripts)

    def fails(self, command: str, *, status: int = 1, target: str | None = None) -> None:
        """Let a command exit with a status."""
        self.script(command, Script(returncode=status), target=target)

    def takes(self, command: str, seconds: float, *, target: str | None = None) -> None:
        """Let a command take so long, and succeed."""
        self.script(command, Script(seconds=seconds), target=target)

    def stopping_takes(self, seconds: float) -> None:
        """Let commands resist being stopped for so long."""
        self._stop_seconds = seconds

    def at(self, seconds: float, action: Callable[[ExperimentRun], None]) -> None:
        """Do something so long after the start of the run."""
        self._at.append((seconds, action))

    def run(self, document: str) -> Result:
        """Run a document, given whole or as what stands inside `<experiment>`."""
        text = document if "<experiment" in document else f"<experiment>{document}</experiment>"
        path = self._directory / "lab.xml"
        path.write_text(text)
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(asyncio.wait_for(self._run(path), timeout=1e7))

    async def _run(self, path: Path) -> Result:
        loaded = load(
            str(path), host_environment={}, working_directory=self._directory, now=START
        )
        clock, events = VirtualClock(), _Events()
        transport = FakeTransport(clock, self._script, stop_seconds=self._stop_seconds)
        session = Session(
            recorder=events,
            clock=clock,
            transports={"local": transport, "ssh": transport},
            logs=_NoLogs(),
            run_directory=self._directory / "run",
            working_directory=self._directory,
        )
        run = ExperimentRun(session, make_plan(loaded.experiment, loaded.inventory))
        for seconds, action in self._at:
            asyncio.get_running_loop().call_later(seconds, action, run)
        exit_code = await run.run()
        return Result(exit_code, events.events, transport)

    def _script(self, node: Node, command: Command) -> Script:
        for key in ((node.name, command.text), (None, command.text)):
            if scripts := self._scripts.get(key):
                return scripts.pop(0) if len(scripts) > 1 else scripts[0]
        return Script()


class _Events:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


class _NoSink:
    def write(self, data: bytes) -> bool:
        return True

    def on_ready(self, callback: Callable[[], None]) -> None:
        raise AssertionError("it was never full")

    def close(self) -> None:
        pass


class _NoLogs:
    def assign(self, *, target: str, tasklist: str, task: str) -> LogPaths:
        return LogPaths(
            stdout=f"logs/{target}/{tasklist}.{task}.out",
            stderr=f"logs/{target}/{tasklist}.{task}.err",
        )

    def open(self, paths: LogPaths, *, target: str) -> tuple[OutputSink, OutputSink]:
        return _NoSink(), _NoSink()
