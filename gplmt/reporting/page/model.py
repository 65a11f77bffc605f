"""What the page is told, as JSON; `assets/data.js` reads it.

Times are milliseconds since `PageData.origin`, None where the record ends before. A text that
occurs often is a number: its place in `PageData.texts`, which begins with "".
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

OUTCOMES = (  # a column holds places in this
    "ok",
    "failed",
    "timeout",
    "tolerated",  # failed within a met quorum
    "expected",  # a call with expected-status="1" asked for the failure
    "stopped",
    "cancelled",
    "skipped",
    "unfinished",  # the record ends before
)
KINDS = ("run", "wait-for", "put", "get", "call", "fail", "seq", "par")


class Texts:
    """Gives each text a number; the same one the next time."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}

    def number(self, text: str | None) -> int:
        """The number of a text; 0 for none."""
        return 0 if text is None else self._numbers.setdefault(text, len(self._numbers))

    def all(self) -> list[str]:
        """All texts, each at the place of its number."""
        return list(self._numbers)


class RunFacts(Struct, kw_only=True):
    """The run in short; `to_run_directory` leads from the page to it, for links into it."""

    experiment: str
    run_id: str
    outcome: str
    is_running: bool
    description: str | None
    reason: str | None
    exit_code: int | None
    started: datetime
    ended: datetime | None
    cleaned_up: datetime | None
    document: str
    command: str
    directory: str
    host: str
    user: str
    gplmt: str
    python: str
    system: str
    to_run_directory: str


class StepRow(Struct, kw_only=True):
    """A step, a teardown, or what `gplmt cleanup` did (`kind`).

    `first` and `last` are when its first task began on the first and the last of its targets:
    their difference is the step's skew. `begun` counts the targets that have begun one.
    """

    kind: str
    name: str
    iteration: str | None
    tasklist: str
    at: int
    is_background: bool = False
    targets: int
    planned: float | None = None
    planned_stop: float | None = None
    reached: float
    started: float | None
    ended: float | None
    outcome: int
    reason: str | None
    failed: int = 0
    tolerated: int = 0
    first: float | None = None
    last: float | None = None
    begun: int = 0


class TaskColumns(Struct, kw_only=True):
    """A table of tasks by column: those that do something, and failures of those around them.

    `target` and `step` are places in the lists of those (-1 for none), `length` is how long it
    took, `log` its logs without `.out` and `.err`, `result` what else is known of its end.
    """

    kind: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    step: list[int] = field(default_factory=list)
    name: list[int] = field(default_factory=list)
    iteration: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    begin: list[float] = field(default_factory=list)
    length: list[float | None] = field(default_factory=list)
    outcome: list[int] = field(default_factory=list)
    result: list[int] = field(default_factory=list)
    reason: list[int] = field(default_factory=list)
    log: list[str] = field(default_factory=list)


class LogTail(Struct, kw_only=True):
    """The last lines of a log, made harmless."""

    log: str
    text: int


class FailureRow(Struct, kw_only=True):
    """Something that failed; `what` without its target and iteration, `task` its place, or -1."""

    at: int
    what: int
    reason: int
    target: int
    iteration: int
    time: float
    task: int
    is_tolerated: bool
    is_of_cleanup: bool
    logs: list[str]
    tails: list[LogTail]


class Mark(Struct, kw_only=True):
    """How often what stands at a line ended how; `counts` goes by place in OUTCOMES."""

    line: int
    at: int
    counts: list[int]


class SourceText(Struct, kw_only=True):
    """A file of the experiment; `link` leads to the copy in the run directory."""

    name: str
    link: str
    text: str
    is_cut: bool
    marks: list[Mark]


class Note(Struct, kw_only=True):
    """Something that happened and is no task: `kind` is warning, signal, note or retry."""

    time: float
    kind: str
    text: str
    at: int = 0


class CleanupRow(Struct, kw_only=True):
    """What one `gplmt cleanup` did."""

    started: float
    ended: float | None
    outcome: int
    exit_code: int | None
    reason: str | None
    remaining: list[str]


class PageData(Struct, kw_only=True):
    """All that the page shows; `end` is that of the run, or of what the record tells of it.

    Of a run that is running it is when the page was made.
    `task_count`, `failure_count`, `note_count` count those that are left out, too.
    """

    format: int = 1
    made: datetime
    outcomes: tuple[str, ...] = OUTCOMES
    kinds: tuple[str, ...] = KINDS
    origin: datetime
    end: float
    run: RunFacts
    texts: list[str]
    targets: list[str]
    steps: list[StepRow]
    tasks: TaskColumns
    task_count: int
    failures: list[FailureRow]
    failure_count: int
    sources: list[SourceText]
    notes: list[Note]
    note_count: int
    cleanups: list[CleanupRow]
