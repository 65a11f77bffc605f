"""Whether what a document means survives being rendered and loaded again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gplmt.diagnostics import Location
from gplmt.errors import DocumentError
from gplmt.language.experiment import Experiment
from gplmt.language.targets import (
    ExportEnv,
    GroupTarget,
    PlanetlabTarget,
    SshOptions,
    Target,
)
from gplmt.language.tasks import Put, Run
from gplmt.language.values import NAME_MAX_CHARACTERS
from gplmt.loading import Loaded, load
from gplmt.recording.masking import is_secret_variable
from gplmt.recording.paths import Paths
from gplmt.recording.render import render

_NOW = datetime(2027, 1, 1, tzinfo=UTC)
_PLACES = frozenset(("at", "document_environment", "sources"))


def unfaithfulness(file: str) -> str:
    """How the rendering of a valid document differs from it; empty for not at all."""
    here = Path.cwd()
    loaded = _load(file, {})
    text = render(loaded.experiment, directory=here)
    if _is_named_too_long(loaded.experiment):  # refused, as the renderer says
        return ""
    Path("again").mkdir(exist_ok=True)
    again_file = here / "again" / "experiment.xml"
    again_file.write_text(text, encoding="utf-8")
    try:
        again = _load(str(again_file), _secrets(loaded.experiment))
    except DocumentError as error:
        return f"what was rendered is refused: {error}"
    said, said_again = _meaning_of(loaded, here), _meaning_of(again, here)
    if said != said_again:
        return f"it means something else:\n{_difference(said, said_again)}"
    twice = render(again.experiment, directory=here)
    return "" if twice == text else f"rendered again it differs:\n{_difference(text, twice)}"


def _load(file: str, secrets: Mapping[str, str]) -> Loaded:
    return load(
        file,
        host_environment={**os.environ, **secrets},
        working_directory=Path.cwd(),
        now=_NOW,
    )


def _is_named_too_long(experiment: Experiment) -> bool:
    names = (*experiment.targets, *experiment.tasklists)
    return any(len(name) > NAME_MAX_CHARACTERS for name in names)


def _secrets(experiment: Experiment) -> dict[str, str]:
    """Values for the variables whose own have been left out."""
    found: dict[str, str] = {}
    waiting: list[object] = [experiment]
    while waiting:
        value = waiting.pop()
        if isinstance(value, ExportEnv) and is_secret_variable(value.var):
            found[value.var] = "secret"
        elif isinstance(value, msgspec.Struct):
            waiting += (getattr(value, name) for name in value.__struct_fields__)
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, tuple):
            waiting += value
    return found


def _meaning_of(loaded: Loaded, here: Path) -> object:
    experiment = replace(loaded.experiment, name="", sources=())
    paths = Paths(here)
    environments = {
        name: {
            variable: None if is_secret_variable(variable) else value
            for member in loaded.inventory.members((name,))
            for variable, value in member.environment.items()
        }
        for name, target in experiment.targets.items()
        if not isinstance(target, GroupTarget)
    }
    return _meaning(experiment, paths), environments


def _meaning(value: object, paths: Paths) -> object:
    """What a part of the model says, without its places, with absolute paths, without secrets."""
    match value:
        case Location() | bytes():
            return None
        case Put():
            value = replace(value, source=paths.source(value.source, value.at) or "")
        case Run():
            value = replace(value, stdin=paths.source(value.stdin, value.at))
        case SshOptions():
            value = _absolute(value, paths)
        case ExportEnv() if is_secret_variable(value.var):
            value = replace(value, value=None)
        case PlanetlabTarget():
            value = replace(value, password=None)
        case GroupTarget():
            value = replace(value, environment=_without_secrets(value))
    if isinstance(value, msgspec.Struct):
        aside = _PLACES | ({"environment"} if _has_own_way(value) else set())
        fields = (name for name in value.__struct_fields__ if name not in aside)
        return type(value).__name__, {
            name: _meaning(getattr(value, name), paths) for name in fields
        }
    if isinstance(value, Mapping):
        return {name: _meaning(part, paths) for name, part in value.items()}
    return [_meaning(part, paths) for part in value] if isinstance(value, tuple) else value


def _has_own_way(value: object) -> bool:
    """Whether an environment is compared as its steps see it: it may be written differently."""
    return isinstance(value, Target) and not isinstance(value, GroupTarget)


def _without_secrets(group: GroupTarget) -> tuple[ExportEnv, ...]:
    return tuple(
        replace(variable, value=None) if is_secret_variable(variable.var) else variable
        for variable in group.environment
    )


def _absolute(options: SshOptions, paths: Paths) -> SshOptions:
    return replace(
        options,
        identity_file=paths.option(options.identity_file),
        known_hosts_file=paths.option(options.known_hosts_file),
    )


def _difference(one: object, other: object) -> str:
    first, second = str(one), str(other)
    start = next(
        (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )
    begin = max(0, start - 100)
    return f"{first[begin : start + 200]}\n--- {second[begin : start + 200]}"
