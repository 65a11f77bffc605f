"""Commands on nodes: what is run, where it comes from, where its output goes, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct


class LogPaths(Struct, frozen=True, kw_only=True):
    """The log files of one task, relative to the run directory."""

    stdout: str
    stderr: str


class Origin(Struct, frozen=True, kw_only=True):
    """The task that a command comes from, for what is told of it later."""

    at: str
    target: str
    step: str
    tasklist: str
    task: str


class Command(Struct, frozen=True, kw_only=True):
    """A text for `/bin/sh -c` and what surrounds it.

    `environment` is added to the inherited one. `directory` is as the user wrote it, `stdin` an
    absolute path on the execution host; None for nothing to read. `identity` names the command
    uniquely within the run, by the span of its task and the attempt (`17.1`); it ends up in the
    marker `GPLMT_COMMAND_ID` of its processes.
    """

    identity: str
    origin: Origin
    text: str
    environment: Mapping[str, str]
    directory: str | None = None
    stdin: Path | None = None
    stop_signal: str = "TERM"
    leave_running: bool = False


class Completed(Struct, frozen=True, kw_only=True):
    """How a command's shell ended; `returncode` -N is death by signal N, as in subprocess."""

    returncode: int

    @property
    def status(self) -> int | None:
        """The exit status, None after death by a signal."""
        return self.returncode if self.returncode >= 0 else None

    @property
    def signal(self) -> int | None:
        """The number of the signal that ended it, None after an exit."""
        return -self.returncode if self.returncode < 0 else None

    @property
    def shell_status(self) -> int:
        """The status as a shell tells it: death by signal N is 128+N."""
        return self.returncode if self.returncode >= 0 else 128 - self.returncode
