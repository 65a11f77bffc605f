"""What happens in a run: one frozen class per fact, its name the `kind` of an event line.

A `span` is a number that a `…Started` shares with its `…Finished`; `parent` is the span that
encloses it. Paths of logs are relative to the run directory.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from msgspec import Struct

FORMAT = 1


class Outcome(Enum):
    """How something that was started has ended."""

    OK = "ok"
    FAILED = "failed"
    TIMEOUT = "timeout"
    STOPPED = "stopped"  # by a stop time, an on-error, a par's other branch, the end
    CANCELLED = "cancelled"  # by a signal to gplmt
    SKIPPED = "skipped"  # enabled="false"


class Event(Struct, frozen=True, kw_only=True, tag=True, tag_field="kind", omit_defaults=True):
    """A fact; `time` is aware, UTC."""

    time: datetime


class RecordOpened(Event, frozen=True, kw_only=True):
    """The first line of every record."""

    format: int
    gplmt: str


class Started(Event, frozen=True, kw_only=True):
    """Something with a duration has begun."""

    span: int
    parent: int | None = None
    at: str | None = None


class Finished(Event, frozen=True, kw_only=True):
    """What has begun has ended; `reason` says why where the outcome is not ok."""

    span: int
    parent: int | None = None
    at: str | None = None
    outcome: Outcome
    reason: str | None = None


class ExperimentStarted(Started, frozen=True, kw_only=True):
    """Everything passed the checks, and steps are about to be reached.

    `steps` is how many will be if nothing ends it early, None with a loop that goes on for a time;
    `planned_end` is when its timeout runs out.
    """

    experiment: str
    run_id: str
    targets: tuple[str, ...]
    description: str | None = None
    steps: int | None = None
    planned_end: datetime | None = None


class ExperimentFinished(Finished, frozen=True, kw_only=True):
    """The ending is over; `exit_code` is gplmt's own (LANGUAGE.md 11.3)."""

    experiment: str
    exit_code: int
    failures: int


class StepReached(Event, frozen=True, kw_only=True):
    """The scheduler has come to a step, which may still wait for its start time.

    `planned_stop` is where it will be stopped if it has not ended before.
    """

    span: int
    parent: int | None = None
    at: str
    step: str
    iteration: str | None = None
    tasklist: str
    targets: tuple[str, ...]
    planned_start: datetime | None = None
    planned_stop: datetime | None = None
    background: bool = False


class StepStarted(Started, frozen=True, kw_only=True):
    """The start time has come."""

    step: str
    iteration: str | None = None
    tasklist: str


class StepFinished(Finished, frozen=True, kw_only=True):
    """All targets and their cleanups have ended; `tolerated` failed within a met quorum."""

    step: str
    iteration: str | None = None
    tasklist: str
    failed: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()


class LoopStarted(Started, frozen=True, kw_only=True):
    """A loop begins; `iterations` is known for repeat and sweeps, else `planned_end`.

    No iteration begins after that time.
    """

    loop: str
    iterations: int | None = None
    planned_end: datetime | None = None


class LoopFinished(Finished, frozen=True, kw_only=True):
    """A loop's last iteration has ended."""

    loop: str


class IterationStarted(Started, frozen=True, kw_only=True):
    """One iteration begins, with these values of the loop's parameters."""

    loop: str
    iteration: str
    parameters: dict[str, str] = {}


class IterationFinished(Finished, frozen=True, kw_only=True):
    """All steps of an iteration have ended."""

    loop: str
    iteration: str


class SynchronizeStarted(Started, frozen=True, kw_only=True):
    """A barrier was reached; `targets` None waits for all."""

    targets: tuple[str, ...] | None = None


class SynchronizeFinished(Finished, frozen=True, kw_only=True):
    """What the barrier waited for has ended."""


class TeardownRegistered(Event, frozen=True, kw_only=True):
    """A teardown will run at the end."""

    at: str
    step: str
    tasklist: str
    targets: tuple[str, ...]


class TeardownStarted(Started, frozen=True, kw_only=True):
    """A registered teardown begins; `step` is its name, `teardown-N`."""

    step: str
    tasklist: str
    targets: tuple[str, ...]


class TeardownFinished(Finished, frozen=True, kw_only=True):
    """A teardown has ended on all its targets."""

    step: str
    tasklist: str


class TasklistStarted(Started, frozen=True, kw_only=True):
    """A tasklist begins on a target, called or as a step's or cleanup's."""

    target: str
    step: str
    iteration: str | None = None
    tasklist: str
    cleanup: bool = False


class TasklistFinished(Finished, frozen=True, kw_only=True):
    """A tasklist and its cleanup have ended on a target; `excused` as for tasks."""

    target: str
    step: str
    iteration: str | None = None
    tasklist: str
    cleanup: bool = False
    excused: bool = False


class TaskStarted(Started, frozen=True, kw_only=True):
    """A task begins on a target."""

    target: str
    step: str
    iteration: str | None = None
    tasklist: str
    task: str


class TaskFinished(Finished, frozen=True, kw_only=True):
    """A task has ended on a target, its retries included.

    `excused` says that a call with expected-status="1" asked for a failure here, `lost` that it
    failed as the target could not be reached.
    """

    target: str
    step: str
    iteration: str | None = None
    tasklist: str
    task: str
    seconds: float
    excused: bool = False
    lost: bool = False


class RunStarted(TaskStarted, frozen=True, kw_only=True):
    """A `<run>`; its logs are not given where it is skipped."""

    stdout: str | None = None
    stderr: str | None = None


class RunFinished(TaskFinished, frozen=True, kw_only=True):
    """The shell has ended, by status or by signal; neither is given where it was not seen."""

    status: int | None = None
    signal: int | None = None
    stdout: str | None = None
    stderr: str | None = None


class WaitForStarted(TaskStarted, frozen=True, kw_only=True):
    """A `<wait-for>`; without a command there are no logs."""

    stdout: str | None = None
    stderr: str | None = None


class WaitForFinished(TaskFinished, frozen=True, kw_only=True):
    """The condition holds, or the time is over."""

    attempts: int
    stdout: str | None = None
    stderr: str | None = None


class PutStarted(TaskStarted, frozen=True, kw_only=True):
    """A `<put>`, with the paths as written."""

    source: str
    destination: str


class PutFinished(TaskFinished, frozen=True, kw_only=True):
    """A put has ended."""

    files: int = 0
    bytes: int = 0


class GetStarted(TaskStarted, frozen=True, kw_only=True):
    """A `<get>`, with the paths as written."""

    source: str
    destination: str


class GetFinished(TaskFinished, frozen=True, kw_only=True):
    """A get has ended."""

    files: int = 0
    bytes: int = 0


class CallStarted(TaskStarted, frozen=True, kw_only=True):
    """A `<call>`; the tasklist's own events follow."""

    calls: str


class CallFinished(TaskFinished, frozen=True, kw_only=True):
    """The called tasklist has ended; the outcome is the call's."""

    calls: str


class FailStarted(TaskStarted, frozen=True, kw_only=True):
    """A `<fail>`."""


class FailFinished(TaskFinished, frozen=True, kw_only=True):
    """A fail has failed, or was skipped."""


class SeqStarted(TaskStarted, frozen=True, kw_only=True):
    """A `<seq>`."""


class SeqFinished(TaskFinished, frozen=True, kw_only=True):
    """A seq has ended."""


class ParStarted(TaskStarted, frozen=True, kw_only=True):
    """A `<par>`."""


class ParFinished(TaskFinished, frozen=True, kw_only=True):
    """A par has ended with all its branches."""


class AttemptFailed(Event, frozen=True, kw_only=True):
    """An attempt that a retry follows; `attempt` counts from 1."""

    span: int
    at: str
    target: str
    step: str
    tasklist: str
    task: str
    attempt: int
    reason: str


class SignalReceived(Event, frozen=True, kw_only=True):
    """gplmt itself got a signal; `count` from 1."""

    signal: str
    count: int


class LeftoverStopped(Event, frozen=True, kw_only=True):
    """Processes that a run left behind were stopped at the end (LANGUAGE.md 6.2)."""

    at: str
    target: str
    step: str
    tasklist: str
    task: str
    processes: tuple[str, ...]


class CopiesRemoved(Event, frozen=True, kw_only=True):
    """What a put with keep="false" had created was removed; `remaining` could not be."""

    target: str
    at: str
    removed: int
    remaining: tuple[str, ...] = ()


class UnfinishedRemoved(Event, frozen=True, kw_only=True):
    """What a put that was cut off had left unfinished on a target was removed."""

    target: str
    at: str
    removed: int


class RecoveryStarted(Started, frozen=True, kw_only=True):
    """`gplmt cleanup` has begun, for a run that ended without cleaning up after itself."""

    targets: tuple[str, ...]


class RecoveryFinished(Finished, frozen=True, kw_only=True):
    """`gplmt cleanup` has ended; something is still owed on the `remaining` targets."""

    exit_code: int
    remaining: tuple[str, ...] = ()


class SurvivorsStopped(Event, frozen=True, kw_only=True):
    """`gplmt cleanup` stopped processes ("PID NAME") that a run had left on a target."""

    target: str
    processes: tuple[str, ...]


class WarningIssued(Event, frozen=True, kw_only=True):
    """Something that the user should know and that fails nothing."""

    message: str
    at: str | None = None
