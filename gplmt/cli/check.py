"""`gplmt check`: the faults of a document, on stdout."""

from __future__ import annotations

from gplmt.cli.arguments import Arguments
from gplmt.cli.source import load_source
from gplmt.cli.streams import show
from gplmt.diagnostics import printable
from gplmt.errors import DocumentError


def check(arguments: Arguments) -> int:
    """Print all diagnostics and a verdict; the exit code is 0 where nothing is an error."""
    try:
        loaded = load_source(arguments)
    except DocumentError as error:
        show(str(error))
        return error.exit_code
    kind = "library" if loaded.experiment.is_library else "experiment"
    verdict = f"{printable(arguments.file)}: a valid {kind}"
    show("\n".join([*map(str, loaded.warnings), verdict]))
    return 0
