"""Timing whole processes fairly: contenders take turns, medians and ratios are told."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A program is compiled once, not at each start: that is what users have.
_NOT_INHERITED = ("PYTHONDONTWRITEBYTECODE",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One process: wall-clock and CPU seconds (its children's included), peak memory in MB."""

    wall: float
    cpu: float
    peak_mb: float


def measure(command: Sequence[str], *, directory: str) -> Sample:
    """Run a process to its end; its output is dropped.

    Raises:
        RuntimeError: it did not exit with 0.
    """
    started = time.perf_counter()
    environment = {name: os.environ[name] for name in os.environ if name not in _NOT_INHERITED}
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[:3]} exited with {process.returncode}")
    return Sample(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak_mb=usage.ru_maxrss / 1024)


def compare(
    title: str,
    contenders: Mapping[str, Sequence[str]],
    *,
    rounds: int,
    directory: str,
    goal: str,
) -> None:
    """Measure contenders in turns and print medians; ratios are against the first one."""
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, command in contenders.items():
            samples[name].append(measure(command, directory=directory))
    print(f"\n{title} (median of {rounds}; goal: {goal})")
    print(f"  {'':32} {'wall':>9} {'ratio':>6} {'CPU':>9} {'ratio':>6} {'peak':>8}")
    floor = next(iter(samples.values()))
    for name, taken in samples.items():
        wall = statistics.median(sample.wall for sample in taken)
        cpu = statistics.median(sample.cpu for sample in taken)
        wall_ratio = wall / statistics.median(sample.wall for sample in floor)
        cpu_ratio = cpu / statistics.median(sample.cpu for sample in floor)
        peak = statistics.median(sample.peak_mb for sample in taken)
        print(
            f"  {name:32} {wall * 1000:6.0f} ms {wall_ratio:6.2f} "
            f"{cpu * 1000:6.0f} ms {cpu_ratio:6.2f} {peak:5.0f} MB"
        )
    sys.stdout.flush()
