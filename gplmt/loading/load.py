"""From a file to a checked experiment, or to all that is wrong with it."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from gplmt.diagnostics import Diagnostic, Faults
from gplmt.errors import DocumentError
from gplmt.inventory import Inventory
from gplmt.language.experiment import Experiment
from gplmt.loading.check import Checker
from gplmt.loading.documents import Document, Reader
from gplmt.loading.merging import Merger
from gplmt.loading.parsing import ParseError
from gplmt.loading.schema import Schema


class Loaded(Struct, frozen=True, kw_only=True):
    """A valid experiment, its targets ready to be asked for, and what to be warned of."""

    experiment: Experiment
    inventory: Inventory
    warnings: tuple[Diagnostic, ...]


def load(
    path: str,
    *,
    include_directories: Sequence[str] = (),
    rng: str | None = None,
    host_environment: Mapping[str, str],
    working_directory: Path,
    now: datetime,
) -> Loaded:
    """Read and check the experiment in a file, its includes with it (LANGUAGE.md 1 to 12).

    `path` is as the user typed it, and diagnostics show it so. `rng` is a schema to use instead of
    the shipped one. `working_directory` is where relative paths of put and get lead, `now`
    (aware) what times are compared with. A library is loaded too: see `Experiment.is_library`.

    Raises:
        DocumentError: the document, an include or the schema is faulty; it holds all diagnostics.
    """
    faults = Faults()
    with _without_garbage_collection():
        reader = Reader(
            faults=faults,
            schema=_schema(rng),
            include_directories=include_directories,
            host_environment=host_environment,
        )
        experiment = _experiment(reader.read(path), reader.documents, faults)
        if experiment is None:
            raise DocumentError(_in_order(faults, reader))
        inventory = Inventory(experiment.targets, host_environment)
        Checker(
            experiment,
            inventory=inventory,
            documents=reader.documents,
            host_environment=host_environment,
            working_directory=working_directory,
            now=now,
            faults=faults,
        ).check()
    diagnostics = _in_order(faults, reader)
    if faults.error_count:
        raise DocumentError(diagnostics)
    return Loaded(experiment=experiment, inventory=inventory, warnings=diagnostics)


def _in_order(faults: Faults, reader: Reader) -> tuple[Diagnostic, ...]:
    return faults.in_order(document.source.name for document in reader.documents)


def _experiment(
    root: Document | None, documents: Sequence[Document], faults: Faults
) -> Experiment | None:
    """The experiment with all includes merged; None where the root document is no XML."""
    if root is None or root.draft is None:
        return None
    merger = Merger(faults)
    merger.merge(root)
    draft = root.draft
    return Experiment(
        at=draft.at,
        name=Path(root.source.name).stem,
        description=draft.description,
        timeout=draft.timeout,
        targets=merger.targets,
        tasklists=merger.tasklists,
        steps=draft.steps,
        sources=tuple(document.source for document in documents),
    )


def _schema(rng: str | None) -> Schema:
    faults = Faults()
    try:
        return Schema(rng)
    except ParseError as error:
        faults.error(error.at, error.problem, error.hint)
        raise DocumentError(faults.in_order(())) from None


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep the cyclic collector from walking again and again over objects that all stay."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
