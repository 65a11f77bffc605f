"""What a run that has ended still owes to its nodes, and doing it (LANGUAGE.md 11.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from gplmt.engine.asking import ask
from gplmt.engine.context import Context, Progress, Quorum
from gplmt.engine.debts import Debts
from gplmt.engine.duties import settling
from gplmt.engine.interpreter import Interpreter
from gplmt.engine.scopes import Scope
from gplmt.engine.session import Session, Tally
from gplmt.engine.signals import Stop
from gplmt.engine.tidying import Made, remove_made, remove_unfinished
from gplmt.errors import TaskError
from gplmt.events import Outcome, SurvivorsStopped, TeardownFinished, TeardownStarted
from gplmt.inventory import HostValue, Node
from gplmt.language.values import OnError
from gplmt.obligations import (
    CleanupDue,
    CommandAlive,
    FilesToRemove,
    TasklistDue,
    TeardownDue,
    UnfinishedFiles,
    node_key,
    read_path,
    written_path,
)
from gplmt.transports.survivors import survivors_script

_CANNOT_LOOK = 3
_T = TypeVar("_T")
_O = TypeVar("_O", CommandAlive, CleanupDue, UnfinishedFiles)


class Arrears:
    """Does what is owed, and settles it in the session's journal.

    `tally` counts what failed.  `faults` say, by target, why something stays owed there.
    """

    def __init__(self, session: Session, debts: Debts, *, parent: int) -> None:
        self.tally = Tally()
        self.faults: dict[str, str] = {}
        self._session = session
        self._debts = debts
        self._nodes = debts.nodes()
        self._lost: set[str] = set()
        self._parent = parent
        self._interpreter = Interpreter(session, debts.tasklists)

    async def work_off(self) -> None:
        """Do everything in the order of LANGUAGE.md 11.1, save that what lives is stopped first.

        Cancelled, it leaves owed what is not done.
        """
        await _all(self._stop_survivors, self._nodes.values())
        await self._clean_up(is_background=False)
        await self._tear_down()
        await self._clean_up(is_background=True)
        await _all(self._remove_unfinished, [*self._nodes.values(), self._debts.here])
        await self._remove_made()
        for name in (*self._nodes, self._debts.here.name):
            if name not in self.faults:
                self._session.journal.settle(node_key(name))

    async def _stop_survivors(self, node: Node) -> None:
        commands = self._of(CommandAlive, node.name)
        script = survivors_script(
            self._debts.run_tokens,
            groups=[command.group for command in commands if command.group is not None],
            markers=[command.marker for command in commands if command.leave_running],
            grace_seconds=self._debts.grace.total_seconds(),
        )
        try:
            completed, found = await ask(self._session, node, script)
        except TaskError as error:
            self._lose(node, str(error))
            return
        if processes := tuple(found.split("\n")[:-1]):
            self._session.recorder.emit(
                SurvivorsStopped(time=self._session.now(), target=node.name, processes=processes)
            )
        if completed.returncode == _CANNOT_LOOK and commands:
            self.faults[node.name] = "there is no /proc to look for processes"
        elif completed.returncode not in (0, _CANNOT_LOOK):
            self.faults[node.name] = "some processes cannot be stopped"
        else:
            for command in commands:
                self._session.journal.settle(command.key)

    async def _clean_up(self, *, is_background: bool) -> None:
        """Run the cleanups of what was cut off, the latest on each target first."""

        async def clean_up(node: Node) -> None:
            for due in reversed(self._of(CleanupDue, node.name)):
                if due.background is is_background:
                    await self._run(due, node, parent=self._parent, is_cleanup=True)

        await _all(clean_up, self._nodes.values())

    async def _tear_down(self) -> None:
        teardowns: dict[str, list[TeardownDue]] = {}
        for each in self._debts.owed.values():
            if isinstance(each, TeardownDue):
                teardowns.setdefault(each.step, []).append(each)
        for step, dues in teardowns.items():
            await self._tear_down_one(step, dues)

    async def _tear_down_one(self, step: str, dues: Sequence[TeardownDue]) -> None:
        first, span, outcome = dues[0], self._session.span(), None
        failures = self.tally.failures
        self._session.recorder.emit(
            TeardownStarted(
                time=self._session.now(),
                span=span,
                parent=self._parent,
                at=first.at,
                step=step,
                tasklist=first.tasklist,
                targets=tuple(due.target for due in dues),
            )
        )

        async def run(due: TeardownDue) -> None:
            await self._run(due, self._nodes[due.target], parent=span)

        try:
            await _all(run, dues)
            outcome = Outcome.OK if self.tally.failures == failures else Outcome.FAILED
        finally:
            self._session.recorder.emit(
                TeardownFinished(
                    time=self._session.now(),
                    span=span,
                    parent=self._parent,
                    at=first.at,
                    step=step,
                    tasklist=first.tasklist,
                    outcome=outcome or self._session.stopped,
                )
            )

    async def _run(
        self, due: TasklistDue, node: Node, *, parent: int, is_cleanup: bool = False
    ) -> None:
        """Run a tasklist, unless its node could not be reached a moment ago."""
        if node.name in self._lost:
            return
        context = Context(
            node=node,
            step=due.step,
            iteration=due.iteration,
            variables=self._variables(due, node),
            quorum=Quorum(target_count=1, required=None),
            tally=self.tally,
            progress=Progress(),
            tasklist=due.tasklist,
            on_error=OnError.STOP_TASKLIST,
            parent=parent,
            is_cleanup=is_cleanup,
            must_run=True,
        )
        losses = self._session.losses[node.name]
        try:
            with settling(self._session, due.key, node):
                await self._interpreter.run_tasklist(context, due.tasklist)
        except Stop:  # there is nothing that it could stop
            pass
        if self._session.losses[node.name] != losses:
            is_here = node.address.kind == "local"
            self._lose(node, "commands cannot be started" if is_here else "the connection was lost")

    def _variables(self, due: TasklistDue, node: Node) -> dict[str, str]:
        environment = self._debts.host_environment
        variables = dict(due.variables)
        for name in due.host_variables:
            variables[name] = HostValue(environment[name])
        if node.address.kind == "local":
            variables["GPLMT_RUN_DIR"] = str(self._session.run_directory)
        return variables

    async def _remove_unfinished(self, node: Node) -> None:
        target = None if node is self._debts.here else node.name
        for owed in self._of(UnfinishedFiles, target) if node.name not in self._lost else ():
            roots = [read_path(root) for root in owed.roots]
            if await remove_unfinished(
                self._session, node, at=str(node.at), roots=roots, stem=owed.stem
            ):
                self._session.journal.settle(owed.key)
            else:
                self.faults[node.name] = "unfinished files cannot be removed"

    async def _remove_made(self) -> None:
        owed = [
            each
            for each in self._debts.owed.values()
            if isinstance(each, FilesToRemove) and each.target not in self._lost
        ]
        made = [
            Made(node=self._nodes[each.target], at=each.at, paths=tuple(map(read_path, each.paths)))
            for each in owed
        ]
        remaining = await remove_made(self._session, made)
        for each, left in zip(owed, remaining, strict=True):
            if not left:
                self._session.journal.settle(each.key)
                continue
            self.faults[each.target] = f"could not remove {', '.join(left)}"
            self._session.journal.owe(replace(each, paths=tuple(map(written_path, left))))

    def _lose(self, node: Node, reason: str) -> None:
        self._lost.add(node.name)
        self.faults[node.name] = reason

    def _of(self, kind: type[_O], target: str | None) -> list[_O]:
        return [
            each
            for each in self._debts.owed.values()
            if isinstance(each, kind) and each.target == target
        ]


async def _all(job: Callable[[_T], Awaitable[None]], things: Iterable[_T]) -> None:
    """Do a job for all things at once; cancelled, stop them all."""
    async with Scope() as scope:
        for thing in things:
            scope.start(job, thing)
