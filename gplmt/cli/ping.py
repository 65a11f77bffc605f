"""`gplmt ping`: which targets of an experiment answer, on stdout."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence

from gplmt.api import new_run_token, ping_nodes, resolve_slices, transports_to
from gplmt.cli.arguments import Arguments
from gplmt.cli.ping_report import render_json, render_table
from gplmt.cli.source import load_source
from gplmt.cli.streams import show, tell
from gplmt.diagnostics import Location, suggestion
from gplmt.errors import UsageError
from gplmt.inventory import Node, is_pattern
from gplmt.loading import Loaded
from gplmt.prompting import ask_secret, can_ask
from gplmt.protocols import TransportSettings
from gplmt.recording.logs import raise_descriptor_limit

_MOST_NAMED = 5


def ping(arguments: Arguments) -> int:
    """Print what came of each target; the exit code is 0 where all answered.

    Raises:
        DocumentError, UsageError, SetupError: nothing was connected to.
    """
    loaded = load_source(arguments)
    names = _names(loaded, arguments)
    may_ask = not arguments.ssh.is_batch and can_ask()
    loaded = resolve_slices(loaded, names=names, ask_secret=ask_secret if may_ask else None)
    nodes = [member.node for member in loaded.inventory.members(names)]
    settings = TransportSettings(
        directory=arguments.directory.absolute(),
        grace_seconds=arguments.grace_seconds,
        run_token=new_run_token(),
        descriptor_limit=raise_descriptor_limit(),
        ssh=arguments.ssh,
        warn=_warn,
    )
    transports = transports_to(nodes, settings)
    gc.enable()  # `main` had it off until here
    result = ping_nodes(nodes, transports=transports, tell_waiting=_tell_waiting)
    if arguments.is_json:
        show(render_json(result.pinged))
    else:
        show(render_table(result.pinged, width=_width()))
    return result.exit_code


def _names(loaded: Loaded, arguments: Arguments) -> Sequence[str]:
    """The declared targets that were asked for, groups among them, in document order."""
    declared = loaded.experiment.targets
    if not declared:
        raise UsageError(f"{loaded.experiment.at}: error: there are no targets to ping")
    wanted: set[str] = set()
    for word in arguments.targets:
        matches = loaded.inventory.match(word)
        if not matches:
            raise UsageError(_unknown(word, list(declared)))
        wanted.update(matches)
    return [name for name in declared if name in wanted or not wanted]


def _unknown(word: str, declared: Sequence[str]) -> str:
    if is_pattern(word):
        return f"the pattern '{word}' of --target matches no target"
    meant = suggestion(word, declared)
    hint = "" if meant is None else f"; did you mean '{meant}'?"
    return f"unknown target '{word}' of --target{hint}"


def _warn(message: str, at: Location | None) -> None:
    place = "gplmt" if at is None else str(at)
    tell(f"{place}: warning: {message}")


def _tell_waiting(waiting: Sequence[Node]) -> None:
    names = ", ".join(node.name for node in waiting[:_MOST_NAMED])
    others = len(waiting) - _MOST_NAMED
    more = f" and {others} more" if others > 0 else ""
    tell(f"gplmt: waiting for {names}{more}; Ctrl-C shows what is known")


def _width() -> int | None:
    """That of the terminal which stdout is, None if it is none."""
    try:
        return os.get_terminal_size(1).columns
    except OSError:
        return None
