"""The engine does what an oracle of its own has worked out, to the last span."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import event, given

from gplmt.events import ExperimentFinished
from tests.engine.properties.drawing import Scenario, knowable_scenarios
from tests.engine.properties.oracle import Oracle
from tests.engine.properties.oracle_results import Tie
from tests.engine.properties.oracle_rows import rows_of, sorted_rows
from tests.engine.properties.running import run
from tests.engine.properties.sizes import long, short


@short(80)
@given(scenario=knowable_scenarios())
def test_a_run_is_what_it_must_be(scenario: Scenario, place: Path) -> None:
    _check(scenario, place)


@pytest.mark.long
@long(3000)
@given(scenario=knowable_scenarios())
def test_many_runs_are_what_they_must_be(scenario: Scenario, place: Path) -> None:
    _check(scenario, place)


def _check(scenario: Scenario, place: Path) -> None:
    try:
        rows, exit_code = Oracle(scenario).rows()
    except Tie:
        event("either of two things may be first")
        return
    history = run(scenario, place).history
    end = history.events[-1]
    assert isinstance(end, ExperimentFinished)
    assert rows_of(history) == sorted_rows(rows)
    assert end.exit_code == exit_code
