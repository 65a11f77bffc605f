"""Local commands whose shell has ended, and what they left running (LANGUAGE.md 6.2)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gplmt.commands import Command
from gplmt.inventory import Node
from gplmt.protocols import Leftover
from gplmt.transports.guard import Guard
from gplmt.transports.processes import (
    ProcessStat,
    Sweep,
    leaderless_group_exists,
    live_processes,
)
from gplmt.transports.shells import Shell

_PRUNE_AT = 1000
_MAX_SWEEPS = 50
_PAUSE_SECONDS = 0.002


class Execution(NamedTuple):
    """One command and its shell."""

    node: Node
    command: Command
    shell: Shell

    @property
    def mark(self) -> str:
        """What its processes' markers have after the run's token; see `mark_of`."""
        return mark_of(self.command)

    @property
    def word(self) -> str:
        """Its process group, as the guard wants to know it."""
        return f"{self.shell.group}:{self.command.stop_signal}"

    @property
    def left_word(self) -> str:
        """Its process group once the shell has been reaped, as the guard wants to know it."""
        return f"{self.word}:left"

    @property
    def has_group(self) -> bool:
        """Whether its group has members, though its shell has ended."""
        return leaderless_group_exists(self.shell.group)


class Remains(NamedTuple):
    """What lives of an ended command: its group if that has members, and "PID NAME" of all."""

    execution: Execution
    group: int | None
    processes: tuple[str, ...]

    def as_leftover(self) -> Leftover:
        """What the engine is told of it."""
        node, command, _ = self.execution
        return Leftover(
            node=node,
            identity=command.identity,
            origin=command.origin,
            processes=self.processes,
        )


class EndedCommands:
    """Remembers the commands of which something may live: a process, or a pipe.

    Whether something in a session of its own lives is seen by a look at all processes only, so
    that happens once in many commands.
    """

    def __init__(self, *, token: str, guard: Guard) -> None:
        self._token = token
        self._guard = guard
        self._executions: dict[str, Execution] = {}
        self._prune_at = _PRUNE_AT

    def add(self, execution: Execution) -> None:
        """A shell has ended; from now on the guard stops what it left, or lets it live."""
        self._guard.remove(execution.word)
        if execution.command.leave_running:  # which sends both words, the group's first
            self._guard.remove(execution.mark)
        elif execution.has_group:
            self._guard.add(execution.left_word)
        self._executions[execution.mark] = execution
        if len(self._executions) >= self._prune_at:
            self._prune()

    def to_be_kept(self) -> list[Execution]:
        """The commands whose processes shall live on."""
        return [each for each in self._executions.values() if each.command.leave_running]

    def to_be_stopped(self) -> list[Execution]:
        """The commands whose processes shall not."""
        return [each for each in self._executions.values() if not each.command.leave_running]

    def forget(self, execution: Execution) -> None:
        """Nothing lives of it, or nothing that concerns us."""
        self._executions.pop(execution.mark, None)
        self._guard.remove(execution.left_word)

    def _prune(self) -> None:
        self._prune_at = len(self._executions) + _PRUNE_AT
        sweep = Sweep(self._token)
        marks = {process.mark for process in sweep}
        if not sweep.is_conclusive:
            return
        for mark, execution in list(self._executions.items()):
            if execution.shell.is_quiet and (
                execution.command.leave_running or (mark not in marks and not execution.has_group)
            ):
                self.forget(execution)
        self._prune_at = 2 * len(self._executions) + _PRUNE_AT


async def find_remains(executions: Sequence[Execution], *, token: str) -> list[Remains]:
    """What lives of ended commands; those of which nothing does are left out."""
    if not executions:
        return []
    marked = await _find_marked(token)
    suspects = [
        execution for execution in executions if execution.mark in marked or execution.has_group
    ]
    living = {process.pid: process for process in live_processes()} if suspects else {}
    remains = (_remains(execution, marked[execution.mark], living) for execution in suspects)
    return [found for found in remains if found is not None]


async def _find_marked(token: str) -> defaultdict[str, set[int]]:
    marked: defaultdict[str, set[int]] = defaultdict(set)
    for _ in range(_MAX_SWEEPS):
        sweep = Sweep(token)
        for process in sweep:
            marked[process.mark].add(process.pid)
        if sweep.is_conclusive:
            break
        await asyncio.sleep(_PAUSE_SECONDS)
    return marked


def _remains(
    execution: Execution, marked: set[int], living: Mapping[int, ProcessStat]
) -> Remains | None:
    group = execution.shell.group if execution.has_group else None
    grouped = {pid for pid, process in living.items() if process.group == group}
    pids = sorted(marked | grouped)
    if pids:
        return Remains(execution, group, tuple(_describe(pid, living) for pid in pids))
    if group is not None and not living:  # no /proc, which would tell more
        return Remains(execution, group, (f"{group} ?",))
    return None


def _describe(pid: int, living: Mapping[int, ProcessStat]) -> str:
    return f"{pid} {living[pid].name if pid in living else '?'}"


def mark_of(command: Command) -> str:
    """What stands in the markers of a command's processes, after the run's token.

    The first letter says whether its processes are left alone once its shell has ended.
    """
    return f"{'l' if command.leave_running else 's'}{command.identity}/"
