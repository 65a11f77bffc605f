"""The four verbs wired together: load, plan, prepare, run. What scripts and the CLI call."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gplmt.clock import SystemClock
from gplmt.diagnostics import Location
from gplmt.engine.debts import Debts
from gplmt.engine.lifecycle import ExperimentRun
from gplmt.engine.session import Session
from gplmt.errors import UsageError
from gplmt.events import Outcome
from gplmt.inventory import Inventory, Node, SliceAddress
from gplmt.journals import Journal
from gplmt.language.targets import PlanetlabTarget
from gplmt.loading import Loaded, load
from gplmt.planning import Plan, make_plan
from gplmt.plugins import make_transport
from gplmt.protocols import OutputLogs, Pinged, Recorder, Transport, TransportSettings, Warn

_T = TypeVar("_T")
_STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Source(Struct, frozen=True, kw_only=True):
    """An experiment to load: the file as the user named it, and where else to look."""

    file: str
    working_directory: Path
    include_directories: tuple[str, ...] = ()
    rng: str | None = None


class RunResult(Struct, frozen=True, kw_only=True):
    """How a run ended."""

    exit_code: int
    outcome: Outcome

    @property
    def is_interrupted(self) -> bool:
        """Whether a signal ended the run."""
        return self.exit_code > 128


class PingResult(Struct, frozen=True, kw_only=True):
    """What came of pinging nodes, in their order, and the signal that cut it short."""

    pinged: tuple[Pinged, ...]
    signal: int | None = None

    @property
    def exit_code(self) -> int:
        """0 if all have answered."""
        if self.signal is not None:
            return 128 + self.signal
        return int(any(each.answer is None for each in self.pinged))


def load_experiment(source: Source) -> Loaded:
    """Read and check an experiment and all it includes; nothing is started.

    Raises:
        DocumentError: with all faults at once.
        UsageError: the working directory is none.
    """
    directory = _working_directory(source.working_directory)
    return load(
        source.file,
        include_directories=source.include_directories,
        rng=source.rng,
        host_environment=os.environ,
        working_directory=directory,
        now=SystemClock().now(),
    )


def resolve_slices(
    loaded: Loaded,
    *,
    names: Sequence[str] | None = None,
    ask_secret: Callable[[str], str | None] | None = None,
) -> Loaded:
    """The same experiment with the nodes of its slices, as their APIs tell them (LANGUAGE.md 4.4).

    The slices are those that are behind these names of targets; without names, those that the
    steps use, for a run that is not yet planned.  `ask_secret` gets a prompt and returns what the
    user typed; None where nobody may be asked.

    Raises:
        SetupError: with all faults at once.
    """
    targets = loaded.experiment.targets.values()
    if not any(isinstance(target, PlanetlabTarget) for target in targets):
        return loaded
    if names is None:
        plan = make_plan(loaded.experiment, loaded.inventory)
        members = tuple(plan.enabled_members().values())
    else:
        members = loaded.inventory.members(names)
    slices = [one.node.name for one in members if isinstance(one.node.address, SliceAddress)]
    if not slices:
        return loaded
    from gplmt.targets import planetlab  # brings ssl, http and xmlrpc along

    environment = loaded.inventory.host_environment
    experiment = planetlab.resolve(
        loaded.experiment, slices, host_environment=environment, ask_secret=ask_secret
    )
    return replace(
        loaded, experiment=experiment, inventory=Inventory(experiment.targets, environment)
    )


def plan_experiment(loaded: Loaded) -> Plan:
    """Resolve the steps of a loaded experiment.

    Raises:
        UsageError: it is a library.
    """
    experiment = loaded.experiment
    if experiment.is_library:
        raise UsageError(
            f"{experiment.at}: error: there are no steps to run; a library can only be checked "
            "and included"
        )
    return make_plan(experiment, loaded.inventory)


class Notices:
    """Takes warnings at any time, and passes them on as soon as there is somebody to take them."""

    def __init__(self) -> None:
        self._early: list[tuple[str, Location | None]] = []
        self._warn: Warn | None = None

    def warn(self, message: str, at: Location | None) -> None:
        """Take a warning."""
        if self._warn is None:
            self._early.append((message, at))
        else:
            self._warn(message, at)

    def pass_on(self, warn: Warn) -> None:
        """From now on, and for what has come before, this is who takes them."""
        self._warn = warn
        for message, at in self._early:
            warn(message, at)
        self._early.clear()


def make_transports(plan: Plan, settings: TransportSettings) -> dict[str, Transport]:
    """The ways to reach all nodes that a run needs, by kind of address; as `transports_to`."""
    return transports_to((one.node for one in plan.enabled_members().values()), settings)


def transports_to(nodes: Iterable[Node], settings: TransportSettings) -> dict[str, Transport]:
    """The ways to reach these nodes, by kind of address; nothing is opened.

    May ask for passwords on the terminal, unless the settings forbid it.

    Raises:
        SetupError: a node cannot be reached as the document wants it; all faults at once.
    """
    by_kind: dict[str, list[Node]] = {}
    for node in nodes:
        by_kind.setdefault(node.address.kind, []).append(node)
    return {kind: make_transport(kind, settings, by_kind[kind]) for kind in sorted(by_kind)}


def new_run_token() -> str:
    """A word that marks the processes of one run."""
    return os.urandom(8).hex()


def run_plan(
    plan: Plan,
    *,
    transports: Mapping[str, Transport],
    recorder: Recorder,
    logs: OutputLogs,
    journal: Journal,
    run_directory: Path,
    working_directory: Path,
) -> RunResult:
    """Run a plan on an event loop of its own, and return when its ending is over.

    `journal` then has what is left to be done.  SIGINT, SIGTERM and SIGHUP end it as LANGUAGE.md
    11.2 says; a third one ends gplmt at once.
    """

    async def main() -> RunResult:
        session = Session(
            recorder=recorder,
            clock=SystemClock(),
            transports=transports,
            logs=logs,
            journal=journal,
            run_directory=run_directory,
            working_directory=working_directory,
        )
        run = ExperimentRun(session, plan)
        with _signals_to(run.interrupt):
            exit_code = await run.run()
        return RunResult(exit_code=exit_code, outcome=run.outcome)

    return _run(main())


def recover(
    debts: Debts,
    *,
    transports: Mapping[str, Transport],
    recorder: Recorder,
    logs: OutputLogs,
    journal: Journal,
    run_directory: Path,
    working_directory: Path,
    first_span: int,
) -> RunResult:
    """Do what a run that has ended owes, on an event loop of its own.

    What has been done is settled in `journal`.  A signal ends it, a second one kills what runs, a
    third one ends gplmt at once; what has not been done is still owed then.
    """
    from gplmt.engine.recovery import Recovery  # no run needs it

    async def main() -> RunResult:
        session = Session(
            recorder=recorder,
            clock=SystemClock(),
            transports=transports,
            logs=logs,
            journal=journal,
            run_directory=run_directory,
            working_directory=working_directory,
            first_span=first_span,
        )
        recovery = Recovery(session, debts)
        with _signals_to(recovery.interrupt):
            exit_code = await recovery.run()
        return RunResult(exit_code=exit_code, outcome=recovery.outcome)

    return _run(main())


def ping_nodes(
    nodes: Sequence[Node],
    *,
    transports: Mapping[str, Transport],
    tell_waiting: Callable[[Sequence[Node]], None],
) -> PingResult:
    """Connect to all nodes, on an event loop of its own, and see what they tell of themselves.

    SIGINT, SIGTERM and SIGHUP end it; what is known by then is the result.  `tell_waiting` is
    called once, if some take long, with those.
    """
    from gplmt.engine.pinging import Pings  # no run needs it

    async def main() -> PingResult:
        pings = Pings(nodes, transports, tell_waiting)
        with _signals_to(pings.interrupt):
            pinged = await pings.run()
        return PingResult(pinged=pinged, signal=pings.signal)

    return _run(main())


def _run(main: Coroutine[None, None, _T]) -> _T:
    """As `asyncio.run`, but for its end: no thread need be left to wait for the others."""
    runner = asyncio.Runner()
    try:
        return runner.run(main)
    finally:
        with suppress(RuntimeError):
            runner.close()


def _working_directory(directory: Path) -> Path:
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory")
    if not os.access(directory, os.X_OK):
        raise UsageError(f"{directory} cannot be entered: permission denied")
    try:
        return directory.absolute()
    except FileNotFoundError:
        raise UsageError("the current directory has been removed") from None


@contextmanager
def _signals_to(interrupt: Callable[[int], None]) -> Iterator[None]:
    """Have signals call `interrupt`, the third one end the process; one ignored stays ignored."""
    received = 0

    def receive(number: int) -> None:
        nonlocal received
        received += 1
        if received > 2:  # whoever is this insistent wants out; the guard cleans up after us
            os._exit(128 + number)
        interrupt(number)

    loop = asyncio.get_running_loop()
    heeded = [number for number in _STOPPING_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    for number in heeded:
        loop.add_signal_handler(number, receive, number)
    try:
        yield
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)
