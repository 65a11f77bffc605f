"""The errors that gplmt raises on purpose; each class knows its exit code (LANGUAGE.md 11.3)."""

from __future__ import annotations

from collections.abc import Sequence

from gplmt.diagnostics import Diagnostic


class GplmtError(Exception):
    """Something that the user can be told in one message, without a traceback."""

    exit_code = 1


class UsageError(GplmtError):
    """The command line is wrong; nothing ran."""

    exit_code = 2


class DocumentError(GplmtError):
    """The document is invalid or unreadable; nothing ran."""

    exit_code = 2

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))
        self.diagnostics = tuple(diagnostics)


class SetupError(GplmtError):
    """The experiment could not be set up; nothing ran."""

    exit_code = 3


class TaskError(GplmtError):
    """A task could not do its work on a node; the reason is the message."""


class LaunchError(TaskError):
    """A command could not be started, so there is no status to compare."""


class ConnectError(TaskError):
    """A node could not be reached, or did not let us in; nothing was done there."""


class ConnectionLostError(TaskError):
    """The connection to a node was lost; what a command did there is not known."""


class CopyError(TaskError):
    """A file or tree could not be copied; nothing incomplete stands under a final name."""


class LogError(TaskError):
    """A log file could not be written; the command was stopped so that no output is lost unseen."""
