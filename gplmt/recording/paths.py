"""Paths that are relative to a document, when the document is written down somewhere else."""

from __future__ import annotations

import glob
import os.path
from pathlib import Path

from gplmt.diagnostics import Location
from gplmt.language.paths import expand, variables_in
from gplmt.sources import find_source

_SELF_CONTAINED = ("/", "~", "%d", "${")  # the last two as the OpenSSH configuration has them


class Paths:
    """Makes paths absolute that were looked up beside a document.

    `directory` is where gplmt was started, absolute: what places of the documents are relative to.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[tuple[str, str], str] = {}

    def option(self, path: str | None) -> str | None:
        """A path of an ssh option, which the loader has joined to its document's directory."""
        if path is None or path == "none" or path.startswith(_SELF_CONTAINED):
            return path
        return str(self._directory / path)

    def source(self, text: str | None, at: Location) -> str | None:
        """The source of a put, or a stdin.

        Absolute if it is there beside its document now.  Else as written: then the working
        directory counts, which is not known to be the same next time.  Of a source with variables,
        what stands before the first one decides; one that begins with a variable is kept.
        """
        if text is None or text.startswith("/"):
            return text
        key = (at.file, text)
        path = self._known.get(key)
        if path is None:
            path = self._known[key] = self._find(text, Path(self._directory, at.file).parent)
        return path

    def _find(self, text: str, beside: Path) -> str:
        before, _, _ = text.partition("$")
        # PTH120: where there is no directory, a Path would give "."
        fixed = os.path.dirname(before) if variables_in(text) else expand(text, {})  # noqa: PTH120
        found = find_source(fixed, beside=beside, working_directory=beside) if fixed else []
        if not found:
            return text
        directory = os.path.normpath(beside)
        if glob.has_magic(text) and found != [beside / text]:
            directory = glob.escape(directory)
        return f"{directory.replace('$', '$$')}/{text}"
