"""When something that was owed to a node has been done (see `gplmt.obligations`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from gplmt.engine.session import Session
from gplmt.inventory import Node


@contextmanager
def settling(session: Session, key: str | None, node: Node) -> Iterator[None]:
    """Do within the block what is owed under `key`; how it fails does not matter.

    It stays owed if it was interrupted, or could not be done just then, as the node could not be
    reached, say: then some of it, if not all, has not been done.
    """
    losses = session.losses[node.name]
    try:
        yield
    except asyncio.CancelledError:
        raise
    except BaseException:
        _settle(session, key, node, losses)
        raise
    _settle(session, key, node, losses)


def _settle(session: Session, key: str | None, node: Node, losses: int) -> None:
    if key is not None and session.losses[node.name] == losses:
        session.journal.settle(key)
