"""What tasklists will do on one target, worked out without the engine (LANGUAGE.md 6 and 7).

Everything is a function of when it begins and of the `limit` at which something around it stops
it. What a failure stops is worked out again with that failure's time as limit. Where two things
meet at one moment, so that either may be first, `Tie` is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from gplmt.events import Outcome
from tests.engine.properties.drawing import Scenario
from tests.engine.properties.history import FAILED
from tests.engine.properties.model import Block, Call, Copy, Fail, Run, Task, WaitFor
from tests.engine.properties.oracle_results import MOMENT, Result, Row, at_once, joined, passes


class Where(Struct, frozen=True, kw_only=True):
    """Where a tasklist runs, and in which role."""

    step: str
    iteration: str
    node: str
    tasklist: int = 0
    is_excused: bool = False
    is_cleanup: bool = False


class TaskOracle:
    """Knows what tasklists do."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._tasklists = scenario.experiment.tasklists

    def tasklist(self, where: Where, begin: float, limit: float) -> Result:
        """A tasklist and its cleanup (7.1, 7.3, 7.4)."""
        model = self._tasklists[where.tasklist]
        is_excused = where.is_excused and not model.reaches_further
        inner = replace(where, is_excused=is_excused)
        own = inf if model.limit is None else begin + model.limit
        body = self._in_order(inner, model.tasks, begin, min(own, limit))
        outcome, failures = _outcome(body), body.failures
        if body.signal == "stopped" and own < body.end + MOMENT and passes(limit, body.end):
            outcome = Outcome.TIMEOUT
            failures += not is_excused
        end, rows = body.end, body.rows
        if model.cleanup is not None and self._has_begun(inner, body):
            role = replace(where, tasklist=model.cleanup, is_excused=False, is_cleanup=True)
            cleanup = self.tasklist(role, end, inf)
            end, rows = cleanup.end, (*rows, *cleanup.rows)
            failures += cleanup.failures
        signal = body.signal if outcome is Outcome.STOPPED else ""
        if outcome in FAILED and model.reaches_further and not where.is_cleanup:
            signal = model.on_error
        elif not signal and passes(end, limit):
            signal = "stopped"
        place = (where.step, where.iteration, where.node, model.name, str(where.is_cleanup))
        row = Row(("tasklist", *place), begin, end, outcome)
        return Result(end=end, rows=(*rows, row), signal=signal, outcome=outcome, failures=failures)

    def _has_begun(self, where: Where, body: Result) -> bool:
        names = {task.name for task in self._tasklists[where.tasklist].tasks if task.enabled}
        here = (where.step, where.iteration, where.node, self._tasklists[where.tasklist].name)
        return any(row.what[1:5] == here and row.what[-1] in names for row in body.rows)

    def _in_order(self, where: Where, tasks: Sequence[Task], begin: float, limit: float) -> Result:
        result = Result(end=begin)
        for task in tasks:
            if passes(result.end, limit):
                return replace(result, signal="stopped")
            one = self._execute(where, task, result.end, limit)
            result = joined([result, one])
            if one.signal:
                return result
        return result

    def _execute(self, where: Where, task: Task, begin: float, limit: float) -> Result:
        result = self._task(where, task, begin, limit)
        if not task.enabled:
            outcome = Outcome.SKIPPED
        else:
            outcome = _outcome(replace(result, has_failures=False), result.outcome)
        tasklist = self._tasklists[where.tasklist]
        what = ("task", where.step, where.iteration, where.node, tasklist.name, task.name)
        result = replace(result, rows=(*result.rows, Row(what, begin, result.end, outcome)))
        if result.signal == "failed" and tasklist.on_error == "continue":
            return replace(result, signal="", has_failures=True)
        return result

    def _task(self, where: Where, task: Task, begin: float, limit: float) -> Result:
        if not task.enabled:
            return Result(end=begin)
        match task:
            case Run() | Copy():
                return self._attempts(where, task, begin, limit)
            case WaitFor():
                return self._wait_for(where, task, begin, limit)
            case Fail():
                return _failed(where, begin)
            case Call():
                return self._call(where, task, begin, limit)
            case Block(is_par=False):
                return self._in_order(where, task.tasks, begin, limit)
            case Block():
                branches = [
                    lambda limit, inner=inner: self._execute(where, inner, begin, limit)
                    for inner in task.tasks
                ]
                return joined([Result(end=begin), *at_once(branches, limit)])

    def _attempts(self, where: Where, task: Run | Copy, begin: float, limit: float) -> Result:
        for attempt in range(1 + task.retries):
            if attempt:
                begin += task.delay
                if passes(begin, limit):
                    return Result(end=limit, signal="stopped")
            text = task.command if isinstance(task, Run) else task.path
            behaviour = self._scenario.behaviour(where.node, text)
            end = begin + behaviour.seconds
            fails = behaviour.fails(begin) and (_counts(task) or behaviour.is_lost)
            outcome = Outcome.FAILED if fails else Outcome.OK
            if task.limit is not None and passes(end, begin + task.limit):
                end, outcome = begin + task.limit, Outcome.TIMEOUT
            if passes(end, limit):
                return Result(end=limit, signal="stopped")
            if outcome is Outcome.OK:
                return Result(end=end)
            begin = end
        return replace(_failed(where, begin), outcome=outcome)

    def _wait_for(self, where: Where, task: WaitFor, begin: float, limit: float) -> Result:
        own = begin + task.limit
        behaviour = self._scenario.behaviour(where.node, task.command)
        while True:
            end = begin + behaviour.seconds
            holds = not behaviour.fails(begin)
            if passes(own, limit) and passes(end, limit):
                return Result(end=limit, signal="stopped")
            if passes(end, own) or (not holds and passes(end + task.interval, own)):
                if passes(own, limit):
                    return Result(end=limit, signal="stopped")
                return replace(_failed(where, own), outcome=Outcome.TIMEOUT)
            if holds:
                return Result(end=end)
            begin = end + task.interval
            if passes(begin, limit):
                return Result(end=limit, signal="stopped")

    def _call(self, where: Where, task: Call, begin: float, limit: float) -> Result:
        """6.4."""
        must_fail = task.expects_success is False
        role = replace(where, tasklist=task.tasklist, is_excused=where.is_excused or must_fail)
        called = self.tasklist(role, begin, limit)
        failed = called.outcome in FAILED
        if called.signal or task.expects_success is None or failed is must_fail:
            return replace(called, outcome=Outcome.OK)
        unexpected = must_fail and not where.is_excused
        return replace(
            called,
            signal="failed",
            outcome=Outcome.FAILED,
            failures=called.failures + unexpected,
        )


def _counts(task: Run | Copy) -> bool:
    return isinstance(task, Copy) or task.expected is not None


def _failed(where: Where, end: float) -> Result:
    failures = int(not where.is_excused)
    return Result(end=end, signal="failed", outcome=Outcome.FAILED, failures=failures)


def _outcome(result: Result, failed: Outcome = Outcome.FAILED) -> Outcome:
    """The outcome of what ends with this signal."""
    match result.signal:
        case "":
            return Outcome.FAILED if result.has_failures else Outcome.OK
        case "failed":
            return failed
        case _:
            return Outcome.STOPPED
