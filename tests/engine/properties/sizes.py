"""How many examples the properties are tried with; docs/contributing.md says how to have more."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)  # explaining takes minutes
_DATABASE = Path(".hypothesis/examples")


def short(examples: int) -> settings:
    """The same few examples each time; no file is written."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=_PHASES,
        suppress_health_check=_SLOW,
    )


def long(examples: int) -> settings:
    """Others each time; `PROPERTY_EXAMPLES` says how many, in place of `examples`."""
    return settings(
        max_examples=int(os.environ.get("PROPERTY_EXAMPLES") or examples),
        database=_database(),
        deadline=None,
        phases=_PHASES,
        print_blob=True,
        suppress_health_check=_SLOW,
    )


def _database() -> ExampleDatabase | None:
    """What has failed before, tried first; nowhere in a tree that cannot be written."""
    is_writable = os.access(_DATABASE.parent if _DATABASE.parent.exists() else ".", os.W_OK)
    return DirectoryBasedExampleDatabase(_DATABASE) if is_writable else None
