"""`gplmt run`: an experiment from its file to its run directory."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from threading import Timer

from msgspec import Struct
from msgspec.structs import replace

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
from gplmt.cli.source import load_source
from gplmt.clock import SystemClock
from gplmt.diagnostics import Location
from gplmt.errors import GplmtError
from gplmt.events import WarningIssued
from gplmt.loading import Loaded
from gplmt.planning import Plan
from gplmt.prompting import ask_secret, can_ask
from gplmt.protocols import Transport, TransportSettings
from gplmt.recording.jsonl import JsonLines
from gplmt.recording.logs import LogFiles, raise_descriptor_limit, tail
from gplmt.recording.output import CommandOutput
from gplmt.recording.progress import Progress
from gplmt.recording.recorder import Recorder
from gplmt.recording.rundir import RunDirectory
from gplmt.recording.summary import Summary, render_summary
from gplmt.recording.terminal import Terminal

_TAIL_LINES = 3
_TAIL_BYTES = 2000
_PATIENCE_SECONDS = 2.0


class _Prepared(Struct, frozen=True, kw_only=True):
    """All that a run needs, before it leaves a trace."""

    loaded: Loaded
    plan: Plan
    transports: Mapping[str, Transport]
    notices: Notices


def run(arguments: Arguments) -> int:
    """Run the experiment; its own exit code (LANGUAGE.md 11.3).

    Raises:
        DocumentError, UsageError, SetupError: nothing has run.
    """
    prepared = _prepare(arguments)
    directory = RunDirectory.create(
        arguments.log_root,
        prepared.loaded.experiment,
        now=SystemClock().now(),
        arguments=arguments.words,
    )
    terminal = Terminal()
    try:
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
    notices = Notices()
    settings = TransportSettings(
        directory=arguments.directory.absolute(),
        grace_seconds=arguments.grace_seconds,
        run_token=new_run_token(),
        descriptor_limit=raise_descriptor_limit(),
        ssh=arguments.ssh,
        warn=notices.warn,
    )
    transports = make_transports(plan, settings)
    return _Prepared(loaded=loaded, plan=plan, transports=transports, notices=notices)


def _run_recorded(
    arguments: Arguments, prepared: _Prepared, directory: RunDirectory, terminal: Terminal
) -> RunResult:
    clock, summary = SystemClock(), Summary()
    progress = Progress(terminal.message, is_verbose=arguments.is_verbose)
    recorder = Recorder(
        [JsonLines(directory.events), summary, progress],
        now=clock.now(),
        report=terminal.message,
    )

    def warn(message: str, at: Location | None) -> None:
        place = None if at is None else str(at)
        recorder.emit(WarningIssued(time=clock.now(), at=place, message=message))

    for warning in prepared.loaded.warnings:
        warn(warning.message, warning.at)
    prepared.notices.pass_on(warn)
    gc.freeze()
    gc.enable()  # `main` had it off until here
    result = run_plan(
        prepared.plan,
        transports=prepared.transports,
        recorder=recorder,
        logs=CommandOutput(LogFiles(directory.path), None if arguments.is_quiet else terminal),
        run_directory=directory.path,
        working_directory=arguments.directory.absolute(),
    )
    recorder.close()
    terminal.message(
        render_summary(summary, run_directory=directory.shown, read_tail=_tail_in(directory))
    )
    return _completed(result, recorder, directory, terminal)


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
    timer.start()


def _tail_in(directory: RunDirectory) -> Callable[[str], bytes]:
    def read_tail(log: str) -> bytes:
        return tail(directory.path / log, max_lines=_TAIL_LINES, max_bytes=_TAIL_BYTES)

    return read_tail
