"""What a run was: `manifest.json`, written when it starts and again when it has ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from gplmt import __version__
from gplmt.events import Outcome
from gplmt.language.experiment import Experiment
from gplmt.language.steps import Item, Loop, RegisterTeardown, Step

FORMAT = 1


class Manifest(Struct, frozen=True, kw_only=True):
    """One run in short; `ended`, `outcome` and `exit_code` are None while it has not ended.

    `cleaned_up` is when `gplmt cleanup` had nothing left to do for it.
    `environment` are the names of the variables that the experiment sets, never their values.
    """

    format: int = FORMAT
    run_id: str
    experiment: str
    description: str | None = None
    document: str
    gplmt: str
    python: str
    system: str
    host: str
    user: str
    directory: str
    arguments: tuple[str, ...]
    targets: tuple[str, ...]
    environment: tuple[str, ...]
    started: datetime
    ended: datetime | None = None
    outcome: Outcome | None = None
    exit_code: int | None = None
    cleaned_up: datetime | None = None


def describe(
    experiment: Experiment, *, run_id: str, arguments: Sequence[str], now: datetime
) -> Manifest:
    """The manifest of a run that starts here and now."""
    system = os.uname()
    return Manifest(
        run_id=run_id,
        experiment=experiment.name,
        description=experiment.description,
        document=experiment.at.file,
        gplmt=__version__,
        python=sys.version.split()[0],
        system=f"{system.sysname} {system.release} {system.machine}",
        host=system.nodename,
        user=_user(),
        directory=str(Path.cwd()),
        arguments=tuple(arguments),
        targets=tuple(experiment.targets),
        environment=tuple(sorted(set(_variables(experiment)))),
        started=now,
    )


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write or replace the file; a crash leaves the old one or the new one, whole.

    Raises:
        OSError: it cannot be written; the old one stays.
    """
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_bytes(text + b"\n")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def read_manifest(path: Path) -> Manifest:
    """The manifest of a run.

    Raises:
        OSError: it cannot be read.
        msgspec.DecodeError: it is no manifest.
    """
    return msgspec.json.decode(path.read_bytes(), type=Manifest)


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # containers run as numbers that have no name
        return str(os.getuid())


def _variables(experiment: Experiment) -> Iterator[str]:
    for target in experiment.targets.values():
        for variable in (*target.document_environment, *target.environment):
            yield variable.var
    yield from _variables_of(experiment.steps)


def _variables_of(items: Sequence[Item]) -> Iterator[str]:
    for item in items:
        if isinstance(item, Step | RegisterTeardown | Loop):
            yield from (variable.var for variable in item.environment)
        if isinstance(item, Loop):
            yield from _variables_of(item.body)
