"""Removing from nodes, at the end of a run, what copies have left to be removed (11.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gplmt.engine.asking import ask
from gplmt.engine.copies import Copy
from gplmt.engine.session import Session
from gplmt.errors import TaskError
from gplmt.events import CopiesRemoved, UnfinishedRemoved


async def remove_copies(session: Session) -> None:
    """Remove what puts made for the time of the experiment, and what they could not finish.

    On all nodes at once, the latest copy of each first.  What cannot be removed stays owed.
    """
    by_node: dict[str | None, list[Copy]] = {}
    for copy in reversed(session.copies.pending):
        by_node.setdefault(copy.target, []).append(copy)
    async with asyncio.TaskGroup() as group:
        for copies in by_node.values():
            group.create_task(_remove_in_order(session, copies))


async def _remove_in_order(session: Session, copies: Sequence[Copy]) -> None:
    for copy in copies:
        is_tidy = await remove_unfinished(session, copy)
        if await _remove_paths(session, copy) and is_tidy:
            copy.settle()


async def remove_unfinished(session: Session, copy: Copy) -> bool:
    """Remove what a copy was still writing when it was cut off; False if that cannot be told."""
    if copy.node is None or not copy.roots:
        return True
    from gplmt.transports.unfinished import unfinished_script

    try:
        completed, removed = await ask(session, copy.node, unfinished_script(copy.roots, copy.stem))
    except TaskError:
        return False
    if paths := tuple(removed.splitlines()):
        session.recorder.emit(
            UnfinishedRemoved(
                time=session.now(), target=copy.node.name, at=copy.at, removed=len(paths)
            )
        )
    return completed.returncode == 0


async def _remove_paths(session: Session, copy: Copy) -> bool:
    if copy.node is None or not copy.paths:
        return True
    remaining = await session.transport(copy.node).remove(copy.node, copy.paths)
    session.recorder.emit(
        CopiesRemoved(
            time=session.now(),
            target=copy.node.name,
            at=copy.at,
            removed=len(copy.paths) - len(remaining),
            remaining=remaining,
        )
    )
    return not remaining
