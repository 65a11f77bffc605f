"""What is printed of a comparison: a table, and how far each goal is met."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.measuring import Comparison, Goal, Sample, differences, ratio

Samples = Mapping[str, Sequence[Sample]]

_FIGURES: Mapping[str, Callable[[Sample], float]] = {
    "wall": lambda sample: sample.wall,
    "CPU": lambda sample: sample.cpu,
}


def report(
    comparison: Comparison, samples: dict[str, list[Sample]], failures: Mapping[str, str]
) -> None:
    """Print medians, ratios, goals, and which contenders failed."""
    print(f"\n{comparison.title} (medians of {max(map(len, samples.values()), default=0)})")
    print(f"  {'':38} {'wall':>10} {'ratio':>6} {'CPU':>10} {'ratio':>6} {'memory':>9}")
    beyond = differences(samples, comparison.beyond)
    bases = {base.name for base in comparison.bases}
    for rows in (
        {name: taken for name, taken in samples.items() if name not in bases},
        {name: taken for name, taken in samples.items() if name in bases},
        beyond,
    ):
        for name, taken in rows.items():
            print(_row(name, taken, next(iter(rows.values()))))
    for line in _verdicts(comparison.goals, {**samples, **beyond}):
        print(f"  {line}")
    for name, reason in failures.items():
        print(f"  {name} FAILED: {reason}")
    sys.stdout.flush()


def _row(name: str, taken: Sequence[Sample], floor: Sequence[Sample]) -> str:
    cells = [f"  {name:38}"]
    for figure in _FIGURES.values():
        cells.append(f"{_seconds(statistics.median(map(figure, taken))):>10}")
        cells.append(f"{ratio(taken, floor, figure):6.2f}")
    cells.append(f"{_memory(_median_mb(taken)):>9}")
    return " ".join(cells)


def _verdicts(goals: Sequence[Goal], rows: Samples) -> Iterator[str]:
    for goal in goals:
        if goal.of not in rows or (goal.against and goal.against not in rows):
            continue
        taken = rows[goal.of]
        for name, most in (("wall", goal.wall), ("CPU", goal.cpu)):
            if most is not None:
                seen = ratio(taken, rows[goal.against], _FIGURES[name])
                yield (
                    f"goal {_verdict(seen, most)}: {goal.of}: {name} {seen:.2f} times "
                    f"{goal.against}, at most {most:g}"
                )
        if goal.memory_mb is not None:
            seen = _median_mb(taken)
            yield (
                f"goal {_verdict(seen, goal.memory_mb)}: {goal.of}: memory {_memory(seen)}, "
                f"at most {_memory(goal.memory_mb)}"
            )


def _verdict(seen: float, most: float) -> str:
    return "met" if seen <= most else "MISSED"


def _median_mb(taken: Sequence[Sample]) -> float:
    return statistics.median(sample.memory_mb for sample in taken)


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms" if abs(seconds) < 0.1 else f"{seconds * 1000:.0f} ms"


def _memory(megabytes: float) -> str:
    return f"{megabytes * 1024:.0f} kB" if abs(megabytes) < 1 else f"{megabytes:.0f} MB"
