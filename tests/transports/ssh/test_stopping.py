"""Stopping commands on nodes: nothing that they started survives there (LANGUAGE.md 7.5, 11.2)."""

from __future__ import annotations

from tests.transports.contracts.stopping import *  # noqa: F403
