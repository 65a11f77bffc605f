"""What an experiment will do, worked out without the engine: its foreground and its ending.

Known of the language is all but quorums, max-parallel, second signals and slow stops; see
`oracle_of_tasks` for how.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf

from gplmt.events import Outcome
from tests.engine.properties.drawing import Scenario
from tests.engine.properties.model import Step, Teardown, nodes_of
from tests.engine.properties.oracle_of_steps import Around, Body, Reached, StepOracle
from tests.engine.properties.oracle_results import Result, Row, passes


class Oracle:
    """Knows what an experiment does."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._experiment = scenario.experiment
        self._steps = StepOracle(scenario)

    def rows(self) -> tuple[list[Row], int]:
        """All spans, and the exit code.

        Raises:
            Tie: it cannot be known.
        """
        signal = min((float(moment) for moment, _ in self._scenario.signals), default=inf)
        timeout = inf if self._experiment.limit is None else float(self._experiment.limit)
        limit = min(signal, timeout)
        if limit < inf and signal != timeout:
            passes(signal, timeout)
        body = self._foreground(limit)
        rows, failures, end = list(body.result.rows), body.result.failures, body.result.end
        if timeout <= end and body.result.signal == "stopped" and limit == timeout:
            failures += 1
        teardowns = self._registered(body)
        for number, teardown in enumerate(teardowns):
            result = self._teardown(teardown, number + 1, end)
            rows, failures, end = [*rows, *result.rows], failures + result.failures, result.end
        ends = [end]
        for step, reached in _steps_among(body.later):
            part = self._steps.step(step, reached.iteration, reached.at, end)
            rows += part.result.rows
            failures += part.result.failures
            ends.append(part.result.end)
        was_interrupted = body.result.end == signal and body.result.signal == "stopped"
        if was_interrupted or not passes(signal, max(ends)):
            return rows, 130
        return rows, int(failures > 0)

    def _foreground(self, limit: float) -> Body:
        """The body of the experiment, which background steps may end, too."""
        whole = Around(items=self._experiment.items)
        body = self._steps.body(whole, 0, limit, {})
        stops = [
            part.result.stops_at
            for step, reached in _steps_among(body.later)
            for part in [self._steps.step(step, reached.iteration, reached.at, inf)]
            if part.result.stops_at < inf
        ]
        if stops and passes(body.result.end, min(stops)):
            first = min(stops)
            if not passes(first, limit):
                return self._steps.body(whole, 0, first, {})
        return body

    def _registered(self, body: Body) -> list[Reached]:
        """Teardowns, each once (9.5)."""
        found: dict[object, Reached] = {}
        teardowns = [one for one in body.later if isinstance(one.item, Teardown)]
        for one in sorted(teardowns, key=lambda one: one.at):
            assert isinstance(one.item, Teardown)
            item, values = one.item, dict(one.values)
            if item.value is not None:
                values["E"] = item.value
            key = item.tasklist, nodes_of(item.targets), tuple(sorted(values.items()))
            found.setdefault(key, one)
        for one, two in pairwise(found.values()):
            if one.loop != two.loop:
                passes(two.at, one.at)
        return list(found.values())

    def _teardown(self, teardown: Reached, number: int, begin: float) -> Result:
        assert isinstance(teardown.item, Teardown)
        name = f"teardown-{number}"
        results = self._steps.members(name, "", teardown.item, begin, inf)
        end = max(one.end for one in results)
        failures = sum(one.failures for one in results)
        outcome = Outcome.FAILED if failures else Outcome.OK
        rows = tuple(row for one in results for row in one.rows)
        row = Row(("teardown", name), begin, end, outcome)
        return Result(end=end, rows=(*rows, row), failures=failures)


def _steps_among(later: Sequence[Reached]) -> Iterator[tuple[Step, Reached]]:
    for one in later:
        if isinstance(one.item, Step):
            yield one.item, one
