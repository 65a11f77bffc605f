"""What SSH scenarios are made of: contenders, things to copy, and how to see that all is there."""

from __future__ import annotations

import filecmp
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.measuring import Contender
from benchmarks.ssh_experiments import command, document
from benchmarks.ssh_lab import Host, SshLab
from benchmarks.ssh_peers import SshPeers
from benchmarks.ssh_python_peers import PEERS as PYTHON_PEERS
from benchmarks.workbench import Workbench

_FLOORS = str(Path(__file__).resolve().parent / "ssh_floors.py")
_PYTHON_PEERS = str(Path(__file__).resolve().parent / "ssh_python_peers.py")
_FILES_PER_DIRECTORY = 100
_BLOCK_BYTES = 1_000_000

Check = Callable[[], None]
Halfway = Callable[[int], float | None]


def _nothing() -> None:
    """Ask nothing."""


class SshBench:
    """Makes the contenders of one scenario, which work in a directory of their own."""

    def __init__(self, bench: Workbench, lab: SshLab, directory: Path) -> None:
        self.bench = bench
        self.lab = lab
        self.directory = directory
        self.arrived = directory / "arrived"
        self.peers = SshPeers(lab)
        self._runs = directory / "runs"
        self.clean()

    def clean(self) -> None:
        """Remove what a contender has left."""
        for left in (self.arrived, self._runs):
            shutil.rmtree(left, ignore_errors=True)
        self.arrived.mkdir(parents=True)

    def raw(
        self,
        hosts: Sequence[Host],
        *words: object,
        name: str = "raw",
        check: Check = _nothing,
        halfway: Halfway | None = None,
    ) -> Contender:
        """The script with asyncssh."""
        lab = self._describe(hosts, name=name)
        return Contender(
            name=name,
            command=[sys.executable, _FLOORS, lab, *map(str, words)],
            check=check,
            clean=self.clean,
            halfway=halfway,
        )

    def peer(self, name: str, command: Sequence[str], check: Check = _nothing) -> Contender:
        """A program that others made."""
        return Contender(name=name, command=command, check=check, clean=self.clean)

    def python_peers(self, hosts: Sequence[Host], times: int) -> list[Contender]:
        """Programs that run `true` on all hosts so many times, if there are any."""
        python = self.bench.peers
        if not python:
            return []
        lab = self._describe(hosts, name="peers")
        return [
            self.peer(name, [python, _PYTHON_PEERS, lab, name, str(times)]) for name in PYTHON_PEERS
        ]

    def gplmt(
        self,
        hosts: Sequence[Host],
        tasks: str,
        *,
        name: str = "gplmt",
        check: Check = _nothing,
        halfway: Halfway | None = None,
    ) -> Contender:
        """An experiment that does `tasks` on all hosts at once."""
        file = self._file(name, ".xml")
        file.write_text(document(self.lab, hosts, tasks))
        return Contender(
            name=name,
            command=command(file, self.lab, runs=self._runs),
            check=check,
            clean=self.clean,
            halfway=halfway,
        )

    def file(self, size: int) -> Path:
        """A file of `size` bytes, lines of text that do not compress to nothing."""
        path = self.directory / f"file_{size}"
        block = b"".join(b"%s\n" % os.urandom(31).hex().encode() for _ in range(_BLOCK_BYTES // 63))
        with path.open("wb") as file:
            while (left := size - file.tell()) > 0:
                file.write(block[:left])
        return path

    def tree(self, files: int, *, size: int) -> Path:
        """A directory of directories of files."""
        top = self.directory / f"tree_{files}"
        for number in range(files):
            directory = top / f"d{number // _FILES_PER_DIRECTORY}"
            directory.mkdir(parents=True, exist_ok=True)
            (directory / f"f{number}").write_bytes(os.urandom(size))
        return top

    def arrives(self, source: Path, *, copies: int = 1) -> Check:
        """See that what lies in `arrived` are so many copies of `source`."""

        def check() -> None:
            found = list(self.arrived.iterdir())
            assert len(found) == copies, f"{len(found)} copies instead of {copies}"
            for copy in found:
                assert _is_same(source, copy), f"{copy} differs from {source}"

        return check

    def is_logged(self, source: Path, *, copies: int = 1) -> Check:
        """See that the logs of so many targets equal `source`."""

        def check() -> None:
            logs = list(self._runs.glob("latest/logs/*/*.out"))
            assert len(logs) == copies, f"{len(logs)} logs instead of {copies}"
            for log in logs:
                assert _is_same(source, log), f"{log} differs from {source}"

        return check

    def has_run(self, runs: int) -> Check:
        """See that there are logs of so many runs."""

        def check() -> None:
            logs = len(list(self._runs.glob("latest/logs/*/*.out")))
            assert logs == runs, f"{logs} logs instead of {runs}"

        return check

    def _describe(self, hosts: Sequence[Host], *, name: str) -> str:
        lab = self._file(name, ".json")
        lab.write_text(self.lab.description(hosts))
        return str(lab)

    def _file(self, name: str, suffix: str) -> Path:
        return self.directory / f"{name.replace(' ', '_').replace(',', '')}{suffix}"


def _is_same(one: Path, other: Path) -> bool:
    if one.is_file():
        return filecmp.cmp(one, other, shallow=False)
    names = {path.relative_to(one) for path in one.rglob("*")}
    return names == {path.relative_to(other) for path in other.rglob("*")} and all(
        filecmp.cmp(one / name, other / name, shallow=False)
        for name in names
        if (one / name).is_file()
    )
