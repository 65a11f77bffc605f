"""The targets that a document declares, for who types one: as far as they can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gplmt.diagnostics import Faults
from gplmt.language.targets import GroupTarget, LocalTarget, PlanetlabTarget, SshTarget, Target
from gplmt.language.values import NAME
from gplmt.loading.documents import Reader
from gplmt.loading.merging import Merger
from gplmt.loading.schema import Schema


def declared_targets(
    path: str, *, include_directories: Sequence[str], host_environment: Mapping[str, str]
) -> dict[str, str]:
    """What each target is, by its name; in document order, those of includes among them.

    Faults are passed over, and what could not be built because of them is missing.
    """
    faults = Faults()
    reader = Reader(
        faults=faults,
        schema=Schema(),
        include_directories=include_directories,
        host_environment=host_environment,
    )
    merger = Merger(faults)
    root = reader.read(path)
    if root is not None:
        merger.merge(root)
    return {name: _what(merger.targets[name]) for name in filter(NAME.fullmatch, merger.targets)}


def _what(target: Target) -> str:
    match target:
        case LocalTarget():
            return "this machine"
        case SshTarget():
            return f"ssh to {target.host}"
        case PlanetlabTarget():
            return f"slice {target.slice_name}"
        case GroupTarget():
            return f"group of {len(target.members)}"
