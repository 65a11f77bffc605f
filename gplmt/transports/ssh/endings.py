"""Commands on a node whose shell has ended, and what they left running (LANGUAGE.md 6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from gplmt.commands import Origin
from gplmt.inventory import Node
from gplmt.protocols import Leftover
from gplmt.transports.leftovers import mark_of
from gplmt.transports.ssh.guarding import Found
from gplmt.transports.ssh.sessions import CommandSession

_PRUNE_AT = 200  # for each of a thousand nodes, perhaps

Remains = Mapping[str, Sequence[Found]]


class _Ended(NamedTuple):
    """What is needed of a command; its text and variables would take ten times as much."""

    identity: str
    origin: Origin
    stop_signal: str
    group: int


class Endings:
    """Remembers the commands of which something may live, those aside whose it may.

    `marks` are theirs.  When it `is_long`, a look at the node tells which can be forgotten.
    `lasting` are the sessions in which output may still come, of all commands that have ended.
    """

    def __init__(self) -> None:
        self.lasting: set[CommandSession] = set()
        self._ended: dict[str, _Ended] = {}
        self._prune_at = _PRUNE_AT

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks of the commands."""
        return tuple(self._ended)

    @property
    def group_words(self) -> list[str]:
        """The process groups of the commands, as the guard wants to know them."""
        return [f"{ended.group}:{ended.stop_signal}" for ended in self._ended.values()]

    @property
    def is_long(self) -> bool:
        """Whether it is time to forget some."""
        return len(self._ended) >= self._prune_at

    def add(self, session: CommandSession) -> None:
        """A command's shell has ended."""
        if not session.closed.done():
            self.lasting.add(session)
            session.closed.add_done_callback(partial(self._on_closed, session))
        command = session.command
        if not command.leave_running:
            self._ended[mark_of(command)] = _Ended(
                command.identity, command.origin, command.stop_signal, session.begun.result()
            )

    def remains(self, found: Iterable[Found]) -> Remains:
        """What lives, by the mark of the command that it belongs to."""
        by_group = {ended.group: mark for mark, ended in self._ended.items()}
        remains: dict[str, list[Found]] = {}
        for process in found:
            mark = process.mark or by_group.get(process.group, "")
            if mark in self._ended:
                remains.setdefault(mark, []).append(process)
        return remains

    def words_left(self, remains: Remains) -> list[str]:
        """What remains, as the guard wants to know it."""
        words = []
        for mark in remains:
            ended = self._ended[mark]
            words += [f"{ended.group}:{ended.stop_signal}:left", mark]
        return words

    def leftovers(self, remains: Remains, node: Node) -> tuple[Leftover, ...]:
        """What the engine is told of what remains."""
        return tuple(
            Leftover(
                node=node,
                identity=self._ended[mark].identity,
                origin=self._ended[mark].origin,
                # Some have been found by their marker and by their group.
                processes=tuple(dict.fromkeys(f"{each.pid} {each.name}" for each in processes)),
            )
            for mark, processes in remains.items()
        )

    def forget(self, marks: Iterable[str]) -> None:
        """Nothing lives of these, or nothing that concerns us."""
        for mark in marks:
            self._ended.pop(mark, None)
        self._prune_at = 2 * len(self._ended) + _PRUNE_AT

    def _on_closed(self, session: CommandSession, _closed: object) -> None:
        self.lasting.discard(session)
