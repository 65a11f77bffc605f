"""Looking at a process at the moment when all its connections are open and idle."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.measuring import ContenderError

_LONGEST_SECONDS = 120.0
_INTERVAL_SECONDS = 0.05


class Plateau:
    """A command for nodes on this machine: it tells that it runs, and waits to be released."""

    def __init__(self, directory: Path) -> None:
        self._started = directory / "started"
        self._release = directory / "release"
        self._descriptor = -1
        self.command = f"echo >>{self._started}; read x <{self._release}"

    def __enter__(self) -> Plateau:
        os.mkfifo(self._release)
        # Read and write, so that neither end waits for the other to open it.
        self._descriptor = os.open(self._release, os.O_RDWR)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def resident_mb(self, pid: int, *, commands: int) -> float | None:
        """The memory of a process once so many commands run; releases them.

        None if the process ends before.

        Raises:
            ContenderError: they did not come to run.
        """
        self._started.write_bytes(b"")
        deadline = time.monotonic() + _LONGEST_SECONDS
        while (running := self._started.stat().st_size) < commands:
            if _status(pid)["State"].startswith("Z"):
                return None
            if time.monotonic() > deadline:
                raise ContenderError(f"{running} of {commands} commands ran at once")
            time.sleep(_INTERVAL_SECONDS)
        resident = _status(pid)["VmRSS"]
        os.write(self._descriptor, b"\n" * commands)
        return int(resident.split()[0]) / 1024


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
