"""Twice the document takes twice the time and memory, up to a limit that does not grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from hypothesis import given

from tests.loading.fuzz.amount import IS_LONG, few_or_many
from tests.loading.fuzz.desk import Fields, FuzzDesk
from tests.loading.fuzz.judging import judge_form
from tests.loading.fuzz.shapes import Shape, shapes

COUNT = 400 if IS_LONG else 60
FACTOR = 2.5
FREE_SECONDS = 40.0  # what multiplies may cost as much before it is refused, or looked at no more
FREE_BYTES = 1200 << 20
SECONDS_PER_BYTE = 20e-6
BYTES_PER_BYTE = 600


def cost(answer: Fields, what: str) -> float:
    """What checking and planning took together: `seconds` of CPU, or `bytes`."""
    said = cast("tuple[Mapping[str, float], ...]", (answer["check"], answer["plan"]))
    return sum(one[what] for one in said)


@few_or_many(2)
@given(shape=shapes())
def test_costs_grow_no_faster_than_documents(fuzz_desk: FuzzDesk, shape: Shape) -> None:
    document, double = shape.of_size(COUNT), shape.of_size(2 * COUNT)
    once = fuzz_desk.ask(document, is_thorough=False)
    twice = fuzz_desk.ask(double, is_thorough=False)

    judge_form(fuzz_desk, once)
    judge_form(fuzz_desk, twice)
    assert cost(twice, "seconds") < max(
        FACTOR * cost(once, "seconds"), FREE_SECONDS + SECONDS_PER_BYTE * len(double)
    )
    assert cost(twice, "bytes") < max(
        FACTOR * cost(once, "bytes"), FREE_BYTES + BYTES_PER_BYTE * len(double)
    )


@few_or_many(1)
@given(shape=shapes())
def test_large_documents_have_their_limits(fuzz_desk: FuzzDesk, shape: Shape) -> None:
    """Twenty times as large: whatever is quadratic would be beyond all bounds."""
    document = shape.of_size(20 * COUNT)
    answer = fuzz_desk.ask(document, is_thorough=False)

    judge_form(fuzz_desk, answer)
    assert cost(answer, "seconds") < FREE_SECONDS + SECONDS_PER_BYTE * len(document)
    assert cost(answer, "bytes") < FREE_BYTES + BYTES_PER_BYTE * len(document)
