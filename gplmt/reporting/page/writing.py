"""The page as a file: a shell with styles, scripts and the data, which the browser renders."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gplmt.errors import LogError
from gplmt.recording.faults import in_words
from gplmt.reporting.page.collecting import collect
from gplmt.reporting.page.outputs import as_link
from gplmt.reporting.recorded import RecordedRun

_ASSETS = Path(__file__).with_name("assets")
_STYLES = ("colours.css", "page.css", "timeline.css", "tables.css", "narrow.css")
_SCRIPTS = (  # in this order, one script for the browser
    "data.js",
    "format.js",
    "theme.js",
    "filter.js",
    "lanes.js",
    "drawing.js",
    "timeline.js",
    "tips.js",
    "chart.js",
    "table.js",
    "failures.js",
    "tasks.js",
    "steps.js",
    "experiment.js",
    "summary.js",
    "notes.js",
    "main.js",
)


def write_report(run: RecordedRun, path: Path) -> None:
    """Write or replace the file; a crash leaves the old one or the new one, whole.

    Links in it lead from there into the run directory.

    Raises:
        LogError: it cannot be written; the old one stays.
        GplmtError: the record cannot be read any more.
    """
    write_whole(render_report(run, directory=path.parent), path)


def write_whole(content: bytes, path: Path) -> None:
    """Write or replace a file; a crash leaves the old one or the new one, whole.

    What is no regular file (`/dev/stdout`, a pipe) is written to.

    Raises:
        LogError: it cannot be written; the old one stays.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            _replace(path.resolve(), content)
    except OSError as error:
        raise LogError(f"cannot write {path}: {in_words(error)}") from error


def render_report(run: RecordedRun, *, directory: Path | None = None) -> bytes:
    """The page, in UTF-8; `directory` is where it will be, by default that of the run.

    Raises:
        GplmtError: the record cannot be read any more.
    """
    way = "" if directory is None else _way(run.path, directory)
    data = collect(run, now=datetime.now(UTC), to_run_directory=way)
    parts = {
        b"nonce": os.urandom(16).hex().encode(),
        b"title": _escaped(f"{run.manifest.experiment}: {run.outcome.value}"),
        b"style": b"".join(map(_asset, _STYLES)),
        b"libraries": _asset("libraries.js"),
        b"script": b"(() => {\n%b})();" % b"\n".join(map(_asset, _SCRIPTS)),
        b"data": msgspec.json.encode(data).replace(b"<", rb"\u003c"),
    }
    shell = _asset("page.html").split(b"@@")  # text, name, text, name, ... text
    shell[1::2] = [parts[name] for name in shell[1::2]]
    return b"".join(shell)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _asset(name: str) -> bytes:
    return (_ASSETS / name).read_bytes()


def _escaped(text: str) -> bytes:
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return text.encode("utf-8", "replace")


def _way(run_directory: Path, directory: Path) -> str:
    """How a link begins that leads from there into the run directory."""
    way = os.path.relpath(run_directory.resolve(), directory.resolve())
    return "" if way == "." else f"{as_link(way)}/"
