"""Files to drafts: the document and, once each, all that it includes (LANGUAGE.md 3)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gplmt.diagnostics import Faults, Location
from gplmt.element import Element
from gplmt.language.experiment import SourceFile
from gplmt.language.paths import expand
from gplmt.loading import grammar
from gplmt.loading.admission import listed
from gplmt.loading.build import Draft, Include, build
from gplmt.loading.context import Context
from gplmt.loading.decoding import to_utf8
from gplmt.loading.files import read_file
from gplmt.loading.parsing import MalformedError, ParseError, parse
from gplmt.loading.schema import Complaint, Schema, syntax_complaint

MAX_INCLUDE_DEPTH = 100


class Document(Struct, eq=False, kw_only=True):
    """A file that was read; `draft` is None where nothing could be made of it.

    `includes` has None for a document that could not be brought in.
    """

    source: SourceFile
    identity: str
    draft: Draft | None = None
    includes: list[tuple[Include, Document | None]] = []


class Reader:
    """Reads documents, each file once, and tells what is wrong with them."""

    def __init__(
        self,
        *,
        faults: Faults,
        schema: Schema,
        include_directories: Sequence[str],
        host_environment: Mapping[str, str],
    ) -> None:
        self.documents: list[Document] = []  # in order of inclusion
        self._faults = faults
        self._schema = schema
        self._include_directories = tuple(include_directories)
        self._host_environment = host_environment
        self._known: dict[str, Document] = {}

    def read(self, name: str, at: Location | None = None) -> Document | None:
        """The document in a file and all that it includes; `at` is what asks for it."""
        return self._read(name, at or Location(name, 0), ())

    def _read(self, name: str, at: Location, chain: tuple[Document, ...]) -> Document | None:
        identity = _identity(name)
        known = self._known.get(identity)
        if known is not None:
            return known
        try:
            content = read_file(name)
        except (OSError, ValueError) as error:
            self._faults.error(at, f"cannot read '{name}': {_reason(error)}")
            return None
        document = Document(source=SourceFile(name=name, content=content), identity=identity)
        self._known[identity] = document
        self.documents.append(document)
        document.draft = self._draft(document.source)
        if document.draft is not None:
            chain = (*chain, document)
            document.includes = [
                (include, self._include(include, chain)) for include in document.draft.includes
            ]
        return document

    def _draft(self, source: SourceFile) -> Draft | None:
        """What a file says, or None if it is no XML.

        The schema is asked only about what the builders find nothing wrong with: they know better
        words, and libxml2 takes quadratic time over many faults.
        """
        content = b""
        context = Context(self._faults, str(Path(source.name).parent))
        told = self._faults.error_count
        try:
            content = to_utf8(source.content, name=source.name)
            draft = build(_parse(content, source.name), context)
        except MalformedError as error:
            from gplmt.loading.malformed import plain  # only a faulty document pays for it

            words = syntax_complaint(content) or error.problem
            self._faults.error(error.at, *plain(words))
            return None
        except ParseError as error:
            self._faults.error(error.at, error.problem, error.hint)
            return None
        if self._faults.error_count == told:
            complaints = self._schema.complaints(content)
            if complaints:
                self._tell_complaints(complaints, source.name, _parse(content, source.name))
        return draft

    def _tell_complaints(self, complaints: Sequence[Complaint], name: str, root: Element) -> None:
        """Tell libxml2's words, those that come first of a line."""
        first: dict[int, Complaint] = {}
        for complaint in complaints:
            element = root.find(complaint.path)
            first.setdefault(element.at.line if element else complaint.line, complaint)
        for line, complaint in first.items():
            self._faults.error(Location(name, line), complaint.problem, complaint.hint)

    def _include(self, include: Include, chain: tuple[Document, ...]) -> Document | None:
        name = self._find(include, chain[-1])
        if name is None:
            return None
        identity = _identity(name)
        if any(document.identity == identity for document in chain):
            self._tell_cycle(include, name, chain)
            return None
        if len(chain) > MAX_INCLUDE_DEPTH:
            problem = f"includes are nested more than {MAX_INCLUDE_DEPTH} deep"
            self._faults.error(include.at, problem)
            return None
        return self._read(name, include.at, chain)

    def _find(self, include: Include, includer: Document) -> str | None:
        """The file that an include means, beside its document or in an -I directory."""
        try:
            file = expand(include.file, self._host_environment)
        except KeyError as error:
            problem = f"the variable {error.args[0]} in the file of <include> is not set"
            self._faults.error(include.at, problem, "export it before starting gplmt")
            return None
        if not file:
            return None
        directories = (str(Path(includer.source.name).parent), *self._include_directories)
        names = [str(Path(directory, file)) for directory in directories]
        found = next(filter(os.path.exists, names), None)
        if found is None:
            looked = listed([f"'{name}'" for name in dict.fromkeys(names)], last="and")
            self._faults.error(
                include.at, f"the included file '{file}' is not there", f"looked for {looked}"
            )
        return found

    def _tell_cycle(self, include: Include, name: str, chain: Sequence[Document]) -> None:
        names = [document.source.name for document in chain]
        identities = [document.identity for document in chain]
        cycle = names[identities.index(_identity(name)) :]
        cycle.append(cycle[0])
        self._faults.error(include.at, f"the include closes a cycle: {' -> '.join(cycle)}")


def _parse(content: bytes, name: str) -> Element:
    return parse(content, name=name, text_elements=grammar.TEXT_ELEMENTS)


def _identity(name: str) -> str:
    """One file, however it is reached; a link is a file of its own, beside other files."""
    path = Path(name)
    return str(Path(os.path.realpath(path.parent), path.name))


def _reason(error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return (reason or str(error)).lower()
