"""The journal of a run that is not running any more: read, and held against others."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec

from gplmt.errors import GplmtError, SetupError
from gplmt.obligations import FORMAT, AnyObligation, Done, JournalOpened
from gplmt.recording.faults import in_words

NAME = "journal.jsonl"


class KeptJournal:
    """The journal of a run that is not running, held so that nobody else cleans up."""

    def __init__(self, path: Path, opened: JournalOpened, owed: dict[str, AnyObligation]) -> None:
        self.path = path
        self.opened = opened
        self.owed = owed
        self._descriptor = -1

    def close(self) -> None:
        """Let it go; idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    @classmethod
    def take(cls, path: Path) -> KeptJournal:
        """Read the journal at `path` and hold it.

        Raises:
            FileNotFoundError: there is none, so nothing is owed.
            SetupError: it cannot be read, or its run is still running.
        """
        descriptor = _open_held(path)
        try:
            opened, owed = read_statements(path)
            kept = cls(path, opened, owed)
        except BaseException:
            os.close(descriptor)
            raise
        kept._descriptor = descriptor
        return kept


def is_outstanding(directory: Path) -> bool:
    """Whether a run directory is one of a run that has left something owed, and is not running."""
    try:
        os.close(_open_held(directory / NAME))
    except (OSError, SetupError):
        return False
    return True


def read_statements(path: Path) -> tuple[JournalOpened, dict[str, AnyObligation]]:
    """How a journal was opened, and what is owed; a last line that a crash cut is left out.

    Raises:
        SetupError: it cannot be read, is no journal, or is one of a newer gplmt.
    """
    decoder = _decoder()
    opened: JournalOpened | None = None
    owed: dict[str, AnyObligation] = {}
    try:
        lines = path.read_bytes().split(b"\n")
        for line in lines[:-1]:
            match decoder.decode(line):
                case JournalOpened() as opened:
                    pass
                case Done(key=key):
                    owed.pop(key, None)
                case obligation:
                    owed[obligation.key] = obligation
    except OSError as error:
        raise SetupError(f"cannot read {path}: {in_words(error)}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} is no journal of this gplmt: {error}") from error
    if opened is None:
        raise SetupError(f"{path} is no journal: its beginning is missing")
    if opened.format > FORMAT:
        raise SetupError(
            f"{path} was written by gplmt {opened.gplmt}, in format {opened.format}; this gplmt "
            f"reads up to {FORMAT}"
        )
    return opened, owed


@cache
def _decoder() -> msgspec.json.Decoder[JournalOpened | Done | AnyObligation]:
    return msgspec.json.Decoder(JournalOpened | Done | AnyObligation)


def _open_held(path: Path) -> int:
    """Open a journal and lock it.

    Raises:
        FileNotFoundError: there is none.
        SetupError: it cannot be opened, or its run is running.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise SetupError(f"cannot read {path}: {in_words(error)}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise SetupError(f"the run in {path.parent} is still running{_by(path)}") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was rewritten meanwhile


def _by(path: Path) -> str:
    with suppress(GplmtError):
        opened, _ = read_statements(path)
        return f", as process {opened.process}"
    return ""
