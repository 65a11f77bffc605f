"""What the kernel knows of processes: who carries a run's marker, whose group still lives.

Linux tells through /proc.  Elsewhere nothing is found by marker, and groups are still known.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

MARKER_VARIABLE = "GPLMT_COMMAND_ID"

_PROC = "/proc"
_MAX_PASSES = 10
_CHUNK_BYTES = 16_384


class MarkedProcess(NamedTuple):
    """A live process, and its marker from after the run's token to the slash."""

    pid: int
    mark: str


class ProcessStat(NamedTuple):
    """A process that is no zombie, as /proc/PID/stat shows it."""

    pid: int
    name: str
    group: int


def marked_processes(token: str) -> Iterator[MarkedProcess]:
    """Processes that carry the marker of the run `token`, each given as soon as it is found.

    Looks for new processes until there are none, because one that ended under our eyes may have
    had a child.  An empty environment is looked at twice: a process shows one while it executes
    a program.
    """
    needle = f"{MARKER_VARIABLE}={token}-".encode()
    seen: set[int] = set()
    empty: set[int] = set()
    for _ in range(_MAX_PASSES):
        unseen = [pid for pid in process_ids() if pid not in seen]
        if not unseen:
            return
        for pid in unseen:
            environment = _read(pid, "environ")
            if environment or pid in empty:
                seen.add(pid)
            else:
                empty.add(pid)
            if (mark := _mark(environment, needle)) is not None:
                yield MarkedProcess(pid, mark)


def process_ids() -> list[int]:
    """All process ids that /proc shows, in its order; none where there is no /proc."""
    try:
        names = os.listdir(_PROC)  # noqa: PTH208 (half the time of iterdir)
    except OSError:
        return []
    return [int(name) for name in names if name.isdigit()]


def live_processes() -> list[ProcessStat]:
    """All processes that are not zombies; none where there is no /proc."""
    stats = (_stat(pid) for pid in process_ids())
    return [stat for stat in stats if stat is not None]


def living_groups() -> set[int] | None:
    """The process groups that have other members than zombies; None where there is no /proc."""
    return {process.group for process in live_processes()} or None


def group_of(pid: int) -> int | None:
    """The process group of a process, None if it is gone."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def leaderless_group_exists(group: int) -> bool:
    """Whether there is left of a process group what its leader, which was reaped, left.

    A process with the leader's number means that the number is another's by now.
    """
    return signal_group(group, 0) and not _process_exists(group)


def signal_group(group: int, number: int) -> bool:
    """Send a signal to all of a process group; False if it has no members."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def signal_process(pid: int, number: int) -> None:
    """Send a signal to one process, if it is still there and ours."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def signal_number(name: str) -> int:
    """The number of a signal that is named as in `kill -l`, without SIG."""
    return signal.Signals[f"SIG{name.removeprefix('SIG')}"].value


def _process_exists(pid: int) -> bool:
    """Whether there is a process with this number, a zombie included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _mark(environment: bytes, needle: bytes) -> str | None:
    if environment.startswith(needle):
        value = environment[len(needle) :]
    else:
        value = environment.partition(b"\0" + needle)[2]
    mark, slash, _ = value.partition(b"\0")[0].partition(b"/")
    return (mark + slash).decode(errors="replace") if slash else None


def _stat(pid: int) -> ProcessStat | None:
    # The name is in parentheses and may contain any character, parentheses and spaces included.
    head, _, tail = _read(pid, "stat").decode(errors="replace").rpartition(")")
    fields = tail.split()
    if len(fields) < 3 or fields[0] in "ZX":
        return None
    return ProcessStat(pid, head.partition("(")[2], int(fields[2]))


def _read(pid: int, name: str) -> bytes:
    # All processes of a host are read: this takes half as long as a file object does.
    try:
        descriptor = os.open(f"{_PROC}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        content = chunk = os.read(descriptor, _CHUNK_BYTES)
        while len(chunk) == _CHUNK_BYTES:
            chunk = os.read(descriptor, _CHUNK_BYTES)
            content += chunk
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    return content
