"""What goes from the nodes at the end of a run: processes left behind, copies (11.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gplmt.engine.asking import ask
from gplmt.engine.copies import Copy
from gplmt.engine.session import Session
from gplmt.errors import TaskError
from gplmt.events import CopiesRemoved, LeftoverStopped, UnfinishedRemoved
from gplmt.inventory import Node


async def stop_leftovers(session: Session) -> None:
    """Stop what runs left running, and tell of it."""
    for transport in session.transports.values():
        for leftover in await transport.stop_leftovers():
            origin = leftover.command.origin
            session.recorder.emit(
                LeftoverStopped(
                    time=session.now(),
                    at=origin.at,
                    target=origin.target,
                    step=origin.step,
                    tasklist=origin.tasklist,
                    task=origin.task,
                    processes=leftover.processes,
                )
            )


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
        if copy.node is None:
            continue
        is_tidy = not copy.roots or await remove_unfinished(
            session, copy.node, at=copy.at, roots=copy.roots, stem=copy.stem
        )
        if copy.paths and await remove_paths(session, copy.node, at=copy.at, paths=copy.paths):
            continue
        if is_tidy:
            copy.settle()


async def remove_unfinished(
    session: Session, node: Node, *, at: str, roots: Sequence[str], stem: str
) -> bool:
    """Remove what a copy was still writing when it was cut off; False if that cannot be told."""
    from gplmt.transports.unfinished import unfinished_script  # few copies are cut off

    try:
        completed, removed = await ask(session, node, unfinished_script(roots, stem))
    except TaskError:
        return False
    if count := len(removed.splitlines()):
        session.recorder.emit(
            UnfinishedRemoved(time=session.now(), target=node.name, at=at, removed=count)
        )
    return completed.returncode == 0


async def remove_paths(
    session: Session, node: Node, *, at: str, paths: Sequence[str]
) -> tuple[str, ...]:
    """Remove what a put created, parents first in `paths`; what could not be removed."""
    remaining = await session.transport(node).remove(node, paths)
    session.recorder.emit(
        CopiesRemoved(
            time=session.now(),
            target=node.name,
            at=at,
            removed=len(paths) - len(remaining),
            remaining=remaining,
        )
    )
    return remaining
