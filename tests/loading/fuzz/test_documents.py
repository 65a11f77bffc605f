"""No document shows a traceback, hangs, is greedy, or has anything read that it should not.

`HYPOTHESIS_PROFILE=long` tries a hundred times as many; see docs/contributing.md.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.loading.fuzz.amount import few_or_many
from tests.loading.fuzz.byte_damage import SEEDS, damaged, noise
from tests.loading.fuzz.desk import FuzzDesk
from tests.loading.fuzz.judging import judge
from tests.loading.fuzz.trees import grown, mutated

ZONES = ("UTC", "UTC", "Europe/Berlin", "Asia/Tokyo", "America/St_Johns", "<+14>-14", "<-12>12")
zones = st.sampled_from(ZONES)


def test_every_document_that_the_others_damage_is_well_judged(fuzz_desk: FuzzDesk) -> None:
    for document in SEEDS:
        judge(fuzz_desk, fuzz_desk.ask(document))


@few_or_many(40)
@given(document=noise())
def test_noise_is_refused_in_order(fuzz_desk: FuzzDesk, document: bytes) -> None:
    judge(fuzz_desk, fuzz_desk.ask(document))


@few_or_many(60)
@given(document=damaged())
def test_damaged_bytes_keep_all_rules(fuzz_desk: FuzzDesk, document: bytes) -> None:
    judge(fuzz_desk, fuzz_desk.ask(document))


@few_or_many(40)
@given(document=mutated(), zone=zones)
def test_damaged_structures_keep_all_rules(fuzz_desk: FuzzDesk, document: bytes, zone: str) -> None:
    judge(fuzz_desk, fuzz_desk.ask(document, zone=zone))


@few_or_many(25)
@given(document=grown(), zone=zones)
def test_what_follows_the_grammar_keeps_all_rules(
    fuzz_desk: FuzzDesk, document: bytes, zone: str
) -> None:
    judge(fuzz_desk, fuzz_desk.ask(document, zone=zone))
