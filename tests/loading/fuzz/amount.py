"""How many examples the fuzzing tests try: few by default, many on request."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
_MORE = int(os.environ.get("GPLMT_FUZZ_FACTOR", "100"))


def few_or_many(few: int) -> settings:
    """Settings for `few` examples, always the same ones; or for many, others each time."""
    return settings(
        max_examples=few * _MORE if IS_LONG else few,
        derandomize=not IS_LONG,
        deadline=None,
        phases=[phase for phase in Phase if phase is not Phase.explain],
        suppress_health_check=list(HealthCheck),
    )
