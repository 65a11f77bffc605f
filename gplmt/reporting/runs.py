"""The runs in a directory: what their manifests tell, nothing else of them is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from gplmt.errors import UsageError
from gplmt.recording.faults import in_words
from gplmt.recording.kept_journal import NAME, is_outstanding
from gplmt.recording.manifest import Manifest, read_manifest
from gplmt.recording.rundir import LATEST
from gplmt.reporting.recorded import RunOutcome, outcome_of

_MANIFEST = "manifest.json"


class Entry(Struct, frozen=True, kw_only=True):
    """A run in short; None for what is not known.  The reference page lists the fields."""

    run_id: str
    run_dir: str
    experiment: str
    description: str | None
    outcome: RunOutcome
    running: bool
    exit_code: int | None
    started: datetime
    ended: datetime | None
    seconds: float | None
    targets: int
    cleaned_up: datetime | None


class Found(Struct, frozen=True, kw_only=True):
    """What there is in a directory: runs, the newest last, and what is skipped, with reasons."""

    runs: list[Entry]
    skipped: list[str]


def find_runs(root: Path) -> Found:
    """The runs in a directory; the link to the latest is not taken for one more.

    Raises:
        UsageError: the directory cannot be read.
    """
    runs, skipped = [], []
    for name in _directories(root):
        path = root / name
        try:
            runs.append(_entry(path, read_manifest(path / _MANIFEST)))
        except OSError as error:
            skipped.append(f"{path}: {_MANIFEST}: {in_words(error)}")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            skipped.append(f"{path}: {_MANIFEST}: {error}")
    runs.sort(key=lambda run: (run.started, run.run_id))
    return Found(runs=runs, skipped=skipped)


def _directories(root: Path) -> Iterator[str]:
    try:
        with os.scandir(root) as entries:
            found = [one.name for one in entries if _is_candidate(one)]
    except FileNotFoundError:
        raise UsageError(
            f"there is no directory {root}; name that of the runs with --logroot-dir"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {root}: {in_words(error)}") from error
    yield from sorted(found)


def _is_candidate(entry: os.DirEntry[str]) -> bool:
    is_latest = entry.name == LATEST and entry.is_symlink()
    return not entry.name.startswith(".") and not is_latest and entry.is_dir()


def _entry(path: Path, manifest: Manifest) -> Entry:
    ended = manifest.ended
    return Entry(
        run_id=manifest.run_id,
        run_dir=os.path.abspath(path),  # noqa: PTH100 (ten thousand of them in a second)
        experiment=manifest.experiment,
        description=manifest.description,
        outcome=outcome_of(manifest),
        running=manifest.outcome is None and is_running(path),
        exit_code=manifest.exit_code,
        started=manifest.started,
        ended=ended,
        seconds=None if ended is None else (ended - manifest.started).total_seconds(),
        targets=len(manifest.targets),
        cleaned_up=manifest.cleaned_up,
    )


def is_running(path: Path) -> bool:
    """Whether the run of a directory is running: it holds its journal then."""
    return os.access(path / NAME, os.R_OK) and not is_outstanding(path)
