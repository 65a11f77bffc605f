"""The directory in which everything stands that remains of a run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gplmt.errors import LogError, SetupError, UsageError
from gplmt.events import Outcome
from gplmt.language.experiment import Experiment, SourceFile
from gplmt.recording.faults import in_words
from gplmt.recording.kept_journal import is_outstanding
from gplmt.recording.manifest import Manifest, describe, read_manifest, write_manifest
from gplmt.recording.masking import mask_document
from gplmt.recording.names import legible_name
from gplmt.recording.render import render

LATEST = "latest"
_LONGEST_NAME = 100
_MOST_LOOKED_AT = 1000


class RunDirectory:
    """`<root>/<experiment>-<UTC time>/`, made for one run and never used for another.

    `path` is absolute; `shown` is what the user may call it, below the root as he wrote it.
    The umask decides who may read it: results are shared, and secrets of the document are not in
    it (`gplmt.recording.masking`).
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path.absolute()
        self.shown = str(path)
        self._manifest = manifest

    @classmethod
    def create(
        cls,
        root: Path,
        experiment: Experiment,
        *,
        now: datetime,
        arguments: Sequence[str] = (),
    ) -> RunDirectory:
        """Make the directory and put in it what is known before the run.

        `now` is aware.  `latest` in `root` then links to it, if links can be made there.

        Raises:
            SetupError: it cannot be made or written.
        """
        try:
            root.mkdir(parents=True, exist_ok=True)
            stem = legible_name(experiment.name, max_bytes=_LONGEST_NAME)
            path = _make_unique(root, f"{stem}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
            manifest = describe(experiment, run_id=path.name, arguments=arguments, now=now)
            run_directory = cls(path, manifest)
            run_directory._fill(experiment)
        except OSError as error:
            reason = "not a directory" if isinstance(error, FileExistsError) else in_words(error)
            raise SetupError(
                f"cannot create a run directory in {root}: {reason}; "
                "choose another place with --logroot-dir"
            ) from error
        _link_latest(root, path.name)
        return run_directory

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """The directory of a run that was made before; links are followed.

        Raises:
            UsageError: there is no run directory.
        """
        try:
            manifest = read_manifest(path / "manifest.json")
        except (OSError, msgspec.DecodeError) as error:
            reason = in_words(error) if isinstance(error, OSError) else str(error)
            raise UsageError(f"{path} is no run directory: manifest.json: {reason}") from error
        return cls(path, manifest)

    @property
    def run_id(self) -> str:
        """The directory's name, which is the `GPLMT_RUN_ID` of commands."""
        return self.path.name

    @property
    def manifest(self) -> Manifest:
        """The run in short, as it stands in the directory."""
        return self._manifest

    @property
    def events(self) -> Path:
        """Where the record goes."""
        return self.path / "events.jsonl"

    def finish(self, outcome: Outcome, *, exit_code: int, now: datetime) -> None:
        """Complete the manifest; until then it says that the run has not ended.

        Raises:
            LogError: it cannot be written; the unfinished one stays.
        """
        self._write(replace(self._manifest, ended=now, outcome=outcome, exit_code=exit_code))

    def note_cleanup(self, now: datetime) -> None:
        """Say in the manifest that `gplmt cleanup` has left nothing to be done.

        Raises:
            LogError: it cannot be written; it stays as it was.
        """
        self._write(replace(self._manifest, cleaned_up=now))

    def _write(self, manifest: Manifest) -> None:
        try:
            write_manifest(manifest, self.path / "manifest.json")
        except OSError as error:
            raise LogError(f"cannot write {self.shown}/manifest.json: {in_words(error)}") from error
        self._manifest = manifest

    def _fill(self, experiment: Experiment) -> None:
        (self.path / "logs").mkdir()
        write_manifest(self._manifest, self.path / "manifest.json")
        document = render(experiment, directory=Path.cwd())
        (self.path / "experiment.xml").write_text(document, encoding="utf-8")
        for name, content in masked_sources(experiment.sources):
            file = self.path / "sources" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def unfinished_runs(root: Path, experiment: str) -> Iterator[Path]:
    """The directories below `root` of runs of an experiment that have left something owed.

    Those that are running are none.  Only the latest are looked at.
    """
    stem = re.escape(legible_name(experiment, max_bytes=_LONGEST_NAME))
    pattern = re.compile(rf"{stem}-\d{{8}}T\d{{6}}Z(-\d+)?")
    names: list[str] = []
    with suppress(OSError), os.scandir(root) as entries:
        names = [entry.name for entry in entries if pattern.fullmatch(entry.name)]
    for name in sorted(names)[-_MOST_LOOKED_AT:]:
        if is_outstanding(root / name):
            yield root / name


def masked_sources(sources: Iterable[SourceFile]) -> Iterator[tuple[str, bytes]]:
    """The files that were read, with names below one directory as they stand to each other.

    So a relative include leads from copy to copy as it did from file to file.
    """
    contents = {os.path.abspath(source.name): source.content for source in sources}  # noqa: PTH100
    if not contents:
        return
    top = os.path.commonpath([os.path.dirname(name) for name in contents])  # noqa: PTH120
    for name, content in contents.items():
        yield os.path.relpath(name, top), mask_document(content)


def _make_unique(root: Path, name: str) -> Path:
    """Make a new directory; another number for everyone who comes in the same second."""
    path, number = root / name, 1
    while True:
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
            path = root / f"{name}-{number}"
        else:
            return path


def _link_latest(root: Path, name: str) -> None:
    """Have `latest` link to the newest run, at no moment to none; a failure is no fault."""
    temporary = root / f".{LATEST}-{name}"
    with suppress(OSError):
        temporary.symlink_to(name)
        try:
            temporary.replace(root / LATEST)
        except OSError:
            temporary.unlink()
