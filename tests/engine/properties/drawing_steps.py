"""Strategies for what stands in `<steps>`."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.engine.properties.drawing_tasks import enabled, sometimes
from tests.engine.properties.model import EVERY_NODE, NODES, Barrier, Item, Loop, Step, Teardown

_TASKLISTS = st.integers(0, 4)
_MOMENTS = st.integers(-1, 12)
_TARGETS = st.one_of(
    st.lists(st.sampled_from(NODES), min_size=1, max_size=3, unique=True).map(tuple),
    st.lists(st.sampled_from((*NODES, "pair", "all", EVERY_NODE)), min_size=1, max_size=3).map(
        tuple
    ),
)
_Fields = st.SearchStrategy[dict[str, Any]]


@cache
def items(*, depth: int) -> st.SearchStrategy[tuple[Item, ...]]:
    """Some items; their tasklists are any numbers."""
    plain = [_steps(), _steps(), _steps(), _barriers(), _teardowns()]
    loops = [_loops(depth - 1)] if depth else []
    return st.lists(st.one_of(*plain, *loops), min_size=1 + depth // 2, max_size=5).map(tuple)


def _steps() -> st.SearchStrategy[Step]:
    nothing: _Fields = st.fixed_dictionaries({})
    start = st.one_of(
        nothing,
        nothing,
        st.fixed_dictionaries({"start": st.integers(0, 3)}),
        st.fixed_dictionaries({"start": _MOMENTS, "start_is_absolute": st.just(True)}),
    )
    stop = st.one_of(
        nothing,
        nothing,
        st.fixed_dictionaries({"stop": st.integers(0, 9)}),
        st.fixed_dictionaries({"stop": _MOMENTS, "stop_is_absolute": st.just(True)}),
    )
    rest = st.fixed_dictionaries(
        {
            "tasklist": _TASKLISTS,
            "targets": _TARGETS,
            "background": st.sampled_from((False, False, False, True)),
            "max_parallel": sometimes(st.integers(1, 2)),
            "min_success": sometimes(st.sampled_from(("0", "1", "2", "3", "34%", "100%"))),
            "enabled": enabled(rarely=9),
        }
    )
    return st.builds(lambda one, two, three: Step(**one, **two, **three), rest, start, stop)


def _barriers() -> st.SearchStrategy[Barrier]:
    return st.builds(Barrier, targets=sometimes(_TARGETS, rarely=1))


def _teardowns() -> st.SearchStrategy[Teardown]:
    return st.builds(
        Teardown,
        tasklist=_TASKLISTS,
        targets=_TARGETS,
        value=sometimes(st.sampled_from(("u", "v"))),
    )


def _loops(depth: int) -> st.SearchStrategy[Loop]:
    sweeps = st.sampled_from(((("x", "y"),), (("x",), ("1", "2")), ((),), (("x", "x"),)))
    way = st.one_of(
        st.fixed_dictionaries({"times": st.integers(0, 3)}),
        st.fixed_dictionaries({"sweep": sweeps}),
        st.fixed_dictionaries({"duration": st.integers(0, 3)}),
        st.fixed_dictionaries({"until": st.integers(-1, 6)}),
    )
    return st.builds(
        lambda body, way, enabled: Loop(body=body, **way, enabled=enabled),
        items(depth=depth),
        way,
        enabled(rarely=9),
    )
