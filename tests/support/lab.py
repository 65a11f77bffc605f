"""A lab: experiments as XML in the test, nodes that do what a script says, events as result.

Every run is also held against what must be true of any record (`tests.support.record`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from gplmt.commands import LogPaths
from gplmt.engine.lifecycle import ExperimentRun
from gplmt.engine.session import Session
from gplmt.errors import TaskError
from gplmt.events import (
    Event,
    Finished,
    Outcome,
    SignalReceived,
    TaskFinished,
    TasklistFinished,
)
from gplmt.inventory import Node
from gplmt.loading import load
from gplmt.planning import Plan, make_plan
from gplmt.protocols import OutputSink
from gplmt.transports.fake import FakeTransport, Script
from tests.support.clock import START, VirtualClock, VirtualLoop
from tests.support.ledger import Ledger
from tests.support.record import check_record

E = TypeVar("E", bound=Event)


def experiment(
    *, steps: str, tasklists: str, targets: str = "n1", root: str = "", environment: str = ""
) -> str:
    """A document with local targets of these names; `root` are attributes."""
    elements = " ".join(f'<target name="{name}" type="local"/>' for name in targets.split())
    return (
        f"<experiment {root}><targets>{environment}{elements}</targets>"
        f"<tasklists>{tasklists}</tasklists><steps>{steps}</steps></experiment>"
    )


class Asked(NamedTuple):
    """What a node was asked to do, and how many seconds after the start."""

    seconds: float
    target: str
    text: str


class Result:
    """What a run left: its exit code, its events in order, and the transport's memory."""

    def __init__(
        self,
        exit_code: int,
        events: list[Event],
        transport: FakeTransport,
        asked: list[Asked],
        ledger: Ledger,
    ) -> None:
        self.ledger = ledger
        self.exit_code = exit_code
        self.events = events
        self.transport = transport
        self.asked = asked

    def of(self, kind: type[E], **fields: object) -> list[E]:
        """The events of one kind, those with these values of fields."""
        return [
            event
            for event in self.events
            if isinstance(event, kind)
            and all(getattr(event, name, None) == value for name, value in fields.items())
        ]

    def one(self, kind: type[E], **fields: object) -> E:
        """The only event of one kind, with these values of fields."""
        (event,) = self.of(kind, **fields)
        return event

    def commands(self, target: str | None = None) -> list[str]:
        """The texts of the commands that were started, of one target or of all."""
        return [
            command.text
            for name, command in self.transport.commands
            if target is None or name == target
        ]

    def environments(self, text: str) -> list[Mapping[str, str]]:
        """The variables that a command was given, each time it was started."""
        return [
            command.environment for _, command in self.transport.commands if command.text == text
        ]

    def when(self, text: str, target: str | None = None) -> list[float]:
        """The seconds after the start at which something was asked of nodes."""
        return [
            asked.seconds
            for asked in self.asked
            if asked.text == text and target in (None, asked.target)
        ]

    def outcome(self, task: str, **fields: object) -> Outcome:
        """How the only task of this name ended."""
        return self.one(TaskFinished, task=task, **fields).outcome

    def tasklist(self, name: str, **fields: object) -> Outcome:
        """How the only run of a tasklist ended."""
        return self.one(TasklistFinished, tasklist=name, **fields).outcome

    def reasons(self) -> list[str]:
        """What was told of failures, in order."""
        return [event.reason for event in self.of(Finished) if event.reason is not None]

    def seconds(self, event: Event) -> float:
        """When an event happened, from the start of the run."""
        return (event.time - START).total_seconds()

    @property
    def duration(self) -> float:
        """How many seconds the run took."""
        return self.seconds(self.events[-1])


class Lab:
    """Runs experiments on scripted nodes in virtual time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._scripts: dict[tuple[str | None, str], list[Script]] = {}
        self.patience_seconds = 1e7
        self._stop_seconds = 0.0
        self._ending_seconds = 0.0
        self._at: list[tuple[float, Callable[[ExperimentRun], None]]] = []
        self._answer: Callable[[Asked], Script] | None = None
        self._watch: Callable[[Event, FakeTransport], None] = _look_away
        self.asked: list[Asked] = []
        self.events: list[Event] = []
        self.host_environment: dict[str, str] = {}
        self._main: asyncio.Task[object] | None = None
        self._task: asyncio.Task[Result] | None = None

    def script(self, command: str, *scripts: Script, target: str | None = None) -> None:
        """Let a command text go like this; several scripts are used up one after another."""
        self._scripts[target, command] = list(scripts)

    def fails(
        self, command: str, *, status: int = 1, seconds: float = 0.0, target: str | None = None
    ) -> None:
        """Let a command exit with a status, or with -N die by a signal, after some time."""
        self.script(command, Script(returncode=status, seconds=seconds), target=target)

    def takes(self, command: str, seconds: float, *, target: str | None = None) -> None:
        """Let a command take so long, and succeed."""
        self.script(command, Script(seconds=seconds), target=target)

    def breaks(self, command: str, error: TaskError, *, target: str | None = None) -> None:
        """Let a command not come to an end of its own."""
        self.script(command, Script(error=error), target=target)

    def stopping_takes(self, seconds: float) -> None:
        """Let commands resist being stopped for so long."""
        self._stop_seconds = seconds

    def ending_takes(self, seconds: float) -> None:
        """Let each of the last things take so long: leftovers, removing a copy, closing."""
        self._ending_seconds = seconds

    def answers(self, answer: Callable[[Asked], Script]) -> None:
        """Let a function say how each thing goes that nodes are asked to do."""
        self._answer = answer

    def watch(self, watch: Callable[[Event, FakeTransport], None]) -> None:
        """Call this at each event, just before it is recorded."""
        self._watch = watch

    def at(self, seconds: float, action: Callable[[ExperimentRun], None]) -> None:
        """Do something so long after the start of the run."""
        self._at.append((seconds, action))

    def interrupt(self, *moments: float, number: int = 2) -> None:
        """Send signals to gplmt so long after the start of the run."""
        for seconds in moments:
            self.at(seconds, lambda run: run.interrupt(number))

    def cancel(self) -> None:
        """Cancel the run that is under way from outside."""
        assert self._task is not None
        self._task.cancel()

    def write(self, name: str, text: str = "") -> Path:
        """A file beside the document."""
        path = self.directory / name
        path.write_text(text)
        return path

    def plan(self, document: str) -> Plan:
        """Load and plan a document, given whole or as what stands inside `<experiment>`."""
        text = document if "<experiment" in document else f"<experiment>{document}</experiment>"
        loaded = load(
            str(self.write("lab.xml", text)),
            host_environment=self.host_environment,
            working_directory=self.directory,
            now=START,
        )
        return make_plan(loaded.experiment, loaded.inventory)

    def run(self, document: str) -> Result:
        """Run a document, given as for `plan`."""
        plan = self.plan(document)
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            unhandled: list[dict[str, object]] = []
            runner.get_loop().set_exception_handler(lambda _, fault: unhandled.append(fault))
            try:
                result = runner.run(self._run_as_task(plan))
            finally:
                assert not unhandled, unhandled
        check_record(result.events)
        assert not result.transport.alive
        assert result.transport.is_closed or not plan.members()
        return result

    def run_tasks(self, tasks: str, *, attributes: str = "", others: str = "") -> Result:
        """Run tasks as tasklist `main` of one step on `n1`; `others` are further tasklists."""
        main = f'<tasklist name="main" {attributes}>{tasks}</tasklist>'
        step = '<step tasklist="main" targets="n1"/>'
        return self.run(experiment(steps=step, tasklists=main + others))

    async def _run_as_task(self, plan: Plan) -> Result:
        self._main = asyncio.current_task()
        self._task = asyncio.ensure_future(self._run(plan))
        return await asyncio.wait_for(self._task, timeout=self.patience_seconds)

    async def _run(self, plan: Plan) -> Result:
        clock = VirtualClock()
        transport = FakeTransport(
            clock,
            self._script,
            stop_seconds=self._stop_seconds,
            ending_seconds=self._ending_seconds,
        )
        events = _Events(self.events, lambda event: self._watch(event, transport))
        ledger = Ledger()
        session = Session(
            recorder=events,
            clock=clock,
            transports={member.node.address.kind: transport for member in plan.members().values()},
            logs=_NoLogs(),
            journal=ledger,
            run_directory=self.directory / "run",
            working_directory=self.directory,
        )
        run = ExperimentRun(session, plan)
        for seconds, action in self._at:
            asyncio.get_running_loop().call_later(seconds, action, run)
        try:
            exit_code = await run.run()
        finally:
            await _check_that_no_task_is_left(self._main)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        if len(events.of_signals()) < 2 and not session.losses:
            assert not ledger.pressing
        return Result(exit_code, list(events.events), transport, self.asked, ledger)

    def _script(self, node: Node, text: str) -> Script:
        now = asyncio.get_running_loop().time()
        self.asked.append(Asked(round(now, 6), node.name, text))
        if self._answer is not None:
            return self._answer(self.asked[-1])
        for key in ((node.name, text), (None, text)):
            if scripts := self._scripts.get(key):
                return scripts.pop(0) if len(scripts) > 1 else scripts[0]
        return Script()


async def _check_that_no_task_is_left(main: asyncio.Task[object] | None) -> None:
    """What has been cancelled may take a few turns of the loop to be gone."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() - {main, asyncio.current_task()} == set()


def _look_away(event: Event, transport: FakeTransport) -> None:
    pass


class _Events:
    def __init__(self, events: list[Event], watch: Callable[[Event], None]) -> None:
        self.events = events
        self._watch = watch
        events.clear()

    def emit(self, event: Event) -> None:
        self._watch(event)
        self.events.append(event)

    def of_signals(self) -> list[Event]:
        return [event for event in self.events if isinstance(event, SignalReceived)]


class _NoSink:
    def write(self, data: bytes) -> bool:  # noqa: ARG002
        return True

    def on_ready(self, callback: Callable[[], None]) -> None:  # noqa: ARG002
        raise AssertionError("it was never full")

    def close(self) -> None:
        pass


class _NoLogs:
    def assign(self, *, target: str, tasklist: str, task: str) -> LogPaths:
        return LogPaths(
            stdout=f"logs/{target}/{tasklist}.{task}.out",
            stderr=f"logs/{target}/{tasklist}.{task}.err",
        )

    def open(self, paths: LogPaths, *, target: str) -> tuple[OutputSink, OutputSink]:  # noqa: ARG002
        return _NoSink(), _NoSink()
