"""Registered teardowns: once each, in order, however the experiment ends (LANGUAGE.md 9.5)."""

from __future__ import annotations

from gplmt.engine.context import Quorum
from gplmt.engine.session import Session, Tally
from gplmt.engine.signals import Stop
from gplmt.engine.step import FanOut, StepRunner, Surroundings
from gplmt.events import Outcome, TeardownFinished, TeardownRegistered, TeardownStarted
from gplmt.obligations import TeardownDue, split_variables
from gplmt.planning import Teardown


class Teardowns:
    """What to run at the end, in order of registration."""

    def __init__(self, session: Session, steps: StepRunner, *, parent: int) -> None:
        self._session = session
        self._steps = steps
        self._parent = parent
        self._registered: dict[object, tuple[Teardown, FanOut]] = {}

    async def register(self, teardown: Teardown, surroundings: Surroundings) -> None:
        """Remember a teardown with the variables of this moment; a repetition changes nothing.

        It takes effect at once; on return it does so should the machine crash, too.
        """
        variables = {**surroundings.variables, **teardown.environment}
        targets = tuple(member.node.name for member in teardown.members)
        key = (teardown.tasklist, targets, tuple(sorted(variables.items())))
        if key in self._registered:
            return
        step = f"teardown-{len(self._registered) + 1}"
        fan_out = FanOut(
            step=step,
            tasklist=teardown.tasklist,
            members=teardown.members,
            variables=variables,
            iteration=None,
            quorum=Quorum(target_count=len(targets), required=None),
            span=self._session.span(),
            parent=self._parent,
            due={target: f"{step} {target}" for target in targets},
        )
        self._owe(teardown, fan_out)
        self._registered[key] = teardown, fan_out
        self._session.recorder.emit(
            TeardownRegistered(
                time=self._session.now(),
                at=str(teardown.at),
                step=fan_out.step,
                tasklist=teardown.tasklist,
                targets=targets,
            )
        )
        await self._session.journal.secured()

    async def run(self, tally: Tally) -> None:
        """Run all, one after another; a failing one does not stop the next."""
        for teardown, fan_out in self._registered.values():
            await self._run_one(teardown, fan_out, tally)

    def _owe(self, teardown: Teardown, fan_out: FanOut) -> None:
        journal = self._session.journal
        for index, member in enumerate(fan_out.members):
            variables = self._steps.variables(fan_out, index, member)
            literal, host_variables = split_variables(variables)
            journal.use(member.node)
            journal.owe(
                TeardownDue(
                    key=fan_out.due[member.node.name],
                    at=str(teardown.at),
                    target=member.node.name,
                    step=fan_out.step,
                    tasklist=teardown.tasklist,
                    variables=literal,
                    host_variables=host_variables,
                )
            )

    async def _run_one(self, teardown: Teardown, fan_out: FanOut, tally: Tally) -> None:
        self._emit_started(teardown, fan_out)
        own, outcome = Tally(tally), None
        losses = self._session.losses.copy()
        try:
            await self._steps.run_members(fan_out, own)
            outcome = Outcome.FAILED if own.failures else Outcome.OK
        except Stop:  # there is nothing left to stop but this teardown
            outcome = Outcome.FAILED
            for target, key in fan_out.due.items():  # also of those that were stopped with it
                if self._session.losses[target] == losses[target]:
                    self._session.journal.settle(key)
        finally:
            self._session.recorder.emit(
                TeardownFinished(
                    time=self._session.now(),
                    span=fan_out.span,
                    parent=fan_out.parent,
                    at=str(teardown.at),
                    step=fan_out.step,
                    tasklist=teardown.tasklist,
                    outcome=outcome or self._session.stopped,
                )
            )
        self._session.raise_if_stopped()

    def _emit_started(self, teardown: Teardown, fan_out: FanOut) -> None:
        self._session.recorder.emit(
            TeardownStarted(
                time=self._session.now(),
                span=fan_out.span,
                parent=fan_out.parent,
                at=str(teardown.at),
                step=fan_out.step,
                tasklist=teardown.tasklist,
                targets=tuple(member.node.name for member in fan_out.members),
            )
        )
