"""`gplmt plan`, the dry run: what would happen, on stdout."""

from __future__ import annotations

from gplmt.api import plan_experiment
from gplmt.cli.arguments import Arguments
from gplmt.cli.source import load_source
from gplmt.cli.streams import show, tell
from gplmt.planning.describe import describe


def plan(arguments: Arguments) -> int:
    """Print the plan; warnings go to stderr."""
    loaded = load_source(arguments)
    for warning in loaded.warnings:
        tell(str(warning))
    show(describe(plan_experiment(loaded)).removesuffix("\n"))
    return 0
