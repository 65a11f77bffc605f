"""From the record of a run to what its page is told."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime

from gplmt.events import (
    ExperimentStarted,
    IterationStarted,
    LoopStarted,
    RecoveryFinished,
    SynchronizeStarted,
)
from gplmt.recording.jsonl import read_events
from gplmt.recording.manifest import Manifest
from gplmt.reporting.history import History, Span
from gplmt.reporting.page.failures import FailureRows
from gplmt.reporting.page.listings import count_at, list_sources
from gplmt.reporting.page.model import CleanupRow, PageData, RunFacts, Texts
from gplmt.reporting.page.outputs import Tails, shortened, visible
from gplmt.reporting.page.steps import Steps, place_of_outcome
from gplmt.reporting.page.tasks import Targets, Tasks
from gplmt.reporting.page.telling import Told
from gplmt.reporting.page.times import Scale
from gplmt.reporting.recorded import RecordedRun, RunOutcome

_UNMARKED = ExperimentStarted | LoopStarted | IterationStarted | SynchronizeStarted
_SECRET_OPTIONS = ("--notify", "--notify-url")
_MASK = "***"


def collect(run: RecordedRun, *, now: datetime, to_run_directory: str) -> PageData:
    """All that the page shows; `to_run_directory` leads there from where the page will be.

    Raises:
        GplmtError: the record cannot be read any more.
    """
    history, manifest = run.history, run.manifest
    scale, texts = Scale(history.first_time or manifest.started), Texts()
    steps, targets = Steps(scale, texts), Targets(_first_targets(history, manifest))
    failures = history.failures()
    tasks = Tasks(steps, targets, {failed.span.number: failed for failed in failures})
    marks: dict[str, list[int]] = {}
    for span in history.spans:
        place, outcome = steps.enter(span), tasks.outcome_of(span)
        tasks.enter(span, step=place, outcome=outcome, scale=scale)
        if span.begin.at is not None and not isinstance(span.begin, _UNMARKED):
            count_at(marks, span.begin.at, outcome)
    told = Told(read_events(run.path / "events.jsonl"))
    columns, rows = tasks.columns(scale, texts, told)
    failure_rows = FailureRows(
        scale=scale, texts=texts, targets=targets, tails=Tails(run.path, texts), rows=rows
    ).make(failures, steps)
    facts = _facts(run, to_run_directory)
    sources = list_sources(run.path, manifest, marks, texts=texts)
    notes = told.notes(scale, texts)
    return PageData(
        made=now,
        origin=scale.origin,
        end=scale.at(now if facts.is_running else _end(history, steps) or scale.origin),
        run=facts,
        steps=steps.finish(),
        tasks=columns,
        task_count=len(tasks),
        failures=failure_rows,
        failure_count=len(failures),
        sources=sources,
        notes=notes,
        note_count=told.count,
        cleanups=[_cleanup(span, scale) for span in history.recoveries],
        targets=targets.all(),
        texts=texts.all(),
    )


def _first_targets(history: History, manifest: Manifest) -> list[str]:
    """Those that steps use, in the order of the document; any others come with their tasks."""
    used = set() if history.beginning is None else set(history.beginning.targets)
    return [name for name in manifest.targets if name in used]


def _end(history: History, steps: Steps) -> datetime | None:
    """When the run ended, or the last that its record tells before any cleanup."""
    if history.ending is not None:
        return history.ending.time
    if not history.recoveries:
        return history.last_time
    return max(_moments(history, steps), default=None)


def _moments(history: History, steps: Steps) -> Iterator[datetime]:
    for span in history.spans:
        if not steps.is_of_cleanup(steps.place_of(span)):
            yield span.begin.time
            if span.ended is not None:
                yield span.ended


def _facts(run: RecordedRun, to_run_directory: str) -> RunFacts:
    manifest, ending = run.manifest, run.history.ending
    return RunFacts(
        experiment=visible(manifest.experiment),
        run_id=manifest.run_id,
        outcome=run.outcome.value,
        is_running=run.outcome is RunOutcome.UNFINISHED and _is_running(run),
        description=None if manifest.description is None else shortened(manifest.description),
        reason=None if ending is None or ending.reason is None else shortened(ending.reason),
        exit_code=manifest.exit_code,
        started=manifest.started,
        ended=manifest.ended,
        cleaned_up=manifest.cleaned_up,
        document=visible(manifest.document),
        command=shortened(f"gplmt {shlex.join(_without_secrets(manifest))}"),
        directory=visible(manifest.directory),
        host=manifest.host,
        user=manifest.user,
        gplmt=manifest.gplmt,
        python=manifest.python,
        system=manifest.system,
        to_run_directory=to_run_directory,
    )


def _is_running(run: RecordedRun) -> bool:
    from gplmt.reporting.runs import is_running  # a run that writes its page has ended

    return is_running(run.path)


def _without_secrets(manifest: Manifest) -> Iterator[str]:
    """The command line without whom it notifies, as tokens stand in such URLs and commands."""
    previous = ""
    for word in manifest.arguments:
        option, equals, _ = word.partition("=")
        if previous in _SECRET_OPTIONS:
            yield _MASK
        elif equals and option in _SECRET_OPTIONS:
            yield f"{option}={_MASK}"
        else:
            yield word
        previous = word


def _cleanup(span: Span, scale: Scale) -> CleanupRow:
    end = span.end if isinstance(span.end, RecoveryFinished) else None
    return CleanupRow(
        started=scale.at(span.begin.time),
        ended=scale.maybe(span.ended),
        outcome=place_of_outcome(span),
        exit_code=None if end is None else end.exit_code,
        reason=None if end is None or end.reason is None else shortened(end.reason),
        remaining=[] if end is None else list(end.remaining),
    )
