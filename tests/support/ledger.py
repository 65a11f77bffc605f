"""A journal in memory: what a run owed, in the order in which it said so."""

from __future__ import annotations

from gplmt.inventory import Node
from gplmt.obligations import NodeInUse, Obligation, is_pressing, node_key


class Ledger:
    """A `Journal`; `said` are obligations, and keys of what was settled."""

    def __init__(self) -> None:
        self.said: list[Obligation | str] = []
        self.owed: dict[str, Obligation] = {}
        self.secured_at: list[int] = []

    @property
    def pressing(self) -> list[Obligation]:
        """What is owed beyond the end of the run."""
        return [each for each in self.owed.values() if is_pressing(each)]

    def owe(self, obligation: Obligation) -> None:
        """Keep it."""
        assert not is_pressing(obligation) or obligation.target in self._nodes()  # type: ignore[attr-defined]
        self.said.append(obligation)
        self.owed[obligation.key] = obligation

    def use(self, node: Node) -> None:
        """Keep it."""
        self.owed.setdefault(node_key(node.name), NodeInUse(key=node_key(node.name), node=node))

    def settle(self, key: str) -> None:
        """Strike it out."""
        if self.owed.pop(key, None) is not None:
            self.said.append(key)

    async def secured(self) -> None:
        """Note how much had been said."""
        self.secured_at.append(len(self.said))

    def sync(self) -> None:
        """Note how much had been said."""
        self.secured_at.append(len(self.said))

    def _nodes(self) -> set[str | None]:
        in_use = {each.node.name for each in self.owed.values() if isinstance(each, NodeInUse)}
        return {None, *in_use}  # without a target, it is the execution host
