"""A scenario, run by the real engine from real XML, and all that could be seen of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gplmt.commands import Command
from gplmt.engine.lifecycle import ExperimentRun
from gplmt.errors import ConnectionLostError
from gplmt.events import Event, ExperimentFinished
from gplmt.transports.fake import FakeTransport, Script
from tests.engine.properties.drawing import Scenario
from tests.engine.properties.history import History
from tests.engine.properties.model import Behaviour
from tests.engine.properties.rendering import render
from tests.support.lab import Asked, Lab
from tests.support.record import check_spans

_PATIENCE_SECONDS = 1000  # far longer than anything drawn takes
_NO_COMMANDS = ("put", "get", "connect")


class Seen(NamedTuple):
    """What a node was asked to do, and before which event."""

    asked: Asked
    position: int
    behaviour: Behaviour


class Ran:
    """A run that has ended, as it looks from outside."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.seen: list[Seen] = []
        self.alive: list[frozenset[str]] = []  # the commands that lived at each event
        self.cancelled_at: tuple[float, int] | None = None  # seconds, position
        self.history: History
        self.transport: FakeTransport

    def commands(self) -> list[tuple[Command, Seen]]:
        """The commands that were started."""
        seen = [one for one in self.seen if one.asked.text.split()[0] not in _NO_COMMANDS]
        asked = [command for _, command in self.transport.commands]
        return list(zip(asked, seen, strict=False))  # what is refused is seen, too, but last


def run(scenario: Scenario, directory: Path) -> Ran:
    """Run it in virtual time."""
    ran, lab = Ran(scenario), Lab(directory)

    def answer(asked: Asked) -> Script:
        behaviour = scenario.behaviour(asked.target, _name(asked.text))
        ran.seen.append(Seen(asked, len(lab.events), behaviour))
        return _script(asked, behaviour)

    def watch(_event: Event, transport: FakeTransport) -> None:
        ran.transport = transport
        ran.alive.append(frozenset(transport.alive))

    lab.patience_seconds = _PATIENCE_SECONDS
    lab.write("f")
    lab.answers(answer)
    lab.watch(watch)
    lab.stopping_takes(scenario.stop_seconds)
    _send_signals(lab, scenario)
    _cancel(lab, scenario, ran)
    with suppress(asyncio.CancelledError):
        lab.run(render(scenario.experiment))
        assert ran.cancelled_at is None
    check_spans(lab.events)
    ran.history = History(lab.events)
    return ran


def _send_signals(lab: Lab, scenario: Scenario) -> None:
    def interrupt(turns: int, run: ExperimentRun) -> None:
        _after(turns, lab, partial(run.interrupt, 2))

    for moment, turns in scenario.signals:
        lab.at(moment, partial(interrupt, turns))


def _cancel(lab: Lab, scenario: Scenario, ran: Ran) -> None:
    if scenario.cancelled_at is None:
        return
    moment, turns = scenario.cancelled_at

    def cancel() -> None:
        ran.cancelled_at = moment, len(lab.events)
        lab.cancel()

    lab.at(moment, lambda _run: _after(turns, lab, cancel))


def _after(turns: int, lab: Lab, act: Callable[[], None]) -> None:
    """Act after so many turns of the event loop, unless the run has ended."""
    if turns:
        asyncio.get_running_loop().call_soon(_after, turns - 1, lab, act)
    elif not isinstance(lab.events[-1], ExperimentFinished):
        act()


def _name(text: str) -> str:
    """What the behaviour of a command or copy goes by."""
    verb, *words = text.split()
    match verb:
        case "put":
            return words[-1]
        case "get" | "connect":
            return words[0]
        case _:
            return verb


def _script(asked: Asked, behaviour: Behaviour) -> Script:
    fails = behaviour.fails(asked.seconds)
    knows_errors = not asked.text.startswith("connect ")
    is_lost = knows_errors and fails and behaviour.is_lost
    stays_lost = knows_errors and behaviour.is_lost_when_stopped
    return Script(
        returncode=(behaviour.status or int(behaviour.is_lost)) if fails else 0,
        seconds=behaviour.seconds,
        leaves=("7 daemon",) if behaviour.leaves else (),
        error=ConnectionLostError("lost") if is_lost else None,
        error_when_stopped=ConnectionLostError("lost while stopping") if stays_lost else None,
    )
