"""What is known of a run that ended without doing all that it owes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct

from gplmt.inventory import Node
from gplmt.language.tasks import Tasklist
from gplmt.obligations import AnyObligation, NodeInUse


class Debts(Struct, frozen=True, kw_only=True):
    """What is known of a run that has ended.

    `owed` are its obligations in their order, by key; `tasklists` those that they name, and what
    they call.  `here` stands for the execution host.
    """

    owed: Mapping[str, AnyObligation]
    tasklists: Mapping[str, Tasklist]
    run_tokens: tuple[str, ...]
    grace: timedelta
    here: Node
    host_environment: Mapping[str, str]

    def nodes(self) -> dict[str, Node]:
        """The nodes that the run has used, by name."""
        used = (each.node for each in self.owed.values() if isinstance(each, NodeInUse))
        return {node.name: node for node in used}
