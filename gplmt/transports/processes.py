"""What the kernel knows of processes: who carries a run's marker, whose group still lives.

Linux tells through /proc.  Elsewhere nothing is found by marker, and groups are still known.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

MARKER_VARIABLE = "GPLMT_COMMAND_ID"

_PROC = "/proc"
_MAX_PASSES = 10
_CHUNK_BYTES = 16_384

# Places in /proc/PID/stat, counted from the third field (proc_pid_stat(5)).
_STATE = 0
_GROUP = 2
_FLAGS = 6
_CODE = 23
_ENVIRONMENT = 47  # where it begins; the next field is where it ends
_DEAD = ("Z", "X")
_WITHOUT_MEMORY = 0x0020_0004  # a kernel thread, or exiting


class MarkedProcess(NamedTuple):
    """A live process, and its marker from after the run's token to the slash."""

    pid: int
    mark: str


class ProcessStat(NamedTuple):
    """A process that is no zombie, as /proc/PID/stat shows it."""

    pid: int
    name: str
    group: int


class Sweep:
    """One look at all processes for those that carry the marker of a run.

    Each is given as soon as it is found.  New processes are looked for until there are none,
    because one that ended under our eyes may have had a child.  `is_conclusive` tells afterwards
    whether none can have been missed: while it executes a program, a process shows no
    environment.
    """

    def __init__(self, token: str) -> None:
        self.is_conclusive = False
        self._needle = f"{MARKER_VARIABLE}={token}-".encode()

    def __iter__(self) -> Iterator[MarkedProcess]:
        self.is_conclusive = True
        seen: set[int] = set()
        for _ in range(_MAX_PASSES):
            unseen = [pid for pid in _process_ids() if pid not in seen]
            if not unseen:
                return
            seen.update(unseen)
            yield from self._marked(unseen)
        self.is_conclusive = False

    def _marked(self, pids: Iterable[int]) -> Iterator[MarkedProcess]:
        for pid in pids:
            environment = _read(pid, "environ")
            if environment == b"" and not _has_no_environment(pid):
                self.is_conclusive = False
            if environment and (mark := _mark(environment, self._needle)):
                yield MarkedProcess(pid, mark)


def live_processes() -> list[ProcessStat]:
    """All processes that are not zombies; none where there is no /proc."""
    stats = (_stat(pid) for pid in _process_ids())
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


def _process_ids() -> list[int]:
    """All process ids that /proc shows; none where there is no /proc."""
    try:
        names = os.listdir(_PROC)  # noqa: PTH208 (half the time of iterdir)
    except OSError:
        return []
    return [int(name) for name in names if name.isdigit()]


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
    name, fields = _stat_fields(pid)
    if not fields or fields[_STATE] in _DEAD:
        return None
    return ProcessStat(pid, name, int(fields[_GROUP]))


def _has_no_environment(pid: int) -> bool:
    """Whether a process that showed none has none, and is not about to execute a program."""
    _, fields = _stat_fields(pid)
    if not fields or fields[_STATE] in _DEAD or int(fields[_FLAGS]) & _WITHOUT_MEMORY:
        return True
    # The kernel sets the place of the code last.
    return fields[_CODE] != "0" and fields[_ENVIRONMENT] == fields[_ENVIRONMENT + 1]


def _stat_fields(pid: int) -> tuple[str, list[str]]:
    """The name, and the fields of /proc/PID/stat from the third one on; none if it is gone."""
    # The name is in parentheses and may contain any character, parentheses and spaces included.
    head, _, tail = (_read(pid, "stat") or b"").decode(errors="replace").rpartition(")")
    fields = tail.split()
    return head.partition("(")[2], fields if len(fields) > _ENVIRONMENT + 1 else []


def _read(pid: int, name: str) -> bytes | None:
    """What a file of a process holds; None where it is gone, or none of our business."""
    # All processes of a host are read: this takes half as long as a file object does.
    try:
        descriptor = os.open(f"{_PROC}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        content = chunk = os.read(descriptor, _CHUNK_BYTES)
        while len(chunk) == _CHUNK_BYTES:
            chunk = os.read(descriptor, _CHUNK_BYTES)
            content += chunk
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return content
