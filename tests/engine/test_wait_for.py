"""Waiting for a command or a port (LANGUAGE.md 6.8)."""

from __future__ import annotations

import pytest

from gplmt.errors import ConnectionLostError, LogError
from gplmt.events import Outcome, StepFinished, WaitForFinished, WaitForStarted
from gplmt.transports.fake import Script
from tests.support.lab import Lab, experiment


def test_it_ends_as_soon_as_the_command_exits_with_0(lab: Lab) -> None:
    lab.script("up", Script(returncode=1), Script(returncode=-9), Script())
    result = lab.run_tasks('<wait-for interval="PT2S">up</wait-for><run>next</run>')
    assert result.when("up") == [0, 2, 4]
    assert result.when("next") == [4]
    assert result.one(WaitForFinished).attempts == 3
    assert result.exit_code == 0


def test_it_asks_every_half_second_for_thirty_unless_told(lab: Lab) -> None:
    lab.fails("up")
    result = lab.run_tasks("<wait-for>up</wait-for>")
    assert result.when("up")[:3] == [0, 0.5, 1]
    assert result.duration == 30
    assert result.outcome("wait-for-1") is Outcome.TIMEOUT
    assert result.reasons() == [
        "the command never exited with 0 (last: exited with status 1) within 30 s"
    ]
    assert result.exit_code == 1


def test_a_command_that_does_not_come_back_is_stopped_in_time(lab: Lab) -> None:
    lab.takes("up", 100)
    result = lab.run_tasks('<wait-for timeout="PT3S">up</wait-for>')
    assert result.duration == 3
    assert result.reasons() == ["the command did not end within 3 s"]


def test_it_waits_for_a_port_of_the_target_itself(lab: Lab) -> None:
    lab.script("connect localhost 8080", Script(returncode=1), Script())
    result = lab.run_tasks('<wait-for port="8080"/><run>next</run>')
    assert result.when("next") == [0.5]


def test_it_waits_for_a_port_elsewhere(lab: Lab) -> None:
    result = lab.run_tasks('<wait-for port="22" host="h"/>')
    assert result.when("connect h 22") == [0]


def test_a_port_that_stays_closed_is_a_failure(lab: Lab) -> None:
    lab.fails("connect localhost 8080")
    result = lab.run_tasks('<wait-for port="8080" timeout="PT2S"/><run>next</run>')
    assert result.reasons() == ["localhost:8080 took no connection within 2 s"]
    assert result.commands() == []
    assert result.one(WaitForStarted).stdout is None


def test_a_node_that_cannot_be_reached_yet_is_asked_again(lab: Lab) -> None:
    lab.script("up", Script(error=ConnectionLostError("gone")), Script())
    assert lab.run_tasks("<wait-for>up</wait-for>").exit_code == 0


def test_a_log_that_cannot_be_written_is_a_failure_at_once(lab: Lab) -> None:
    lab.script("up", Script(error=LogError("disk full")))
    result = lab.run_tasks("<wait-for>up</wait-for>")
    assert result.duration == 0
    assert result.reasons() == ["disk full"]


@pytest.mark.parametrize("seconds", [1, 3])
def test_it_can_be_stopped_while_it_asks_and_between(lab: Lab, seconds: int) -> None:
    lab.fails("up", seconds=2)
    result = lab.run(
        experiment(
            tasklists='<tasklist name="t"><wait-for interval="PT2S">up</wait-for></tasklist>',
            steps=f'<step tasklist="t" targets="n1" stop_relative="PT{seconds}S"/>',
        )
    )
    assert result.duration == seconds
    assert result.one(StepFinished).outcome is Outcome.STOPPED
    assert result.one(WaitForFinished).outcome is Outcome.STOPPED


@pytest.mark.parametrize(("limit", "stop", "end"), [(3, 100, 3), (100, 4, 4)])
def test_a_connection_lost_while_it_is_stopped_does_not_keep_it_asking(
    lab: Lab, limit: int, stop: int, end: int
) -> None:
    lost = ConnectionLostError("lost while stopping")
    lab.script("up", Script(returncode=1, seconds=5, error_when_stopped=lost), Script(returncode=1))
    lab.patience_seconds = 50
    result = lab.run(
        experiment(
            tasklists=f'<tasklist name="t"><wait-for timeout="PT{limit}S">up</wait-for></tasklist>',
            steps=f'<step tasklist="t" targets="n1" stop_relative="PT{stop}S"/>',
        )
    )
    assert result.duration == end
    assert result.when("up") == [0]
