"""What is found of processes, while they come and go."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from pathlib import Path

from gplmt.transports.processes import Sweep, leaderless_group_exists


def start(text: str, **variables: str) -> subprocess.Popen[bytes]:
    """A shell in a session of its own."""
    return subprocess.Popen(  # noqa: S603
        ("/bin/sh", "-c", text),
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def test_one_look_finds_what_changes_its_number_all_the_time(tmp_path: Path) -> None:
    # Each generation starts the next one, and ends: it may be gone before it was looked at.
    token = f"t{secrets.token_hex(8)}"
    runner = tmp_path / "runner"
    runner.write_text(
        f'#!/bin/sh\n[ -e {tmp_path}/end ] || [ $1 = 50000 ] || exec "$0" $(($1+1)) &\n'
    )
    runner.chmod(0o755)
    first = start(f"{runner} 0", GPLMT_COMMAND_ID=f"{token}-s1.1/n1")
    missed = 0
    try:
        for _ in range(100):
            sweep = Sweep(token)
            found = {process.mark for process in sweep}
            assert found <= {"s1.1/"}
            missed += not found and sweep.is_conclusive
    finally:
        (tmp_path / "end").touch()
        first.communicate()
    assert missed == 0


def test_a_marker_is_the_whole_variable_of_this_run() -> None:
    token = f"t{secrets.token_hex(8)}"
    marker = f"{token}-s1.1/n1"
    processes = [
        start("echo; exec sleep 1000", AAA="x", GPLMT_COMMAND_ID=marker, ZZZ="y"),
        start("echo; exec sleep 1000", OTHER=f"GPLMT_COMMAND_ID={marker}"),
        start("echo; exec sleep 1000", OTHER_GPLMT_COMMAND_ID=marker),
        start("echo; exec sleep 1000", GPLMT_COMMAND_ID=f"outer {marker}"),
        start("echo; exec sleep 1000", GPLMT_COMMAND_ID=f"{token}0-s1.1/n1"),
        start("echo; exec sleep 1000", GPLMT_COMMAND_ID=f"{token}-nonsense"),
    ]
    found = {process.pid for process in Sweep(token)}
    for process in processes:
        process.kill()
        process.communicate()
    assert found == {processes[0].pid}


def test_the_number_of_a_group_with_a_leader_is_anothers() -> None:
    leader = start("sleep 1000 & echo up; wait")
    assert leader.stdout is not None
    leader.stdout.readline()
    assert not leaderless_group_exists(leader.pid)
    leader.kill()
    leader.wait()
    assert leaderless_group_exists(leader.pid)
    os.killpg(leader.pid, signal.SIGKILL)
    leader.stdout.close()
