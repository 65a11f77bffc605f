"""What must hold of every load, whatever the document (LANGUAGE.md 11.3, 12.1)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from tests.loading.fuzz.desk import READABLE, Fields, FuzzDesk
from tests.loading.fuzz.worker import FOR_WRITING

DIAGNOSTIC = re.compile(r"(?P<file>.+?):(?P<line>\d+): (?:error|warning): \S.*")
MAX_SECONDS = 3.0  # of CPU, for a document of no size; the rest is for a slow machine
SECONDS_PER_BYTE = 20e-6
MAX_BYTES = 48 << 20  # of memory beyond what is there, for a document of no size
BYTES_PER_BYTE = 400
_MAX_COUNTED = 1 << 30
_LINE_ENDS = re.compile("\r\n|\r|\n")
_ENCODINGS = ("utf-8", "utf-16", "utf-32", "latin-1")


def judge(desk: FuzzDesk, answer: Fields, *, file: str = "lab.xml") -> None:
    """Fail if a rule does not hold of what `desk` answered."""
    judge_form(desk, answer, file=file)
    size = _size(desk, file)
    for said in (cast(Fields, answer["check"]), cast(Fields, answer["plan"])):
        assert cast(float, said["seconds"]) <= MAX_SECONDS + SECONDS_PER_BYTE * size, said
        assert cast(int, said["bytes"]) <= MAX_BYTES + BYTES_PER_BYTE * size, said
    assert not answer["unfaithful"], answer["unfaithful"]


def judge_form(desk: FuzzDesk, answer: Fields, *, file: str = "lab.xml") -> None:
    """The same, whatever it cost and however it may be rendered."""
    checked, planned = cast(Fields, answer["check"]), cast(Fields, answer["plan"])
    for said in (checked, planned):
        assert not said["traceback"], said["traceback"]
        assert said["code"] in {0, 2, 3}, said
    _judge_agreement(checked, planned)
    _judge_diagnostics(desk, _diagnostics(checked, file), file)
    _judge_what_was_opened(desk, cast("list[tuple[str, str]]", answer["seen"]))


def _judge_agreement(checked: Fields, planned: Fields) -> None:
    """What check refuses, plan refuses in the same words; a library can only be checked."""
    if checked["code"] == 0:
        is_library = str(checked["stdout"]).endswith(": a valid library\n")
        assert planned["code"] == (2 if is_library else 0), planned
        assert bool(planned["stdout"]) is not is_library
    else:
        assert (checked["code"], planned["code"]) == (2, 2)
        assert planned["stderr"] == checked["stdout"]
        assert "error: " in str(checked["stdout"])


def _diagnostics(checked: Fields, file: str) -> list[tuple[str, int]]:
    """The places of what was told, every line of which has the form of a diagnostic."""
    text = str(checked["stdout"])
    assert text.endswith("\n")
    lines = text.removesuffix("\n").split("\n")
    if checked["code"] == 0:
        assert lines.pop() in {f"{file}: a valid {kind}" for kind in ("experiment", "library")}
    places = []
    for line in lines:
        match = DIAGNOSTIC.fullmatch(line)
        assert match is not None, line[:300]
        assert line.isprintable(), repr(line[:300])
        assert len(line) < 6000
        places.append((match["file"], int(match["line"])))
    assert len(set(lines)) == len(lines)
    return places


def _judge_diagnostics(desk: FuzzDesk, places: Sequence[tuple[str, int]], file: str) -> None:
    """File by file, the document's first; in each in order, and in lines that exist."""
    files = list(dict.fromkeys(name for name, _ in places))
    grouped = [place for name in files for place in places if place[0] == name]
    assert list(places) == grouped, places
    assert file not in files[1:], files
    for name in files:
        lines = [line for found, line in places if found == name]
        assert lines == sorted(lines), (name, lines)
        assert lines[-1] <= _line_count(desk.directory / name), (name, lines)


def _line_count(path: Path) -> int:
    """How many lines a file has, in whatever encoding; no file has one, the zeroth."""
    if not _is_readable(path) or path.stat().st_size > _MAX_COUNTED:
        return 1 if "\\" in str(path) else 0  # what is printed of an odd name is not the name
    content = path.read_bytes()
    return 1 + max(
        len(_LINE_ENDS.findall(content.decode(encoding, "replace"))) for encoding in _ENCODINGS
    )


def _is_readable(path: Path) -> bool:
    return os.path.isfile(path) and os.access(path, os.R_OK)  # noqa: PTH113 (any name)


def _size(desk: FuzzDesk, file: str) -> int:
    """The bytes of the document and of all that it may include."""
    names = {file, *os.listdir(desk.directory)} - {"sparse.xml", "zero.xml", "again"}  # noqa: PTH208
    paths = [desk.directory / name for name in names]
    return sum(path.stat().st_size for path in paths if os.path.isfile(path))  # noqa: PTH113


def _judge_what_was_opened(desk: FuzzDesk, seen: Sequence[tuple[str, str]]) -> None:
    """Documents and parts of gplmt, for reading; and nothing else was done."""
    own = str(desk.directory)
    for event, what in seen:
        assert event == "open", (event, what)
        assert not what.startswith(FOR_WRITING), what
        path = os.path.realpath(os.path.join(own, what))  # noqa: PTH118
        assert path.startswith((own, *READABLE)), what
    assert not desk.was_called()
