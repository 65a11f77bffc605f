"""What is told while an experiment runs, a line a fact: warnings and signals always."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from gplmt.events import (
    AttemptFailed,
    Event,
    ExperimentStarted,
    IterationStarted,
    Outcome,
    SignalReceived,
    StepFinished,
    StepReached,
    StepStarted,
    SynchronizeStarted,
    TeardownFinished,
    TeardownStarted,
    WarningIssued,
)
from gplmt.recording.failures import failure_of
from gplmt.recording.masking import MASK, is_secret_variable
from gplmt.recording.plain_text import in_one_line


class Progress:
    """Tells about events as they happen; a `Sink`. `say` takes one line.

    `tells_facts` is whether steps, iterations and failures are told, too.
    """

    def __init__(self, say: Callable[[str], None], *, tells_facts: bool) -> None:
        self._say = say
        self._tells_facts = tells_facts
        self._began: datetime | None = None

    def receive(self, event: Event) -> None:
        """Say what there is to say about an event."""
        if isinstance(event, ExperimentStarted):
            self._began = event.time
        line = describe_always(event)
        if line is not None:
            self._say(in_one_line(line))
        elif self._tells_facts and (line := describe(event)) is not None:
            self._say(f"{stamp(self._elapsed(event))} {in_one_line(line)}")

    def close(self) -> None:
        """Nothing to give back."""

    def _elapsed(self, event: Event) -> float:
        return 0.0 if self._began is None else (event.time - self._began).total_seconds()


def stamp(seconds: float) -> str:
    """What a line that tells a fact begins with: when it happened."""
    return f"[{seconds:9.3f} s]"


def describe_always(event: Event) -> str | None:
    """What everybody should read at once."""
    match event:
        case WarningIssued(at=None):
            return f"warning: {event.message}"
        case WarningIssued():
            return f"{event.at}: warning: {event.message}"
        case SignalReceived(count=1):
            return f"got {event.signal}; ending the experiment, once more to kill what runs"
        case SignalReceived():
            return f"got {event.signal}; killing what runs, skipping the rest of the ending"
    return None


def describe(event: Event) -> str | None:
    """One line about what begins, ends or fails; None for what would be too much."""
    if isinstance(event, StepReached | StepStarted | StepFinished):
        return _describe_step(event)
    failure = failure_of(event)
    if failure is not None:
        return f"{failure.at}: {failure.what}"
    match event:
        case ExperimentStarted():
            return f"{event.at}: {event.experiment} starts on {_listed(event.targets)}"
        case SynchronizeStarted():
            what = "all" if event.targets is None else _listed(event.targets)
            return f"{event.at}: waiting for {what}"
        case IterationStarted():
            values = shown_parameters(event.parameters)
            with_values = f" with {values}" if values else ""
            return f"{event.at}: {event.loop} iteration {event.iteration}{with_values}"
        case TeardownStarted():
            targets = _listed(event.targets)
            return f"{event.at}: {event.step} '{event.tasklist}' starts on {targets}"
        case TeardownFinished():
            return f"{event.at}: {event.step} '{event.tasklist}' {_WORDS[event.outcome]}"
        case AttemptFailed():
            task = f"'{event.tasklist}.{event.task}' on {event.target}"
            return f"{event.at}: attempt {event.attempt} of {task}: {event.reason}; trying again"
    return None


def _describe_step(event: StepReached | StepStarted | StepFinished) -> str | None:
    round_ = f" in iteration {event.iteration}" if event.iteration else ""
    step = f"{event.at}: step '{event.step}'{round_}"
    match event:
        case StepReached():
            start = event.planned_start
            waits = start is not None and start > event.time
            return f"{step} waits until {start:%F %T %Z}" if waits else None
        case StepStarted():
            return f"{step} starts"
        case StepFinished():
            return f"{step} {_ended(event)}"


_WORDS = {
    Outcome.OK: "is done",
    Outcome.FAILED: "has failed",
    Outcome.TIMEOUT: "has failed",
    Outcome.STOPPED: "was stopped",
    Outcome.CANCELLED: "was stopped",
    Outcome.SKIPPED: "is skipped",
}


def _ended(step: StepFinished) -> str:
    words = _WORDS[step.outcome]
    if step.failed:
        return f"{words} on {_listed(step.failed)}"
    if step.tolerated:
        return f"{words}, tolerating failures on {_listed(step.tolerated)}"
    return words


def _listed(names: tuple[str, ...]) -> str:
    """The first of some names; a line should stay one."""
    most = 10
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shown_parameters(parameters: Mapping[str, str]) -> str:
    """The values of a loop's parameters, those that sound like a secret masked."""
    values = [
        f"{name}={MASK if is_secret_variable(name) else value}"
        for name, value in parameters.items()
    ]
    return ", ".join(values)
