"""What lives on this host, found without the code that is tested."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

_PAUSE_SECONDS = 0.005


def marked_by(text: str) -> dict[int, str]:
    """Live processes with `text` in their environment: process id and command line."""
    found = {}
    for pid in _process_ids():
        if text.encode() in _read(pid, "environ"):
            found[pid] = _command_line(pid)
    return found


def called_with(word: str) -> dict[int, str]:
    """Live processes that have `word` as an argument, markers or not."""
    found = {}
    for pid in _process_ids():
        if word.encode() in _read(pid, "cmdline").split(b"\0"):
            found[pid] = _command_line(pid)
    return found


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return bool(fields) and fields[0] not in (b"Z", b"X")


def open_descriptors() -> dict[str, str]:
    """The descriptors of this process, and what they lead to."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except FileNotFoundError:  # the one that lists them
            continue
    return found


def children() -> list[int]:
    """The children of this process, zombies included."""
    return [
        pid
        for pid in _process_ids()
        if _read(pid, "stat").rpartition(b")")[2].split()[1:2] == [str(os.getpid()).encode()]
    ]


async def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Look again and again until the condition holds; fail if that takes too long.

    Looking takes a third of the time, so that others have theirs.
    """
    deadline = time.monotonic() + seconds
    while True:
        begun = time.monotonic()
        if condition():
            return
        now = time.monotonic()
        assert now < deadline, f"not within {seconds} s"
        await asyncio.sleep(max(_PAUSE_SECONDS, 2 * (now - begun)))


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _command_line(pid: int) -> str:
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
