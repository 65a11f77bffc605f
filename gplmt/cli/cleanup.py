"""`gplmt cleanup`: what a run that ended too early still owes to its nodes."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from gplmt import __version__
from gplmt.api import Notices, RunResult, new_run_token, recover, transports_to
from gplmt.cli.arguments import Arguments
from gplmt.cli.shown_logs import tails_in
from gplmt.cli.streams import tell
from gplmt.clock import SystemClock
from gplmt.diagnostics import Location
from gplmt.engine.debts import Debts
from gplmt.errors import GplmtError, SetupError
from gplmt.events import WarningIssued
from gplmt.inventory import LocalAddress, Node
from gplmt.obligations import JournalOpened, TasklistDue, UnfinishedFiles
from gplmt.protocols import SshSettings, TransportSettings
from gplmt.recording.journal import JournalFile
from gplmt.recording.jsonl import JsonLines, resume
from gplmt.recording.kept_journal import NAME, KeptJournal
from gplmt.recording.logs import LogFiles, raise_descriptor_limit
from gplmt.recording.output import CommandOutput
from gplmt.recording.progress import Progress
from gplmt.recording.recorder import Recorder
from gplmt.recording.recovered import Recovered, render_recovered
from gplmt.recording.rundir import RunDirectory
from gplmt.recording.terminal import Terminal


def cleanup(arguments: Arguments) -> int:
    """Do what is owed; the exit code is 0 if nothing is any more, and nothing failed.

    Raises:
        UsageError: there is no such run.
        SetupError: it is still running, or something is missing; nothing was done.
    """
    directory = RunDirectory.open(Path(arguments.file))
    try:
        kept = KeptJournal.take(directory.path / NAME)
    except FileNotFoundError:
        tell(f"gplmt: nothing is left to be done for {directory.shown}")
        return 0
    try:
        debts = _debts(kept)
        ssh = _ssh_settings(arguments.ssh, kept.opened)
        _enter(kept.opened)
        return _Cleanup(arguments, directory, kept, debts, ssh).run()
    finally:
        kept.close()


class _Cleanup:
    def __init__(
        self,
        arguments: Arguments,
        directory: RunDirectory,
        kept: KeptJournal,
        debts: Debts,
        ssh: SshSettings,
    ) -> None:
        self._arguments = arguments
        self._directory = directory
        self._kept = kept
        self._debts = debts
        self._journal = JournalFile()
        self._notices = Notices()
        self._token = new_run_token()
        self._working_directory = Path(kept.opened.directory)
        settings = TransportSettings(
            directory=self._working_directory,
            grace_seconds=kept.opened.grace_seconds,
            run_token=self._token,
            descriptor_limit=raise_descriptor_limit(),
            ssh=ssh,
            warn=self._notices.warn,
            journal=self._journal,
        )
        nodes = [*debts.nodes().values()]
        if any(isinstance(each, UnfinishedFiles) for each in debts.owed.values()):
            nodes.append(debts.here)
        self._transports = transports_to(nodes, settings)

    def run(self) -> int:
        """Do everything, and tell of it."""
        first_span = resume(self._directory.events) + 1
        terminal = Terminal()
        tokens = (*self._kept.opened.run_tokens, self._token)
        opened = replace(
            self._kept.opened, gplmt=__version__, process=os.getpid(), run_tokens=tokens
        )
        try:
            self._journal.resume(self._kept, opened, report=terminal.message)
            return self._run_recorded(terminal, first_span)
        finally:
            terminal.close()

    def _run_recorded(self, terminal: Terminal, first_span: int) -> int:
        clock, recovered = SystemClock(), Recovered()
        progress = Progress(terminal.message, tells_facts=self._arguments.is_verbose)
        recorder = Recorder(
            [JsonLines(self._directory.events), recovered, progress],
            now=clock.now(),
            report=terminal.message,
        )

        def warn(message: str, at: Location | None) -> None:
            place = None if at is None else str(at)
            recorder.emit(WarningIssued(time=clock.now(), at=place, message=message))

        self._notices.pass_on(warn)
        gc.enable()  # `main` had it off until here
        shown = None if self._arguments.is_quiet else terminal
        result = recover(
            self._debts,
            transports=self._transports,
            recorder=recorder,
            logs=CommandOutput(LogFiles.after_a_run(self._directory.path), shown),
            journal=self._journal,
            run_directory=self._directory.path,
            working_directory=self._working_directory,
            first_span=first_span,
        )
        recorder.close()
        terminal.message(
            render_recovered(
                recovered,
                run_directory=self._directory.shown,
                read_tail=tails_in(self._directory),
            )
        )
        return self._completed(result, terminal)

    def _completed(self, result: RunResult, terminal: Terminal) -> int:
        if self._journal.close(all_stopped=False):
            try:
                self._directory.note_cleanup(SystemClock().now())
            except GplmtError as error:
                terminal.message(f"gplmt: error: {error}")
                return result.exit_code or 1
        return result.exit_code


def _debts(kept: KeptJournal) -> Debts:
    """What a journal tells.

    Raises:
        SetupError: a variable that a tasklist needs is unset; all faults at once.
    """
    _check_variables(kept, os.environ)
    return Debts(
        owed=kept.owed,
        tasklists={tasklist.name: tasklist for tasklist in kept.opened.tasklists},
        run_tokens=kept.opened.run_tokens,
        grace=timedelta(seconds=kept.opened.grace_seconds),
        here=Node(at=Location("gplmt", 0), name="execution host", address=LocalAddress()),
        host_environment=dict(os.environ),
    )


def _check_variables(kept: KeptJournal, environment: Mapping[str, str]) -> None:
    faults: dict[str, None] = {}
    for due in kept.owed.values():
        if isinstance(due, TasklistDue):
            for name in due.host_variables:
                if name not in environment:
                    faults[
                        f"{due.at}: error: the variable {name} is not set here, and "
                        f"'{due.tasklist}' on {due.target} needs it; set it as for the run"
                    ] = None
    if faults:
        raise SetupError("\n".join(faults))


def _ssh_settings(given: SshSettings, opened: JournalOpened) -> SshSettings:
    """The command line's, else the run's."""
    config_file = given.config_file or (
        None if opened.ssh_config is None else Path(opened.ssh_config)
    )
    return SshSettings(
        config_file=None if config_file is None else config_file.absolute(),
        host_key_checking=given.host_key_checking or opened.host_key_checking,
        parallelism=opened.ssh_parallelism,
        cooldown_seconds=opened.ssh_cooldown_seconds,
        lease_seconds=opened.lease_seconds,
        is_batch=given.is_batch,
    )


def _enter(opened: JournalOpened) -> None:
    """Go to where relative paths of the run lead from, if it is still there."""
    with suppress(OSError):
        os.chdir(opened.started_in)
