"""Whatever the experiment, and whatever comes from outside, the rules hold.

See docs/contributing.md for runs that take hours.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from tests.engine.properties.drawing import Scenario, scenarios
from tests.engine.properties.rules import check
from tests.engine.properties.running import run
from tests.engine.properties.sizes import long, short


@short(80)
@given(scenario=scenarios())
def test_a_run_keeps_all_rules(scenario: Scenario, place: Path) -> None:
    check(run(scenario, place))


@short(25)
@given(scenario=scenarios(is_cancelled=True))
def test_a_cancelled_run_keeps_all_rules(scenario: Scenario, place: Path) -> None:
    check(run(scenario, place))


@pytest.mark.long
@long(3000)
@given(scenario=scenarios())
def test_many_runs_keep_all_rules(scenario: Scenario, place: Path) -> None:
    check(run(scenario, place))


@pytest.mark.long
@long(1000)
@given(scenario=scenarios(is_cancelled=True))
def test_many_cancelled_runs_keep_all_rules(scenario: Scenario, place: Path) -> None:
    check(run(scenario, place))
