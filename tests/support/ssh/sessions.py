"""Processes of a server's sessions: which there are, and their end."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_LONGEST_SECONDS = 20.0


def kill(pids: Iterable[int]) -> None:
    """Kill processes, if they are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_until_none(find: Callable[[], set[int]]) -> None:
    """Kill what is found, and look again, until nothing is found any more."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while victims := find():
        assert time.monotonic() < deadline, f"cannot be killed: {victims}"
        kill(victims)
        time.sleep(0.005)


def started_through(port: int) -> set[int]:
    """Live processes that sessions on a port have started, daemons included.

    Every server tells its commands the port in SSH_CONNECTION, and they tell theirs.
    """
    pattern = re.compile(rb"(?:^|\0)SSH_CONNECTION=\S+ \d+ \S+ %d\0" % port)
    return {pid for pid in _process_ids() if pattern.search(_read(pid, "environ"))}


def descendants(pid: int) -> Iterator[int]:
    """The live processes below one."""
    children: dict[int, list[int]] = {}
    for child in _process_ids():
        fields = _read(child, "stat").rpartition(b")")[2].split()
        if fields and fields[0] not in (b"Z", b"X"):
            children.setdefault(int(fields[1]), []).append(child)
    waiting = [pid]
    while waiting:
        found = children.get(waiting.pop(), [])
        waiting += found
        yield from found


def program(pid: int) -> bytes:
    """The name of a program up to a dash: newer OpenSSH has `sshd-session` beside `sshd`."""
    return _read(pid, "comm").strip().partition(b"-")[0]


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
