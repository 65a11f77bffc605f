"""Whatever the experiment, the rules hold; see `tests.engine.oracle`.

`HYPOTHESIS_PROFILE=long` runs thousands of experiments instead of a few.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings

from gplmt.engine.lifecycle import ExperimentRun
from gplmt.events import Event, ExperimentFinished
from tests.engine.oracle import Oracle
from tests.engine.random_experiments import RandomExperiment, experiments
from tests.support.lab import Lab

_EXAMPLES = 3000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 60


@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize=_EXAMPLES < 100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(random=experiments())
def test_a_random_experiment_keeps_all_rules(
    random: RandomExperiment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lab = Lab(tmp_path_factory.getbasetemp())
    for text, scripts in random.scripts.items():
        lab.script(text, *scripts)
    lab.stopping_takes(random.stop_seconds)
    for seconds, turns in random.signals:
        lab.at(seconds, partial(_interrupt_after, turns, lab.events))
    result = lab.run(random.document)
    Oracle(lab.plan(random.document), result.events).check()


def _interrupt_after(turns: int, events: list[Event], run: ExperimentRun) -> None:
    if turns:
        asyncio.get_running_loop().call_soon(_interrupt_after, turns - 1, events, run)
    elif not isinstance(events[-1], ExperimentFinished):
        run.interrupt(2)
