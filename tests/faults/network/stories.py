"""A story in which something happens to one of two nodes, and how it must end in any case.

`bad` has a step with a cleanup, then another step, then a teardown; `good` has a step and the
same teardown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from gplmt.events import (
    Event,
    Outcome,
    TaskFinished,
)
from tests.faults.network.nodes import Node
from tests.faults.support import (
    JOURNAL,
    Case,
    Site,
    check_nothing_left,
    check_whole_record,
    lines_of,
    until_event,
)
from tests.support.processes import is_alive
from tests.support.program import GPLMT, Running, until

PROGRAM = (*GPLMT, "run")
CONTENT = b"x" * 40_000_000
BYTES_PER_SECOND = 4_000_000
GRACE_SECONDS = 0.5
LEASE_SECONDS = 3.0
ALONE_SECONDS = LEASE_SECONDS * 4 / 3 + GRACE_SECONDS  # after a cut that is not told (7.5)
SHORT = ("--grace", str(GRACE_SECONDS), "--lease", str(LEASE_SECONDS), "--batch")
NEWLINE = "\n"
SLACK_SECONDS = 2.0  # what a busy machine may take longer
CLEAN_SECONDS = GRACE_SECONDS + 2.0  # after a node is alone, and knows it (LANGUAGE.md 7.5)

# A command with all kinds of children; `started` is there once all of them are.
BUSY = """sleep 1000 &amp; nohup sleep 1000 >nohup.out 2>&amp;1 &amp;
setsid sleep 1000 &amp; (setsid sh -c 'touch daemon; sleep 1000' &amp;) ;
until [ -e daemon ]; do sleep 0.01; done; touch started; sleep 1000"""
LOST = "the connection was lost ("
PUT = '<put name="hit"><source>big</source><destination>copy</destination></put>'
GET = '<get name="hit"><source>big</source><destination>copy</destination></get>'
COMMAND = f'<run name="hit">{BUSY}</run>'
ENDING = ["bad | tidied", "good | went on", "bad | next", "bad | restored", "good | restored"]


class Loss(NamedTuple):
    """When something has happened, and what lived on the bad node then."""

    moment: datetime
    began: float
    alive: frozenset[int]


def story(bad: Node, good: Node, task: str = COMMAND) -> str:
    """The document; the bad node has this `task`, named `hit`, when something happens."""
    return f"""<experiment>
<targets>{bad.target_xml("bad")}{good.target_xml("good")}</targets>
<tasklists>
<tasklist name="work" cleanup="tidy">{task}</tasklist>
<tasklist name="tidy"><run name="tidy">echo tidied | tee -a done</run></tasklist>
<tasklist name="more"><run name="next">echo next | tee -a done</run></tasklist>
<tasklist name="other"><run name="go-on">touch here; until [ -e go ]; do sleep 0.05; done;
echo went on</run></tasklist>
<tasklist name="end"><run name="restore">echo restored | tee -a done</run></tasklist>
</tasklists>
<steps>
<register-teardown tasklist="end" targets="bad good"/>
<step tasklist="other" targets="good"/>
<step tasklist="work" targets="bad"/>
<synchronize/>
<step tasklist="more" targets="bad"/>
</steps>
</experiment>
"""


def begin(case: Case, bad: Node, good: Node, task: str = COMMAND, *options: str) -> Running:
    """Start the story; short of time, unless `options` say otherwise."""
    run = start(case, {"bad": bad, "good": good}, story(bad, good, task), *options)
    good.until_there("here", run)
    return run


def each(sites: Mapping[str, Site], tasks: Mapping[str, str], further: str = "") -> str:
    """The document in which each of these targets has tasks of its own, all at once.

    `further` are steps after that; the tasklists have the names of the targets.
    """
    tasklists = (f'<tasklist name="{name}">{text}</tasklist>' for name, text in tasks.items())
    steps = (f'<step tasklist="{name}" targets="{name}"/>' for name in sites if name in tasks)
    return f"""<experiment>
<targets>{"".join(site.target_xml(name) for name, site in sites.items())}</targets>
<tasklists>
{NEWLINE.join(tasklists)}
</tasklists>
<steps>{"".join(steps)}{further}</steps>
</experiment>
"""


def start(
    case: Case,
    sites: Mapping[str, Site],
    text: str,
    *options: str,
    program: Sequence[str] = PROGRAM,
) -> Running:
    """Start a document that leads to these sites; short of time, unless `options` say otherwise."""
    for site in sites.values():
        case.at(site)
    home = {"HOME": str(case.program.scratch)}
    return case.start(text, *SHORT, *options, program=program, environment=home)


def begin_to_copy(case: Case, bad: Node, good: Node, task: str, *options: str) -> Running:
    """Start the story with one of the two copies, and wait until some of it has come through."""
    (bad.home if task == GET else case.program.work).joinpath("big").write_bytes(CONTENT)
    bad.limit(BYTES_PER_SECOND)
    run = begin(case, bad, good, task, *options)
    until(lambda: _unfinished_bytes(case) >= BYTES_PER_SECOND / 8 or run.process.poll() is not None)
    assert run.process.poll() is None, run.stderr
    return run


def _unfinished_bytes(case: Case) -> int:
    sizes = [0]
    for path in case.unfinished():
        with suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return max(sizes)


def check_copy(run: Running, bad: Node, task: str) -> None:
    """Nothing has the final name."""
    place = run.work if task == GET else bad.home
    assert not (place / "copy").exists()


def happen(bad: Node, fault: Callable[[], object]) -> Loss:
    """Have something happen to the bad node."""
    loss = Loss(datetime.now(UTC), time.monotonic(), frozenset(bad.processes()))
    fault()
    return loss


def until_clean(loss: Loss, *, seconds: float) -> None:
    """Wait until nothing lives any more that did when it happened; so long since then."""
    left = loss.began + seconds + SLACK_SECONDS - time.monotonic()
    until(lambda: not any(map(is_alive, loss.alive)), seconds=left)


def until_failed(run: Running) -> None:
    """Wait until gplmt has noticed."""
    kinds = ("RunFinished", "PutFinished", "GetFinished")
    until(lambda: any(event["task"] == "hit" for event in run.of_kind(*kinds)))


def let_go(run: Running, good: Node) -> None:
    """Let the good node end its step, whatever may be the matter with the other."""
    (good.home / "go").touch()
    until_event(run, "RunFinished", target="good", task="go-on", outcome="ok")


def check_end(
    case: Case,
    run: Running,
    bad: Node,
    loss: Loss,
    *,
    reason: str,
    seconds: float,
    failures: int = 1,
) -> None:
    """The task has failed for this reason, in time; all else has gone well, and nothing is left."""
    run.wait()
    assert run.exit_code == 1, run.stderr
    assert sorted(run.lines) == sorted(ENDING), run.stderr
    assert lines_of(bad.home / "done") == ["tidied", "next", "restored"]
    events = check_whole_record(run, exit_code=1)
    failed = [event for event in failures_of(events) if event.task == "hit"]
    assert len(failed) == 1
    assert reason in (failed[0].reason or "")
    assert (failed[0].time - loss.moment).total_seconds() < seconds + SLACK_SECONDS
    assert len(failures_of(events)) == failures
    assert f"'work.hit' on bad failed: {reason}" in run.stderr
    assert len(errors_of(run)) == failures, run.stderr
    settle(case, run)


def settle(case: Case, run: Running) -> None:
    """Have what the run still owes, if anything, done by `gplmt cleanup`; nothing is left then."""
    journal = run.run_directory / JOURNAL
    if journal.exists():
        cleaned = case.cleanup(run)
        assert cleaned.exit_code == 0, cleaned.stderr
    assert not journal.exists()
    check_nothing_left(case)


def failures_of(events: list[Event]) -> list[TaskFinished]:
    """The tasks that have failed."""
    return [
        event
        for event in events
        if isinstance(event, TaskFinished) and event.outcome in (Outcome.FAILED, Outcome.TIMEOUT)
    ]


def errors_of(run: Running) -> list[str]:
    """The errors that the user sees."""
    return [line for line in run.stderr.splitlines() if ": error: " in line]
