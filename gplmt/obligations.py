"""What a run still owes: one frozen class for each thing to be stopped, run or removed.

The journal of a run (`journal.jsonl`) holds them, for `gplmt cleanup`.  Each has a `key`, unique
in its run; what is told later under the same key replaces it, and `Done` ends it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from gplmt.inventory import HostValue, Node
from gplmt.language.tasks import Tasklist
from gplmt.language.values import HostKeyChecking

FORMAT = 1
_FIRST_SURROGATE = 0xDC00
_SURROGATES = frozenset(map(chr, range(0xDC80, 0xDD00)))


class Statement(Struct, frozen=True, kw_only=True, tag=True, tag_field="kind", omit_defaults=True):
    """One line of a journal."""


class JournalOpened(Statement, frozen=True, kw_only=True):
    """The first line, and one more for every cleanup that has begun.

    `run_tokens` mark the processes of the run and of its cleanups so far.  Relative paths lead
    from `started_in`; `directory` is where local commands start.  `tasklists` are those that may
    have to run after a crash.  The other fields are the options of the run.
    """

    format: int = FORMAT
    gplmt: str
    process: int
    run_tokens: tuple[str, ...]
    started_in: str
    directory: str
    grace_seconds: float
    ssh_config: str | None = None
    host_key_checking: HostKeyChecking | None = None
    ssh_parallelism: int
    ssh_cooldown_seconds: float
    lease_seconds: float
    tasklists: tuple[Tasklist, ...] = ()


class Done(Statement, frozen=True, kw_only=True):
    """Nothing is owed under this key any more."""

    key: str


class Obligation(Statement, frozen=True, kw_only=True):
    """Something is owed from now on."""

    key: str


class NodeInUse(Obligation, frozen=True, kw_only=True):
    """Something of the run may live on a node, or have to be done there."""

    node: Node


class CommandAlive(Obligation, frozen=True, kw_only=True):
    """A command is about to start, or lives; what bears the marker is its.

    The process group is known once it lives.
    """

    target: str
    marker: str
    group: int | None = None
    leave_running: bool = False


class TasklistDue(Obligation, frozen=True, kw_only=True):
    """A tasklist is to run once on a target.

    `variables` are all that its commands get, save those whose values came from the execution
    host's environment: of these, `host_variables` are the names (LANGUAGE.md 5.1).
    """

    at: str
    target: str
    step: str
    iteration: str | None = None
    tasklist: str
    variables: dict[str, str]
    host_variables: tuple[str, ...] = ()


class CleanupDue(TasklistDue, frozen=True, kw_only=True):
    """A tasklist has begun, so its cleanup is to run (LANGUAGE.md 7.4)."""

    background: bool = False


class TeardownDue(TasklistDue, frozen=True, kw_only=True):
    """A teardown has been registered (LANGUAGE.md 9.5); `step` is its name."""


class FilesToRemove(Obligation, frozen=True, kw_only=True):
    """A put with keep="false" is about to create these absolute paths, parents first.

    Paths are as `written_path` writes them.
    """

    at: str
    target: str
    paths: tuple[str, ...]


class UnfinishedFiles(Obligation, frozen=True, kw_only=True):
    """A copy is under way: unfinished files lie beside or below `roots`, absolute paths.

    Their names begin with `.gplmt-` and `stem`.  Without a target, on the execution host.  Paths
    are as `written_path` writes them.
    """

    target: str | None = None
    stem: str
    roots: tuple[str, ...]


AnyObligation = (
    NodeInUse | CommandAlive | CleanupDue | TeardownDue | FilesToRemove | UnfinishedFiles
)


def is_pressing(obligation: Obligation) -> bool:
    """Whether it outlives its run; what lives on a node is stopped without us in the end."""
    return not isinstance(obligation, NodeInUse | CommandAlive)


def node_key(name: str) -> str:
    """The key under which a node is in use."""
    return f"node {name}"


def split_variables(variables: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The literal values, and the names of those that came from the execution host."""
    literal = {name: value for name, value in variables.items() if not isinstance(value, HostValue)}
    return literal, tuple(name for name in variables if name not in literal)


def written_path(path: str) -> str:
    """A path for a file of JSON, which takes no surrogates: `%XX` for a byte that is no UTF-8."""
    return "".join(
        f"%{ord(character) - _FIRST_SURROGATE:02X}" if character in _SURROGATES else character
        for character in path.replace("%", "%25")
    )


def read_path(written: str) -> str:
    """The path that `written_path` has written."""
    return re.sub("%([0-9A-F]{2})", _unescaped, written)


def _unescaped(escape: re.Match[str]) -> str:
    number = int(escape[1], 16)
    return chr(number if number < 0x80 else _FIRST_SURROGATE + number)
