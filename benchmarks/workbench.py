"""Where scenarios work: a directory of their own, how often and how large, what came of it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measuring import Comparison, take_turns
from benchmarks.reporting import report


class Workbench:
    """What all scenarios of one call of the benchmark share."""

    def __init__(
        self, directory: Path, *, repeat: int | None, scale: float, peers: str | None
    ) -> None:
        self.directory = directory
        self.peers = peers  # the interpreter that has parallel-ssh, fabric and pyinfra
        self.has_failures = False
        self._repeat = repeat
        self._scale = scale

    def scaled(self, number: int) -> int:
        """A number of hosts, files or bytes, as far as this machine shall go."""
        return max(1, round(number * self._scale))

    def compare(self, comparison: Comparison, *, rounds: int) -> None:
        """Measure and print; a contender that fails is told, and remembered."""
        samples, failures = take_turns(
            (*comparison.contenders, *comparison.bases),
            rounds=self._repeat or rounds,
            directory=self.directory,
        )
        report(comparison, samples, failures)
        self.has_failures |= bool(failures)
