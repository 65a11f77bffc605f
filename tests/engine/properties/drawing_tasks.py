"""Strategies for tasklists."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from tests.engine.properties.model import Block, Call, Copy, Fail, Run, Task, Tasklist, WaitFor

COMMANDS = tuple(f"c{rank}" for rank in range(6))
PATHS = ("/p0", "/p1")
POLICIES = ("stop-tasklist", "stop-tasklist", "stop-step", "stop-experiment", "continue")

_REFERENCES = st.integers(0, 4)


def sometimes(values: st.SearchStrategy[object], *, rarely: int = 2) -> st.SearchStrategy[object]:
    """None, or once in a while a value."""
    return st.one_of(*[st.none()] * rarely, values)


def enabled(*, rarely: int = 7) -> st.SearchStrategy[bool]:
    """Mostly true."""
    return st.sampled_from((True,) * rarely + (False,))


def tasklists() -> st.SearchStrategy[tuple[Tasklist, ...]]:
    """Some tasklists; calls and cleanups are any numbers."""
    tasklist = st.builds(
        Tasklist,
        on_error=st.sampled_from(POLICIES),
        cleanup=sometimes(_REFERENCES, rarely=1),
        limit=sometimes(st.integers(1, 9)),
        tasks=_tasks(2),
    )
    return st.lists(tasklist, min_size=2, max_size=5).map(tuple)


@cache
def _tasks(depth: int) -> st.SearchStrategy[tuple[Task, ...]]:
    some = st.lists(_task(depth), min_size=1 + depth // 2, max_size=4).map(tuple)
    return st.one_of(*[some] * 9, st.just(()))


@cache
def _task(depth: int) -> st.SearchStrategy[Task]:
    plain = [*[_runs()] * 5, _fails(), _waits(), _copies(), *[_calls()] * 3]
    return st.one_of(*plain, *([_blocks(depth - 1)] * 3 if depth else []))


def _runs() -> st.SearchStrategy[Run]:
    return st.builds(
        Run,
        command=st.sampled_from(COMMANDS),
        expected=st.sampled_from((None, 0, 0, 0)),
        limit=sometimes(st.integers(1, 5), rarely=3),
        retries=st.sampled_from((0, 0, 0, 1, 2)),
        delay=st.integers(0, 2),
        enabled=enabled(),
    )


def _waits() -> st.SearchStrategy[WaitFor]:
    return st.builds(
        WaitFor,
        command=st.sampled_from(COMMANDS),
        is_port=st.booleans(),
        limit=st.integers(1, 5),
        enabled=enabled(),
    )


def _copies() -> st.SearchStrategy[Copy]:
    return st.builds(
        Copy,
        is_put=st.booleans(),
        path=st.sampled_from(PATHS),
        keep=st.booleans(),
        limit=sometimes(st.integers(1, 5), rarely=3),
        retries=st.sampled_from((0, 0, 0, 1)),
        delay=st.integers(0, 2),
        enabled=enabled(),
    )


def _calls() -> st.SearchStrategy[Call]:
    return st.builds(
        Call,
        tasklist=_REFERENCES,
        expects_success=st.sampled_from((None, None, True, False)),
        enabled=enabled(),
    )


def _fails() -> st.SearchStrategy[Fail]:
    return st.builds(Fail, enabled=enabled())


def _blocks(depth: int) -> st.SearchStrategy[Block]:
    return st.builds(
        Block,
        tasks=_tasks(depth),
        is_par=st.sampled_from((True, True, False)),
        max_parallel=sometimes(st.integers(1, 2)),
        enabled=enabled(),
    )
