"""What steps and loops will do, worked out without the engine (LANGUAGE.md 8 and 9)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, product
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from gplmt.events import Outcome
from tests.engine.properties.drawing import Scenario
from tests.engine.properties.model import Barrier, Item, Loop, Step, Teardown, involved, nodes_of
from tests.engine.properties.oracle_of_tasks import TaskOracle, Where
from tests.engine.properties.oracle_results import Result, Row, at_once, passes, strongest

_EXACT = 1e-9


class Reached(Struct, frozen=True, kw_only=True):
    """A background step or a teardown, when it was reached, and where."""

    item: Step | Teardown
    at: float
    loop: str = ""
    iteration: str = ""
    values: tuple[tuple[str, str], ...] = ()


class Part(Struct, frozen=True, kw_only=True):
    """What a body has reached; `ends` are those of a step's targets."""

    item: Step | Loop
    result: Result
    ends: dict[str, float] = {}
    later: tuple[Reached, ...] = ()

    def end_for(self, targets: tuple[str, ...] | None) -> float:
        """When a synchronize stops waiting for it (9.1)."""
        if targets is None:
            return self.result.end
        nodes = set(nodes_of(targets))
        if isinstance(self.item, Loop):
            return self.result.end if nodes & involved(self.item) else -inf
        return max((end for node, end in self.ends.items() if node in nodes), default=-inf)


class Body(Struct, frozen=True, kw_only=True):
    """What came of the items of an iteration or of the foreground."""

    result: Result
    later: tuple[Reached, ...] = ()


class Around(Struct, frozen=True, kw_only=True):
    """A body: its items, and the loops around it."""

    items: tuple[Item, ...]
    loop: str = ""
    iteration: str = ""
    values: tuple[tuple[str, str], ...] = ()


class StepOracle:
    """Knows what steps and loops do."""

    def __init__(self, scenario: Scenario) -> None:
        self._tasks = TaskOracle(scenario)

    def members(
        self, step: str, iteration: str, item: Step | Teardown, begin: float, limit: float
    ) -> list[Result]:
        starts = [
            lambda limit, node=node: self._tasks.tasklist(
                Where(step=step, iteration=iteration, node=node, tasklist=item.tasklist),
                begin,
                limit,
            )
            for node in nodes_of(item.targets)
        ]
        return at_once(starts, limit)

    def step(self, item: Step, iteration: str, reached: float, limit: float) -> Part:
        """8.1 to 8.3; the limit is when something around it stops it."""
        start = _start(item, reached)
        stop = _stop(item, reached, start)
        what = ("step", item.name, iteration)
        if not item.enabled:
            row = Row(what, reached, reached, Outcome.SKIPPED)
            return Part(item=item, result=Result(end=reached, rows=(row,)))
        if stop < start + _EXACT or passes(start, limit):
            is_over = passes(min(start, stop), limit)
            end = limit if is_over else min(start, stop)
            row = Row(what, reached, end, Outcome.STOPPED)
            signal = "stopped" if is_over else ""
            result = Result(end=end, rows=(row,), signal=signal)
            return Part(item=item, result=result, ends=dict.fromkeys(item.nodes, end))
        if min(stop, limit) < inf and stop != limit:
            passes(stop, limit)
        results = self.members(item.name, iteration, item, start, min(stop, limit))
        end, failures = max(one.end for one in results), sum(one.failures for one in results)
        signal = strongest(results)
        if signal != "stop-experiment":
            was_stopped = limit < stop and signal == "stopped"
            signal = "stopped" if was_stopped or passes(end, limit) else ""
        outcome = Outcome.STOPPED if signal or end > stop - _EXACT else Outcome.OK
        rows = (row for one in results for row in one.rows)
        row = Row(what, reached, end, Outcome.FAILED if failures else outcome)
        stops = [one.end for one in results if one.signal == "stop-experiment"]
        result = Result(
            end=end,
            rows=(*rows, row),
            signal=signal,
            failures=failures,
            stops_at=min(stops, default=inf),
        )
        ends = {node: one.end for node, one in zip(item.nodes, results, strict=True)}
        return Part(item=item, result=result, ends=ends)

    def body(self, around: Around, begin: float, limit: float, fixed: dict[int, Part]) -> Body:
        """9.1, 9.3; `fixed` is what stops the experiment at the limit."""
        now, is_stopped = begin, False
        parts: dict[int, Part] = {}
        rows: list[Row] = []
        later: list[Reached] = []
        for rank, item in enumerate(around.items):
            if passes(now, limit):
                is_stopped = True
                break
            match item:
                case Barrier():
                    begun = now
                    ends = {part.end_for(item.targets): part for part in parts.values()}
                    now = max(now, *ends) if ends else now
                    is_stopped = ends.get(now) in fixed.values() and now == limit
                    is_stopped = is_stopped or passes(now, limit)
                    now = limit if is_stopped else now
                    outcome = Outcome.STOPPED if is_stopped else Outcome.OK
                    rows.append(Row(("barrier", around.iteration), begun, now, outcome))
                    if is_stopped:
                        break
                case Step(background=False):
                    parts[rank] = fixed.get(rank) or self.step(item, around.iteration, now, limit)
                case Loop():
                    parts[rank] = fixed.get(rank) or self._loop(item, around, now, limit)
                    later += parts[rank].later
                case _:
                    later.append(_reached(item, now, around))
        if not fixed and (first := _first_to_stop(parts)):
            moment = first[1].result.stops_at
            return self.body(around, begin, min(moment, limit), dict([first]))
        results = [Result(end=now, rows=tuple(rows)), *(part.result for part in parts.values())]
        end, signal = max(one.end for one in results), strongest(results)
        if not signal and (is_stopped or passes(end, limit)):
            signal = "stopped"
        result = Result(
            end=end,
            rows=tuple(row for one in results for row in one.rows),
            signal=signal,
            failures=sum(one.failures for one in results),
            stops_at=min(one.stops_at for one in results),
        )
        return Body(result=result, later=tuple(later))

    def _loop(self, loop: Loop, around: Around, begin: float, limit: float) -> Part:
        """9.2, 9.3."""
        now, signal, failures, stops_at = begin, "", 0, inf
        rows: list[Row] = []
        later: list[Reached] = []
        for counter, values in _iterations(loop):
            if not loop.enabled or _is_over(loop, begin, now):
                break
            iteration = f"{around.iteration}.{counter}".lstrip(".")
            inner = Around(
                items=loop.body,
                loop=loop.name,
                iteration=iteration,
                values=(*around.values, *values),
            )
            body = self.body(inner, now, limit, {})
            result = body.result
            what = ("iteration", loop.name, iteration)
            rows += [*result.rows, Row(what, now, result.end, _outcome(result))]
            later += body.later
            now, signal, failures = result.end, result.signal, failures + result.failures
            stops_at = result.stops_at
            if signal:
                break
        whole = Result(end=now, signal=signal, failures=failures, stops_at=stops_at)
        outcome = _outcome(whole) if loop.enabled else Outcome.SKIPPED
        row = Row(("loop", loop.name, around.iteration), begin, now, outcome)
        return Part(item=loop, result=replace(whole, rows=(*rows, row)), later=tuple(later))


def _reached(item: Step | Teardown, at: float, around: Around) -> Reached:
    return Reached(
        item=item, at=at, loop=around.loop, iteration=around.iteration, values=around.values
    )


def _outcome(result: Result) -> Outcome:
    if result.signal:
        return Outcome.STOPPED
    return Outcome.FAILED if result.failures else Outcome.OK


def _first_to_stop(parts: dict[int, Part]) -> tuple[int, Part] | None:
    """Of those that stop the experiment, the first."""
    stops = [one for one in parts.items() if one[1].result.stops_at < inf]
    stops.sort(key=lambda one: one[1].result.stops_at)
    if len(stops) > 1:
        passes(stops[1][1].result.stops_at, stops[0][1].result.stops_at)
    return stops[0] if stops else None


def _start(step: Step, reached: float) -> float:
    if step.start is None:
        return reached
    return max(reached, step.start) if step.start_is_absolute else reached + step.start


def _stop(step: Step, reached: float, start: float) -> float:
    if step.stop is None:
        return inf
    return max(reached, step.stop) if step.stop_is_absolute else start + step.stop


def _iterations(loop: Loop) -> Iterator[tuple[int, tuple[tuple[str, str], ...]]]:
    """Counters and parameters."""
    if loop.duration is not None or loop.until is not None:
        return ((counter, ()) for counter in count())
    if loop.times is not None:
        return ((counter, ()) for counter in range(loop.times))
    names = [f"P{rank}" for rank in range(len(loop.sweep))]
    return enumerate(tuple(zip(names, values, strict=True)) for values in product(*loop.sweep))


def _is_over(loop: Loop, begin: float, now: float) -> bool:
    over = inf if loop.duration is None else begin + loop.duration
    over = over if loop.until is None else loop.until
    return now == over or passes(now, over)
