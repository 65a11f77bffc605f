"""`gplmt plan`, the dry run: what would happen, on stdout."""

from __future__ import annotations

import sys

from gplmt.api import plan_experiment
from gplmt.cli.arguments import Arguments
from gplmt.cli.source import load_source
from gplmt.planning.describe import describe


def plan(arguments: Arguments) -> int:
    """Print the plan; warnings go to stderr."""
    loaded = load_source(arguments)
    for warning in loaded.warnings:
        print(warning, file=sys.stderr)
    sys.stdout.write(describe(plan_experiment(loaded)))
    sys.stdout.flush()
    return 0
