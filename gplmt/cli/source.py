"""What all commands do first: load the experiment that was named."""

from __future__ import annotations

from gplmt.api import Source, load_experiment
from gplmt.cli.arguments import Arguments
from gplmt.loading import Loaded


def load_source(arguments: Arguments) -> Loaded:
    """Load FILE as the options say.

    Raises:
        DocumentError: with all faults.
        UsageError: an option names what is not there.
    """
    return load_experiment(
        Source(
            file=arguments.file,
            working_directory=arguments.directory,
            include_directories=arguments.include_directories,
            rng=arguments.rng,
        )
    )
