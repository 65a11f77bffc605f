"""The files of an OpenSSH client configuration, as blocks of directives; ssh_config(5).

Read by us because asyncssh's reader reads all files anew for each host, and takes other files than
OpenSSH does: not comments behind values, not times such as `1m`, included files in any order.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path

from msgspec import Struct

from gplmt.diagnostics import Faults, Location
from gplmt.transports.ssh.conditions import (
    ALWAYS,
    NEVER,
    Condition,
    HostCondition,
    UnknownCriterionError,
    parse_match,
)
from gplmt.transports.ssh.surroundings import Surroundings, words_of

_KEYWORD = re.compile(r'\s*"?([^\s="]+)"?(?:\s*=\s*|\s+|$)(.*)', re.DOTALL)
_ESCAPABLE = "\"'\\"
_MAX_DEPTH = 16


class Directive(Struct, frozen=True, kw_only=True):
    """One line: its keyword as written and in lower case; what follows as words and as text."""

    at: Location
    written: str
    keyword: str
    words: tuple[str, ...]
    text: str


class Block(Struct, frozen=True, kw_only=True):
    """Directives that hold under a condition, and only where block number `parent` holds.

    The rest of a block behind an `Include` is a block of its own, with the first part as parent.
    """

    condition: Condition
    directives: tuple[Directive, ...]
    parent: int | None = None


class ConfigurationFile(Struct, frozen=True, kw_only=True):
    """A file to read; only the user's default one may be missing, and must be theirs."""

    path: Path
    is_named: bool = False
    is_system: bool = False


def read_blocks(
    files: Sequence[ConfigurationFile], surroundings: Surroundings, faults: Faults
) -> tuple[Block, ...]:
    """All blocks of the files and what they include, in the order in which they count."""
    reader = _Reader(surroundings, faults)
    for file in files:
        reader.read(file)
    return tuple(reader.blocks)


class _Reader:
    def __init__(self, surroundings: Surroundings, faults: Faults) -> None:
        self._surroundings = surroundings
        self._faults = faults
        self._directives: list[Directive] = []
        self.blocks: list[Block] = []

    def read(self, file: ConfigurationFile) -> None:
        directory = (
            self._surroundings.system_directory if file.is_system else self._surroundings.directory
        )
        if file.is_named and not file.path.exists():
            at = Location(str(file.path), 0)
            self._faults.error(at, "there is no such SSH configuration file")
            return
        self._read(file.path, directory, parent=None, depth=0, is_trusted=file.is_named)

    def _read(
        self, path: Path, directory: Path, *, parent: int | None, depth: int, is_trusted: bool
    ) -> None:
        """Read one file, whose blocks hold where block `parent` does."""
        text = self._text(path, is_trusted=is_trusted)
        if text is None:
            return
        condition: Condition = ALWAYS
        enclosing = parent
        for number, line in enumerate(text.split("\n"), 1):
            directive = self._directive(line, Location(str(path), number))
            if directive is None:
                continue
            match directive.keyword:
                case "host" | "match":
                    self._end_block(condition, enclosing)
                    condition, enclosing = self._condition(directive), parent
                case "include":
                    enclosing = self._end_block(condition, enclosing)
                    condition = ALWAYS
                    self._include(directive, directory, parent=enclosing, depth=depth)
                case _:
                    self._directives.append(directive)
        self._end_block(condition, enclosing)

    def _text(self, path: Path, *, is_trusted: bool) -> str | None:
        at = Location(str(path), 0)
        try:
            with path.open(encoding="utf-8", errors="surrogateescape") as file:
                status = os.fstat(file.fileno())
                if not is_trusted and (
                    status.st_uid not in (0, os.getuid()) or status.st_mode & 0o002
                ):
                    problem = "others may write to this SSH configuration file"
                    self._faults.error(at, problem, f"chown it to you, and chmod go-w {path}")
                    return None
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = f"the SSH configuration file cannot be read: {words_of(error)}"
            self._faults.error(at, problem)
            return None

    def _directive(self, line: str, at: Location) -> Directive | None:
        match = _KEYWORD.match(line)
        if match is None or match[1].startswith("#"):
            return None
        text = match[2].strip()
        try:
            words = tuple(split_words(text))
        except ValueError as error:
            self._faults.error(at, f"{match[1]}: {error}")
            return None
        if not words:
            self._faults.error(at, f"{match[1]} has no value")
            return None
        return Directive(at=at, written=match[1], keyword=match[1].lower(), words=words, text=text)

    def _condition(self, directive: Directive) -> Condition:
        if directive.keyword == "host":
            return HostCondition(directive.words)
        try:
            return parse_match(directive.words)
        except UnknownCriterionError as error:
            self._faults.warning(directive.at, str(error), "the block counts for no host")
        except ValueError as error:
            self._faults.error(directive.at, f"Match: {error}")
        return NEVER

    def _end_block(self, condition: Condition, parent: int | None) -> int | None:
        """Add the block that has been read; the number under which its rest stands."""
        if condition is ALWAYS and not self._directives:
            return parent
        directives, self._directives = tuple(self._directives), []
        self.blocks.append(Block(condition=condition, directives=directives, parent=parent))
        return len(self.blocks) - 1

    def _include(
        self, directive: Directive, directory: Path, *, parent: int | None, depth: int
    ) -> None:
        if depth == _MAX_DEPTH:
            self._faults.error(directive.at, "Include: too many files include one another")
            return
        for word in directive.words:
            try:
                pattern = self._surroundings.expand_variables(word)
            except ValueError as error:
                self._faults.error(directive.at, f"Include: {error}")
                continue
            found = glob(str(directory / self._surroundings.expand_home(pattern)))  # noqa: PTH207
            for path in map(Path, sorted(found)):
                if not path.is_dir():
                    self._read(path, directory, parent=parent, depth=depth + 1, is_trusted=False)


def split_words(text: str) -> Iterator[str]:
    """The words of a line: quotes group, backslashes escape, a word's initial # ends it.

    Raises:
        ValueError: a quote is not closed.
    """
    if not any(character in text for character in "\"'\\#"):
        yield from text.split()
        return
    rest = text.lstrip()
    while rest and not rest.startswith("#"):
        word, rest = _next_word(rest)
        yield word


def _next_word(text: str) -> tuple[str, str]:
    """The first word, and what is left after it."""
    word, quote, position = [], "", 0
    while position < len(text):
        character = text[position]
        following = text[position + 1 : position + 2]
        escapable = _ESCAPABLE if quote else _ESCAPABLE + " "
        if character == "\\" and following and following in escapable:
            word.append(following)
            position += 1
        elif quote:
            if character == quote:
                quote = ""
            else:
                word.append(character)
        elif character in "\"'":
            quote = character
        elif character.isspace():
            break
        else:
            word.append(character)
        position += 1
    if quote:
        raise ValueError(f"the quote {quote} is not closed")
    return "".join(word), text[position:].lstrip()
