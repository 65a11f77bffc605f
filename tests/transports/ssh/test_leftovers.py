"""What commands leave running on nodes when their shell has ended (LANGUAGE.md 6.2, 11.1)."""

from __future__ import annotations

from tests.transports.contracts.leftovers import *  # noqa: F403
