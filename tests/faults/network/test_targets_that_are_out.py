"""Targets that are out after two failures in a row, and are back later (7.7)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest

from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import each, errors_of, failures_of, start
from tests.faults.support import (
    Case,
    Site,
    check_nothing_left,
    check_whole_record,
    lines_of,
    until_event,
)
from tests.support.program import until

pytestmark = pytest.mark.openssh

TRIES = "".join(f'<run name="try-{number}">true</run>' for number in range(1, 6))
OUT = re.compile(r"the target is out since (.{19}) UTC: ")
RETRY_SECONDS = 30.0
AT_ONCE_SECONDS = 1.0


def on_error_continue(text: str) -> str:
    """The document, in which the bad node's tasklist goes on after each failure."""
    return text.replace('<tasklist name="bad">', '<tasklist name="bad" on-error="continue">')


def test_tasks_of_a_target_that_is_out_fail_at_once_and_say_since_when(
    case: Case, make_proxied: MakeNode, good: Node
) -> None:
    bad = make_proxied()
    bad.proxy.refuse()
    sites: dict[str, Site] = {"bad": bad, "good": good}
    text = on_error_continue(each(sites, {"bad": TRIES, "good": "<run>echo here</run>"}))
    began = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    run = start(case, sites, text).wait(20)
    assert (run.exit_code, run.lines) == (1, ["good | here"]), run.stderr
    failures = failures_of(check_whole_record(run, exit_code=1))
    server = bad.proxy.server
    refused = f"{server.host} port {server.port} cannot be reached: connection refused"
    assert [failure.reason for failure in failures[:2]] == [refused, refused]
    for failure in failures[2:]:
        told = OUT.match(failure.reason or "")
        assert told is not None
        assert datetime.fromisoformat(told[1]) >= began
        assert (failure.reason or "").endswith(refused)
        assert failure.seconds < AT_ONCE_SECONDS
    assert len(errors_of(run)) == len(failures) == 5
    assert f"warning: target 'bad' is out: {refused}\n" in run.stderr
    check_nothing_left(case)


@pytest.mark.long
def test_a_target_that_is_back_is_used_again_without_a_word_from_anybody(
    case: Case, make_proxied: MakeNode, good: Node
) -> None:
    """It is tried again every 30 s in the background."""
    bad = make_proxied()
    bad.proxy.refuse()
    sites: dict[str, Site] = {"bad": bad, "good": good}
    tasks = {
        "bad": TRIES,
        "good": "<run>touch here; until [ -e go ]; do sleep 0.1; done</run>",
        "late": "<run>echo late | tee -a done</run>",
    }
    further = """<register-teardown tasklist="late" targets="bad"/>
<synchronize/><step tasklist="late" targets="bad"/>"""
    run = start(case, sites, on_error_continue(each(sites, tasks, further)))
    until_event(run, "RunFinished", task="try-5")
    bad.proxy.accept()
    began = time.monotonic()
    until(lambda: "warning: target 'bad' is back\n" in run.stderr, seconds=RETRY_SECONDS + 10)
    assert time.monotonic() - began < RETRY_SECONDS + 5
    (good.home / "go").touch()
    run.wait(20)
    assert (run.exit_code, run.lines) == (1, ["bad | late"] * 2), run.stderr
    assert lines_of(bad.home / "done") == ["late", "late"]
    assert len(failures_of(check_whole_record(run, exit_code=1))) == 5
    check_nothing_left(case)
