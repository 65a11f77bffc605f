"""Logins that a server takes no more, or that somebody would have to answer questions for (7.7)."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from tests.faults.network.conftest import MakeNode
from tests.faults.network.nodes import Node
from tests.faults.network.stories import (
    CLEAN_SECONDS,
    COMMAND,
    LOST,
    begin,
    each,
    errors_of,
    failures_of,
    happen,
    let_go,
    settle,
    start,
    until_clean,
)
from tests.faults.support import Case, check_nothing_left, check_whole_record, lines_of
from tests.support.program import Running
from tests.support.ssh.keys import make_user_key

pytestmark = pytest.mark.openssh

DIALOGUES = {
    "password": {"PasswordAuthentication": "yes", "PubkeyAuthentication": "no"},
    "keyboard-interactive": {
        "KbdInteractiveAuthentication": "yes",
        "UsePAM": "yes",
        "PubkeyAuthentication": "no",
    },
}


def check_shut_out(run: Running, bad: Node, good: Node, reason: str) -> None:
    """All that follows the loss has failed at once for this reason; the other has not noticed."""
    let_go(run, good)
    run.wait(10)
    assert run.exit_code == 1
    assert sorted(run.lines) == ["good | restored", "good | went on"]
    failures = failures_of(check_whole_record(run, exit_code=1))
    assert [failure.task for failure in failures] == ["hit", "tidy", "next", "restore"]
    assert (failures[0].reason or "").startswith(LOST)
    assert (failures[1].reason or "").startswith(reason)
    for failure in failures[2:]:
        assert (failure.reason or "").startswith("the target is out since ")
        assert reason in (failure.reason or "")
    assert (failures[-1].time - failures[0].time).total_seconds() < 5.0
    assert len(errors_of(run)) == 4
    assert lines_of(bad.home / "done") == []


def test_a_login_that_was_revoked_meanwhile_fails_at_once_and_is_told(
    case: Case, make_node: MakeNode, good: Node
) -> None:
    bad = make_node()
    keys = bad.home.parent / "authorized_keys"
    run = begin(case, bad, good)
    bad.until_there("started", run)
    key = keys.read_text()
    keys.write_text("")
    loss = happen(bad, bad.server.kill_sessions)
    until_clean(loss, seconds=CLEAN_SECONDS)
    check_shut_out(run, bad, good, f"permission denied for {bad.server.user}; tried the key ")
    keys.write_text(key)
    settle(case, run)
    assert lines_of(bad.home / "done") == ["tidied", "restored"]


@pytest.mark.long
def test_a_host_key_that_has_changed_meanwhile_is_refused_and_told(
    case: Case, make_proxied: MakeNode, good: Node
) -> None:
    """Whoever has taken the node's place gets nothing to run."""
    bad = make_proxied()
    run = begin(case, bad, good, COMMAND, "--host-key-checking", "accept-new")
    bad.until_there("started", run)
    file = bad.home.parent / "host_key"
    key = file.read_bytes()
    file.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    bad.proxy.hole()
    loss = happen(bad, bad.shut_down)
    bad.boot()
    bad.proxy.heal()
    until_clean(loss, seconds=CLEAN_SECONDS)
    place = f"[{bad.proxy.server.host}]:{bad.proxy.server.port}"
    check_shut_out(run, bad, good, f"the host key of {place} has changed: it shows ")
    assert "Starting session" not in bad.server.log().rpartition("Server listening")[2]
    file.write_bytes(key)
    bad.shut_down()
    bad.boot()
    settle(case, run)
    assert lines_of(bad.home / "done") == ["tidied", "restored"]


@pytest.mark.parametrize(
    "kind", ["password", pytest.param("keyboard-interactive", marks=pytest.mark.long)]
)
def test_nobody_is_asked_for_a_password_in_a_batch(
    case: Case, make_node: MakeNode, good: Node, kind: str
) -> None:
    bad = make_node(settings=DIALOGUES[kind])
    sites = {"bad": bad, "good": good}
    tasks = dict.fromkeys(sites, "<run name='hit'>echo here</run>")
    run = start(case, sites, each(sites, tasks)).wait(10)
    assert (run.exit_code, run.lines) == (1, ["good | here"])
    (failure,) = failures_of(check_whole_record(run, exit_code=1))
    assert failure.target == "bad"
    assert (failure.reason or "").startswith(f"permission denied for {bad.server.user}; ")
    assert failure.seconds < 5
    check_nothing_left(case)


@pytest.mark.long
def test_nobody_is_asked_for_a_passphrase_in_a_batch(
    case: Case, make_node: MakeNode, good: Node, tmp_path: Path
) -> None:
    """That is found out before anything runs."""
    key = make_user_key(tmp_path / "locked", passphrase="secret")  # noqa: S106
    bad = make_node(key=key)
    sites = {"bad": bad, "good": good}
    tasks = dict.fromkeys(sites, "<run name='hit'>echo here</run>")
    run = start(case, sites, each(sites, tasks)).wait(10)
    assert (run.exit_code, run.lines, run.has_run_directory) == (3, [], False)
    assert f"the identity file {key.path} cannot be used: it is encrypted" in run.stderr
    assert "nobody may be asked; add it to an SSH agent: ssh-add " in run.stderr
    check_nothing_left(case)
