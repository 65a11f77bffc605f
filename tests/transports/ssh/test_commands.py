"""What commands on nodes are given, and what comes back (LANGUAGE.md 5.4, 6.2)."""

from __future__ import annotations

from tests.transports.contracts.commands import *  # noqa: F403
