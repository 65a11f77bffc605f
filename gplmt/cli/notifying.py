"""Tells those who wait for it how a run has ended: by a command, by a document that is posted."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gplmt.api import RunResult
from gplmt.cli.arguments import Notification
from gplmt.cli.patience import Patience, Waited
from gplmt.cli.urls import shown_url
from gplmt.events import StepReached
from gplmt.recording.faults import in_words
from gplmt.recording.rundir import RunDirectory
from gplmt.recording.summary import STEP_WORDS
from gplmt.reporting.history import History

COMMAND_SECONDS = 30.0
POST_SECONDS = 10.0


class News(Struct, frozen=True, kw_only=True):
    """The document; what is not known is None.

    `outcome` is `ok`, `failed` or `interrupted`; `steps` counts them by how they ended; `targets`
    are those that steps use.
    """

    outcome: str
    experiment: str
    run_id: str
    run_dir: str
    exit_code: int
    host: str
    started: datetime
    ended: datetime
    seconds: float
    targets: int | None = None
    steps: dict[str, int] | None = None
    failures: int | None = None
    tolerated: int | None = None


def news_of(
    directory: RunDirectory, history: History | None, result: RunResult, *, now: datetime
) -> News:
    """What there is to tell; without a `history` only what the manifest knows."""
    manifest = directory.manifest
    ended = manifest.ended or now
    word = "interrupted" if result.is_interrupted else "failed" if result.exit_code else "ok"
    news = News(
        outcome=word,
        experiment=manifest.experiment,
        run_id=manifest.run_id,
        run_dir=str(directory.path),
        exit_code=result.exit_code,
        host=manifest.host,
        started=manifest.started,
        ended=ended,
        seconds=round((ended - manifest.started).total_seconds(), 6),
    )
    if history is None or history.beginning is None:
        return news
    steps = Counter(STEP_WORDS[span.outcome] for span in history.of(StepReached) if span.outcome)
    tolerated = sum(failed.is_tolerated for failed in history.failures())
    return replace(
        news,
        targets=len(history.beginning.targets),
        steps={word: steps[word] for word in dict.fromkeys(STEP_WORDS.values())},
        failures=None if history.ending is None else history.ending.failures,
        tolerated=tolerated,
    )


def notify(
    notification: Notification, news: News, *, warn: Callable[[str], None], patience: Patience
) -> None:
    """Tell all who are to be told; `warn` is told of whom it was not possible."""
    if notification.command is not None:
        problem = run_command(notification.command, news, patience)
        if problem is not None:
            warn(f"gplmt: warning: the command of --notify {problem}")
    if notification.url is not None:
        from gplmt.cli.posting import post  # brings ssl and http along

        document = msgspec.json.encode(news)
        problem = post(notification.url, document, patience, seconds=POST_SECONDS)
        if problem is not None:
            warn(f"gplmt: warning: could not post to {shown_url(notification.url)}: {problem}")


def run_command(
    command: str, news: News, patience: Patience, *, seconds: float = COMMAND_SECONDS
) -> str | None:
    """Run a shell command in a session of its own, at most so long; what was wrong with it."""
    environment = {
        **os.environ,
        "GPLMT_OUTCOME": news.outcome,
        "GPLMT_RUN_DIR": news.run_dir,
        "GPLMT_EXPERIMENT": news.experiment,
    }
    patience.renew()
    try:
        process = subprocess.Popen(  # noqa: S603 (it is the user's)
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=2,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return f"could not be started: {in_words(error)}"
    try:
        waited = patience.wait(lambda pause: _has_ended(process, pause), seconds=seconds)
    finally:
        if process.poll() is None:
            _kill(process)
    match waited:
        case Waited.INTERRUPTED:
            return "was killed, as gplmt was interrupted"
        case Waited.TOO_LONG:
            return f"was killed, as it had not ended within {seconds:g} s"
    return _problem_of(process.returncode)


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return True
    return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    _has_ended(process, 1.0)


def _problem_of(status: int) -> str | None:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"exited with status {status}" if status else None
