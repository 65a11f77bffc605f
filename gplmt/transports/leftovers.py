"""Local commands whose shell has ended, and what they left running (LANGUAGE.md 6.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gplmt.inventory import Node
from gplmt.protocols import Command
from gplmt.transports.guard import Guard
from gplmt.transports.processes import (
    ProcessStat,
    leaderless_group_exists,
    live_processes,
    marked_processes,
)
from gplmt.transports.shells import Shell

_PRUNE_AT = 1000


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
        if execution.command.leave_running:
            self._guard.remove(execution.mark)
        elif execution.has_group:
            self._guard.add(execution.left_word)
        self._executions[execution.mark] = execution
        if len(self._executions) >= self._prune_at:
            self._prune()

    def take_kept(self) -> list[Execution]:
        """Forget and return the commands whose processes shall live on."""
        return self._take(leave_running=True)

    def take_others(self) -> list[Execution]:
        """Forget and return the commands whose processes are to be stopped."""
        return self._take(leave_running=False)

    def _take(self, *, leave_running: bool) -> list[Execution]:
        taken = [
            execution
            for execution in self._executions.values()
            if execution.command.leave_running is leave_running
        ]
        for execution in taken:
            del self._executions[execution.mark]
        return taken

    def _prune(self) -> None:
        marks = {process.mark for process in marked_processes(self._token)}
        for mark, execution in list(self._executions.items()):
            if execution.shell.is_quiet and (
                execution.command.leave_running or (mark not in marks and not execution.has_group)
            ):
                self._guard.remove(execution.left_word)
                del self._executions[mark]
        self._prune_at = max(_PRUNE_AT, 2 * len(self._executions))


def find_remains(executions: Iterable[Execution], *, token: str) -> list[Remains]:
    """What lives of ended commands; those of which nothing does are left out."""
    marked: defaultdict[str, set[int]] = defaultdict(set)
    for found in marked_processes(token):
        marked[found.mark].add(found.pid)
    suspects = [
        execution for execution in executions if execution.mark in marked or execution.has_group
    ]
    living = {process.pid: process for process in live_processes()} if suspects else {}
    remains = (_remains(execution, marked[execution.mark], living) for execution in suspects)
    return [found for found in remains if found is not None]


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
