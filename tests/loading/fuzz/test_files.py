"""Whatever a document is, or includes, it is told; nothing is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.loading.fuzz.amount import few_or_many
from tests.loading.fuzz.desk import FuzzDesk
from tests.loading.fuzz.judging import judge
from tests.loading.fuzz.words import FILES

NAMES = sorted({name for name in FILES if "$" not in name and name.strip()})


@pytest.mark.parametrize("name", NAMES)
def test_what_is_included_keeps_all_rules(fuzz_desk: FuzzDesk, name: str) -> None:
    document = f'<experiment><include file="{name}"/><oops/></experiment>'.replace("\n", "&#10;")

    judge(fuzz_desk, fuzz_desk.ask(document.encode()))


@pytest.mark.parametrize("name", [name for name in NAMES if "odd" not in name])
def test_what_is_named_as_document_keeps_all_rules(fuzz_desk: FuzzDesk, name: str) -> None:
    fuzz_desk.ask(b"<experiment/>")
    answer = fuzz_desk.ask(None, file=name)

    judge(fuzz_desk, answer, file=name)


@st.composite
def webs(draw: st.DrawFn) -> dict[str, str]:
    """Documents that include one another, in chains, cycles and many times."""
    count = draw(st.integers(1, 6))
    return {f"web-{number}.xml": _knot(draw, number, count) for number in range(count)}


def _knot(draw: st.DrawFn, number: int, count: int) -> str:
    includes = "".join(
        f'<include file="{draw(_directories())}web-{other}.xml" prefix="{prefix}"/>'
        for other, prefix in draw(
            st.lists(st.tuples(st.integers(0, count), st.sampled_from(("", "a", "b"))), max_size=4)
        )
    )
    return (
        f'<experiment>{includes}<targets><target name="n{number}" type="local"/></targets>'
        f'<tasklists><tasklist name="t{number}"><call tasklist="a.t1"/></tasklist></tasklists>'
        f'<steps><step tasklist="{draw(st.sampled_from(("t0", "a.t1", "a.b.t2")))}" '
        f'targets="{draw(st.sampled_from(("n0", "*", "a.*", "a.a.n1")))}"/></steps></experiment>'
    )


def _directories() -> st.SearchStrategy[str]:
    return st.sampled_from(("", "", "./", "include/../", "//", "linked/"))


@few_or_many(8)
@given(web=webs())
def test_documents_that_include_one_another_keep_all_rules(
    fuzz_desk: FuzzDesk, web: dict[str, str]
) -> None:
    linked = fuzz_desk.directory / "linked"
    if not linked.is_symlink():
        linked.symlink_to(Path())
    for name, text in web.items():
        (fuzz_desk.directory / name).write_text(text)

    judge(fuzz_desk, fuzz_desk.ask(None, file="web-0.xml"), file="web-0.xml")


def test_a_tower_of_includes_is_no_explosion(fuzz_desk: FuzzDesk) -> None:
    for level in range(60):
        twice = "".join(
            f'<include file="tower-{level + 1}.xml" prefix="{prefix}"/>' for prefix in "ab"
        )
        (fuzz_desk.directory / f"tower-{level}.xml").write_text(
            f'<experiment>{twice}<targets><target name="n" type="local"/></targets></experiment>'
        )
    (fuzz_desk.directory / "tower-60.xml").write_text("<experiment/>")

    answer = fuzz_desk.ask(None, file="tower-0.xml")

    judge(fuzz_desk, answer, file="tower-0.xml")
