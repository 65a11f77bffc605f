"""The entry points: `gplmt COMMAND` and the historical `gplmt-light.py FILE`.

They set up how to be interrupted, and only then import the rest.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `gplmt` with these arguments, the process's own by default; the exit code."""
    words = _own_words() if arguments is None else arguments
    from gplmt.cli.commands import call_gplmt

    return call_gplmt(words)


def main_light(arguments: Sequence[str] | None = None) -> int:
    """Run `gplmt-light.py`, which is `gplmt run`."""
    words = _own_words() if arguments is None else arguments
    from gplmt.cli.commands import call_light

    return call_light(words)


def _own_words() -> Sequence[str]:
    """The process's arguments; the process is all ours, then.

    Until commands run, Ctrl-C just ends us.  A KeyboardInterrupt would show a traceback of imports,
    wait for libxml2 to return, and get lost where lxml is being imported.
    """
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # what imports and loading make stays: looking through it is a waste of time
    return sys.argv[1:]
