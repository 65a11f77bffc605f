"""The pages for readers, and the blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.examples.running import ROOT

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>.+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """A fenced block; `mark` is the comment directly above it, as words."""

    page: str
    line: int
    language: str
    text: str
    mark: tuple[str, ...]

    @property
    def is_document(self) -> bool:
        """Whether it is a whole experiment or library."""
        return self.language == "xml" and "<experiment" in self.text

    @property
    def is_fragment(self) -> bool:
        """Whether it is a part of a document."""
        return self.language == "xml" and not self.is_document

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def page_names() -> list[str]:
    """All pages, relative to the top; decisions are notes of their day."""
    pages = (ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"))
    names = (page.relative_to(ROOT).as_posix() for page in (*pages, ROOT / "examples/README.md"))
    return sorted(name for name in names if not name.startswith("docs/decisions/"))


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = (ROOT / page).read_text()
    return [
        Block(
            page,
            text.count("\n", 0, match.start("language")) + 1,
            match["language"],
            match["text"],
            tuple((match["mark"] or "").split()),
        )
        for match in _BLOCK.finditer(text)
    ]


def all_blocks() -> list[Block]:
    """The blocks of all pages."""
    return [block for page in page_names() for block in blocks_of(page)]


class Shown(NamedTuple):
    """A document that readers run, and the blocks of text that show what comes of it.

    With `needs_server`, its ssh targets are `localhost` or hosts of example.net.
    """

    document: Block
    name: str
    exit_code: int
    needs_server: bool
    output: tuple[Block, ...]
    plans: tuple[Block, ...]
    libraries: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return str(self.document)


@cache
def all_shown() -> tuple[Shown, ...]:
    """Every document that is marked as run, with what belongs to it."""
    return tuple(shown for page in page_names() for shown in _shown_on(blocks_of(page)))


def _shown_on(blocks: list[Block]) -> Iterator[Shown]:
    runs = [rank for rank, block in enumerate(blocks) if block.mark[:1] == ("run",)]
    libraries = tuple(
        (block.mark[1], block.text) for block in blocks if block.mark[:1] == ("file",)
    )
    for rank, end in pairwise([*runs, len(blocks)]):
        document, following = blocks[rank], blocks[rank + 1 : end]
        yield Shown(
            document=document,
            name=document.mark[1],
            exit_code=int(document.mark[3]) if "exit" in document.mark else 0,
            needs_server="ssh" in document.mark,
            output=tuple(block for block in following if block.mark == ("output",)),
            plans=tuple(block for block in following if block.mark == ("plan",)),
            libraries=libraries,
        )


def write_documents(shown: Shown, directory: Path) -> Path:
    """Put a document and the libraries of its page where a reader would."""
    for name, text in (*shown.libraries, (shown.name, shown.document.text)):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory / shown.name
