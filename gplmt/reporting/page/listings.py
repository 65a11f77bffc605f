"""The files of an experiment, and how what stands at their lines has ended."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from os.path import normpath
from pathlib import Path

from gplmt.recording.manifest import Manifest
from gplmt.reporting.page.model import OUTCOMES, Mark, SourceText, Texts
from gplmt.reporting.page.outputs import as_link, visible

_MOST_BYTES = 500_000  # of a file
_MOST_OF_ALL = 1_000_000
_MOST_FILES = 500
_DECLARED = re.compile(rb"""\A<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.-]{1,40})["']""")
_WIDE = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    ("<".encode("utf-32-le"), "utf-32-le"),
    ("<".encode("utf-32-be"), "utf-32-be"),
    ("<".encode("utf-16-le"), "utf-16-le"),
    ("<".encode("utf-16-be"), "utf-16-be"),
)

Marks = Mapping[str, list[int]]  # for each FILE:LINE, how often it ended how


def list_sources(
    directory: Path, manifest: Manifest, marks: Marks, *, texts: Texts
) -> list[SourceText]:
    """The files in `sources` of a run directory, the experiment itself first."""
    names = _names_in(directory / "sources")
    places = _places(marks)
    named = _match(names, {manifest.document, *places}, manifest)
    names.sort(key=lambda name: manifest.document not in named.get(name, ()))
    listed, left = [], _MOST_OF_ALL
    for name in names:
        limit = max(0, min(left, _MOST_BYTES))
        text, is_cut = _read(directory / "sources" / name, limit)
        left -= len(text)
        listed.append(
            SourceText(
                name=visible(name),
                link=as_link(f"sources/{name}"),
                text=text,
                is_cut=is_cut,
                marks=[
                    Mark(line=line, at=texts.number(f"{file}:{line}"), counts=counts)
                    for file in sorted(named.get(name, ()))
                    for line, counts in places.get(file, ())
                ],
            )
        )
    return listed


def count_at(marks: dict[str, list[int]], at: str, outcome: int) -> None:
    """Count what has ended at a FILE:LINE."""
    counts = marks.get(at)
    if counts is None:
        counts = marks[at] = [0] * len(OUTCOMES)
    counts[outcome] += 1


def _names_in(directory: Path) -> list[str]:
    paths = (path for path in directory.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(directory)) for path in paths)[:_MOST_FILES]


def _places(marks: Marks) -> dict[str, list[tuple[int, list[int]]]]:
    """The marks of each file, by line."""
    places: dict[str, list[tuple[int, list[int]]]] = {}
    for at, counts in marks.items():
        file, _, line = at.rpartition(":")
        if line.isdecimal():
            places.setdefault(file, []).append((int(line), counts))
    for lines in places.values():
        lines.sort()
    return places


def _match(names: list[str], files: Iterable[str], manifest: Manifest) -> dict[str, set[str]]:
    """The files, as places name them, of which each copy is one.

    The copies lie below the directory that all files had in common, which is not written down:
    it is the one with which most of the files are found.
    """
    paths = {file: normpath(f"{manifest.directory}/{file}") for file in files}
    for file in paths:
        if file.startswith("/"):
            paths[file] = normpath(file)
    document = paths[manifest.document]
    tops = [document.removesuffix(f"/{name}") for name in names if document.endswith(f"/{name}")]
    best: dict[str, set[str]] = {}
    for top in tops:
        found: dict[str, set[str]] = {}
        for file, path in paths.items():
            name = path.removeprefix(f"{top}/")
            if name in names and name != path:
                found.setdefault(name, set()).add(file)
        if sum(map(len, found.values())) > sum(map(len, best.values())):
            best = found
    return best


def _read(path: Path, limit: int) -> tuple[str, bool]:
    """The text, as far as it is wanted, and whether there is more."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError:
        return "", True
    lines = _decode(content[:limit]).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(map(visible, lines)), len(content) > limit


def _decode(content: bytes) -> str:
    encoding = next((name for mark, name in _WIDE if content.startswith(mark)), None)
    if encoding is None:
        declared = _DECLARED.match(content)
        encoding = declared[1].decode() if declared else "utf-8"
    try:
        return content.decode(encoding, "replace").removeprefix("\ufeff")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")
