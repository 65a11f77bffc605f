"""`gplmt run`: an experiment from its file to its run directory."""

from __future__ import annotations

import gc
import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Timer

from msgspec import Struct
from msgspec.structs import replace

from gplmt import __version__
from gplmt.api import (
    Notices,
    RunResult,
    make_transports,
    new_run_token,
    plan_experiment,
    resolve_slices,
    run_plan,
)
from gplmt.cli.arguments import Arguments
from gplmt.cli.ending import follow_up, junit_kept_true
from gplmt.cli.shown_logs import tails_in
from gplmt.cli.source import load_source
from gplmt.cli.urls import recorded_words
from gplmt.cli.watching import watching
from gplmt.clock import SystemClock
from gplmt.diagnostics import Location
from gplmt.errors import GplmtError
from gplmt.events import WarningIssued
from gplmt.loading import Loaded
from gplmt.obligations import JournalOpened
from gplmt.planning import Plan, lasting_tasklists
from gplmt.prompting import ask_secret, can_ask
from gplmt.protocols import Transport, TransportSettings
from gplmt.recording.journal import JournalFile
from gplmt.recording.jsonl import JsonLines
from gplmt.recording.logs import LogFiles, raise_descriptor_limit
from gplmt.recording.output import CommandOutput
from gplmt.recording.recorder import Recorder
from gplmt.recording.rundir import RunDirectory, unfinished_runs
from gplmt.recording.summary import Summary, render_summary
from gplmt.recording.terminal import Terminal

_PATIENCE_SECONDS = 2.0


class _Prepared(Struct, frozen=True, kw_only=True):
    """All that a run needs, before it leaves a trace."""

    loaded: Loaded
    plan: Plan
    transports: Mapping[str, Transport]
    notices: Notices
    journal: JournalFile
    run_token: str


def run(arguments: Arguments) -> int:
    """Run the experiment; its own exit code (LANGUAGE.md 11.3).

    Raises:
        DocumentError, UsageError, SetupError: nothing has run.
    """
    with junit_kept_true(arguments):
        return _run(arguments)


def _run(arguments: Arguments) -> int:
    prepared = _prepare(arguments)
    _tell_of_unfinished_runs(arguments, prepared)
    directory = RunDirectory.create(
        arguments.log_root,
        prepared.loaded.experiment,
        now=SystemClock().now(),
        arguments=recorded_words(arguments.words),
    )
    terminal = Terminal()
    try:
        _open_journal(arguments, prepared, directory, terminal)
        result = _run_recorded(arguments, prepared, directory, terminal)
        if result.is_interrupted:
            _hurry(terminal)
    finally:
        terminal.close()
    return result.exit_code


def _prepare(arguments: Arguments) -> _Prepared:
    may_ask = not arguments.ssh.is_batch and can_ask()
    loaded = resolve_slices(load_source(arguments), ask_secret=ask_secret if may_ask else None)
    plan = plan_experiment(loaded)
    notices, journal, run_token = Notices(), JournalFile(), new_run_token()
    settings = TransportSettings(
        directory=arguments.directory.absolute(),
        grace_seconds=arguments.grace_seconds,
        run_token=run_token,
        descriptor_limit=raise_descriptor_limit(),
        ssh=arguments.ssh,
        warn=notices.warn,
        journal=journal,
    )
    return _Prepared(
        loaded=loaded,
        plan=plan,
        transports=make_transports(plan, settings),
        notices=notices,
        journal=journal,
        run_token=run_token,
    )


def _tell_of_unfinished_runs(arguments: Arguments, prepared: _Prepared) -> None:
    for path in unfinished_runs(arguments.log_root, prepared.plan.name):
        prepared.notices.warn(
            f"the run in {path} ended without cleaning up after itself; "
            f"'gplmt cleanup {shlex.quote(str(path))}' does it now",
            None,
        )


def _open_journal(
    arguments: Arguments, prepared: _Prepared, directory: RunDirectory, terminal: Terminal
) -> None:
    ssh = arguments.ssh
    opened = JournalOpened(
        gplmt=__version__,
        process=os.getpid(),
        run_tokens=(prepared.run_token,),
        started_in=str(Path.cwd()),
        directory=str(arguments.directory.absolute()),
        grace_seconds=arguments.grace_seconds,
        ssh_config=None if ssh.config_file is None else str(ssh.config_file.absolute()),
        host_key_checking=ssh.host_key_checking,
        ssh_parallelism=ssh.parallelism,
        ssh_cooldown_seconds=ssh.cooldown_seconds,
        lease_seconds=ssh.lease_seconds,
        tasklists=lasting_tasklists(prepared.plan),
    )
    prepared.journal.create(directory.path, opened, report=terminal.message)


def _run_recorded(
    arguments: Arguments, prepared: _Prepared, directory: RunDirectory, terminal: Terminal
) -> RunResult:
    clock, summary = SystemClock(), Summary()
    watched = watching(arguments, terminal, clock)
    recorder = Recorder(
        [JsonLines(directory.events), summary, *watched.sinks],
        now=clock.now(),
        report=terminal.message,
    )

    def warn(message: str, at: Location | None) -> None:
        place = None if at is None else str(at)
        recorder.emit(WarningIssued(time=clock.now(), at=place, message=message))

    for warning in prepared.loaded.warnings:
        warn(warning.message, warning.at)
    prepared.notices.pass_on(warn)
    watched.start()
    gc.freeze()
    gc.enable()  # `main` had it off until here
    result = run_plan(
        prepared.plan,
        transports=prepared.transports,
        recorder=recorder,
        logs=CommandOutput(
            LogFiles(directory.path),
            None if arguments.is_quiet else terminal,
            watched.latest,
        ),
        journal=prepared.journal,
        run_directory=directory.path,
        working_directory=arguments.directory.absolute(),
    )
    recorder.close()
    terminal.message(
        render_summary(summary, run_directory=directory.shown, read_tail=tails_in(directory))
    )
    result = _completed(result, recorder, directory, terminal)
    if not prepared.journal.close(all_stopped=True):
        where = shlex.quote(directory.shown)
        terminal.message(f"something is left to be done: 'gplmt cleanup {where}' does it")
    return follow_up(arguments, directory, result, tell=terminal.message)


def _completed(
    result: RunResult, recorder: Recorder, directory: RunDirectory, terminal: Terminal
) -> RunResult:
    """Complete the run directory; a run whose record is not whole has not gone well."""
    if not recorder.is_complete:
        terminal.message("gplmt: error: the record of this run is not complete")
        result = replace(result, exit_code=result.exit_code or 1)
    try:
        directory.finish(result.outcome, exit_code=result.exit_code, now=SystemClock().now())
    except GplmtError as error:
        terminal.message(f"gplmt: error: {error}")
        return replace(result, exit_code=result.exit_code or 1)
    return result


def _hurry(terminal: Terminal) -> None:
    """Who wants us to end should not have to wait for a reader who may never read on."""
    timer = Timer(_PATIENCE_SECONDS, terminal.abandon)
    timer.daemon = True
    with suppress(RuntimeError):  # there are too many processes for it
        timer.start()
