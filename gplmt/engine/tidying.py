"""What goes from the nodes at the end of a run: processes left behind, copies (11.1)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from msgspec import Struct

from gplmt.engine.asking import ask
from gplmt.engine.copies import Copy
from gplmt.engine.losses import needing_threads
from gplmt.engine.session import Session
from gplmt.errors import LaunchError, TaskError
from gplmt.events import CopiesRemoved, LeftoverStopped, UnfinishedRemoved
from gplmt.inventory import Node

_PASSES = 2
_T = TypeVar("_T")


class Made(Struct, frozen=True, kw_only=True):
    """What a put made on a node, to be removed: absolute paths, parents first."""

    node: Node
    at: str
    paths: tuple[str, ...]


async def stop_leftovers(session: Session) -> None:
    """Stop what runs left running, and tell of it."""
    for transport in session.transports.values():
        for leftover in await transport.stop_leftovers():
            origin = leftover.origin
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

    What cannot be removed stays owed.
    """
    pending = session.copies.pending

    async def finish(cut_off: tuple[Node, Copy]) -> None:
        node, copy = cut_off
        if copy.roots and await remove_unfinished(
            session, node, at=copy.at, roots=copy.roots, stem=copy.stem
        ):
            copy.settle_unfinished()

    await _in_order_on_each(pending, lambda pair: pair[0].name, finish)
    made = [Made(node=node, at=copy.at, paths=copy.paths) for node, copy in pending]
    for (_, copy), remaining in zip(pending, await remove_made(session, made), strict=True):
        if not remaining and not copy.roots:
            copy.settle()


async def remove_made(session: Session, made: Sequence[Made]) -> list[tuple[str, ...]]:
    """Remove what puts made, the latest first; what of each could not be removed.

    In two passes: targets may be one host, and a directory that one put made may be empty only
    when what others put there is gone.
    """
    remaining = [each.paths for each in made]

    async def remove(index: int) -> None:
        node = made[index].node
        with suppress(LaunchError), needing_threads():  # so they remain
            remaining[index] = await session.transport(node).remove(node, remaining[index])

    for _ in range(_PASSES):
        indexes = [index for index in reversed(range(len(made))) if remaining[index]]
        await _in_order_on_each(indexes, lambda index: made[index].node.name, remove)
    for each, left in zip(made, remaining, strict=True):
        if each.paths:
            _emit_removed(session, each, left)
    return remaining


async def remove_unfinished(
    session: Session, node: Node, *, at: str, roots: Sequence[str], stem: str
) -> bool:
    """Remove what a copy was still writing when it was cut off; False if that cannot be told."""
    from gplmt.transports.unfinished import unfinished_script  # few copies are cut off

    try:
        completed, removed = await ask(session, node, unfinished_script(roots, stem))
    except TaskError:
        return False
    if count := removed.count("\n"):
        session.recorder.emit(
            UnfinishedRemoved(time=session.now(), target=node.name, at=at, removed=count)
        )
    return completed.returncode == 0


async def _in_order_on_each(
    things: Iterable[_T], node_of: Callable[[_T], str], job: Callable[[_T], Awaitable[None]]
) -> None:
    """Do a job for things, on all nodes at once, on each in this order."""
    by_node: defaultdict[str, list[_T]] = defaultdict(list)
    for thing in things:
        by_node[node_of(thing)].append(thing)

    async def in_order(of_node: Sequence[_T]) -> None:
        for thing in of_node:
            await job(thing)

    async with asyncio.TaskGroup() as group:
        for of_node in by_node.values():
            group.create_task(in_order(of_node))


def _emit_removed(session: Session, made: Made, remaining: tuple[str, ...]) -> None:
    session.recorder.emit(
        CopiesRemoved(
            time=session.now(),
            target=made.node.name,
            at=made.at,
            removed=len(made.paths) - len(remaining),
            remaining=remaining,
        )
    )
