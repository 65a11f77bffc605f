"""Timing whole processes fairly: contenders take turns, medians and ratios are told."""

from __future__ import annotations

import os
import select
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# A program is compiled once, not at each start: that is what users have. An agent's keys would
# be tried before those of the benchmark.
_NOT_INHERITED = ("PYTHONDONTWRITEBYTECODE", "SSH_AUTH_SOCK")
_LONGEST_SECONDS = 300.0
_PATIENCE_SECONDS = 15.0
_SHOWN_LINES = 8


def _nothing() -> None:
    """Ask nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One process: wall-clock and CPU seconds (its children's included), memory in MB.

    The memory is the peak of the largest process, unless the contender says when to look.
    """

    wall: float
    cpu: float
    memory_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A process to measure.

    `check` raises AssertionError if the work is not done; `clean` removes what it left, done or
    not. `halfway` takes the process id and returns the resident memory in MB at the moment that
    counts, None if the process has ended before.
    """

    name: str
    command: Sequence[str]
    check: Callable[[], None] = _nothing
    clean: Callable[[], None] = _nothing
    halfway: Callable[[int], float | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """What one contender costs beyond another, spread over `parts` (commands, connections)."""

    name: str
    of: str
    minus: str
    parts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a row should keep to: times another row's figure, or MB."""

    of: str
    against: str = ""
    wall: float | None = None
    cpu: float | None = None
    memory_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Contenders that do the same, and `bases` that do less of it, for `beyond` to subtract.

    Ratios are against the first of the contenders, of the bases, of `beyond`.
    """

    title: str
    contenders: Sequence[Contender]
    bases: Sequence[Contender] = ()
    beyond: Sequence[Beyond] = ()
    goals: Sequence[Goal] = ()


class ContenderError(Exception):
    """A contender did not do its work."""


def measure(contender: Contender, *, directory: Path) -> Sample:
    """Run a process to its end and see that it did its work; its standard output is dropped.

    Raises:
        ContenderError: it did not exit with 0, or in time, or its work is not done.
    """
    errors = directory / "stderr"
    environment = {name: os.environ[name] for name in os.environ if name not in _NOT_INHERITED}
    with errors.open("wb") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(
            contender.command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        resident = contender.halfway(process.pid) if contender.halfway else None
        if not _has_ended(process, _LONGEST_SECONDS):
            raise ContenderError(f"did not end within {_LONGEST_SECONDS:.0f} s")
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise ContenderError(f"exited with {process.returncode}: {_last_words(errors)}")
        if contender.halfway and resident is None:
            raise ContenderError("ended before the moment that counts")
        contender.check()
    except AssertionError as error:
        raise ContenderError(f"did not do its work: {error}") from error
    finally:
        _end(process)
        contender.clean()
    return Sample(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        memory_mb=usage.ru_maxrss / 1024 if resident is None else resident,
    )


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the end, without reaping: only `wait4` tells what the process has used."""
    descriptor = os.pidfd_open(process.pid)
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process that was left early, and what it has started."""
    if process.returncode is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    if not _has_ended(process, _PATIENCE_SECONDS):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_words(errors: Path) -> str:
    lines = errors.read_text(errors="replace").splitlines()
    return " | ".join(line.strip() for line in lines[-_SHOWN_LINES:])


def take_turns(
    contenders: Sequence[Contender], *, rounds: int, directory: Path
) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """Measure contenders in turns, every other round backwards; the samples of each by name.

    One that fails is left out from then on; the second mapping says why.
    """
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    failures: dict[str, str] = {}
    for number in range(rounds):
        for contender in contenders[:: -1 if number % 2 else 1]:
            if contender.name in failures:
                continue
            try:
                samples[contender.name].append(measure(contender, directory=directory))
            except ContenderError as error:
                failures[contender.name] = str(error)
                del samples[contender.name]
    return samples, failures


def differences(
    samples: dict[str, list[Sample]], beyond: Sequence[Beyond]
) -> dict[str, list[Sample]]:
    """The rows that `beyond` asks for, round by round."""
    return {
        row.name: [
            Sample(
                wall=(whole.wall - part.wall) / row.parts,
                cpu=(whole.cpu - part.cpu) / row.parts,
                memory_mb=(whole.memory_mb - part.memory_mb) / row.parts,
            )
            for whole, part in zip(samples[row.of], samples[row.minus], strict=True)
        ]
        for row in beyond
        if row.of in samples and row.minus in samples
    }


def ratio(
    taken: Sequence[Sample], floor: Sequence[Sample], figure: Callable[[Sample], float]
) -> float:
    """How many times the other's median a median is."""
    return statistics.median(map(figure, taken)) / (statistics.median(map(figure, floor)) or 1e-9)
