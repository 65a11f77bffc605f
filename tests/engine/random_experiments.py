"""Random experiments: documents, how their commands go, and when signals come."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from msgspec import Struct

from gplmt.errors import ConnectionLostError
from gplmt.transports.fake import Script
from tests.support.clock import START

TARGETS = ("n1", "n2", "n3")
_COMMANDS = 6
_POLICIES = ("stop-tasklist", "stop-tasklist", "stop-step", "stop-experiment", "continue")
_DURATIONS = (0, 0, 1, 1, 2, 3, 5, 8)


class RandomExperiment(Struct, frozen=True, kw_only=True):
    """What the lab needs: the document, the scripts of commands, and when signals come.

    A signal comes after so many seconds and so many turns of the event loop.
    """

    document: str
    scripts: dict[str, tuple[Script, ...]]
    signals: tuple[tuple[int, int], ...]
    stop_seconds: int

    def __repr__(self) -> str:
        scripts = {
            name: " ".join(f"{one.returncode}@{one.seconds:g}" for one in each)
            for name, each in self.scripts.items()
        }
        document = self.document.replace("><", ">\n<")
        return f"\n{document}\n{scripts=}\nsignals={self.signals} stop={self.stop_seconds}"


@st.composite
def experiments(draw: st.DrawFn) -> RandomExperiment:
    """Small experiments in which much happens at the same moments."""
    count = draw(st.integers(1, 5))
    tasklists = "".join(draw(_tasklist(rank, count)) for rank in range(count))
    tick = '<tasklist name="tick"><run>tick</run></tasklist>'
    targets = "".join(f'<target name="{name}" type="local"/>' for name in TARGETS)
    steps = draw(_items(count, depth=2))
    root = draw(_sometimes('timeout="PT{}S"', st.integers(1, 20), rarely=4))
    scripts = {f"c{rank}": draw(_scripts()) for rank in range(_COMMANDS)}
    return RandomExperiment(
        document=f"<experiment {root}><targets>{targets}</targets>"
        f"<tasklists>{tasklists}{tick}</tasklists><steps>{steps}</steps></experiment>",
        scripts={**scripts, "tick": (Script(seconds=1),)},
        signals=tuple(sorted(draw(st.lists(_moments(), max_size=2)))),
        stop_seconds=draw(st.sampled_from((0, 0, 2, 6))),
    )


def _sometimes(
    text: str, values: st.SearchStrategy[object], *, rarely: int = 2
) -> st.SearchStrategy[str]:
    nothing = [st.just("")] * rarely
    return st.one_of(*nothing, values.map(lambda value: text.format(value)))


def _moments() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, 15), st.sampled_from((0, 0, 1, 2, 3, 5, 8, 13)))


def _scripts() -> st.SearchStrategy[tuple[Script, ...]]:
    script = st.builds(
        lambda returncode, seconds, error: Script(
            returncode=returncode, seconds=seconds, error_when_stopped=error
        ),
        st.sampled_from((0, 0, 0, 1)),
        st.sampled_from(_DURATIONS),
        st.sampled_from((None, None, None, ConnectionLostError("lost while stopping"))),
    )
    return st.lists(script, min_size=1, max_size=3).map(tuple)


@st.composite
def _tasklist(draw: st.DrawFn, rank: int, count: int) -> str:
    later = range(rank + 1, count)
    cleanup = ""
    if later:
        cleanup = draw(_sometimes('cleanup="t{}"', st.sampled_from(later), rarely=1))
    policy = draw(st.sampled_from(_POLICIES))
    timeout = draw(_sometimes('timeout="PT{}S"', st.integers(1, 9), rarely=2))
    tasks = draw(_tasks(rank, count, depth=2))
    return f'<tasklist name="t{rank}" on-error="{policy}" {cleanup} {timeout}>{tasks}</tasklist>'


@st.composite
def _tasks(draw: st.DrawFn, rank: int, count: int, *, depth: int) -> str:
    kinds = ["run", "run", "run", "fail", "wait-for"]
    kinds += ["call", "call"] if rank + 1 < count else []
    kinds += ["seq", "par", "par"] if depth else []
    chosen = draw(st.lists(st.sampled_from(kinds), max_size=3))
    return "".join(draw(_task(kind, rank, count, depth=depth)) for kind in chosen)


@st.composite
def _task(draw: st.DrawFn, kind: str, rank: int, count: int, *, depth: int) -> str:
    enabled = draw(_sometimes('enabled="{}"', st.just("false"), rarely=7))
    match kind:
        case "run":
            return draw(_run(enabled))
        case "wait-for":
            limit, command = draw(st.integers(1, 5)), draw(st.integers(0, _COMMANDS - 1))
            return f'<wait-for timeout="PT{limit}S" interval="PT1S">c{command}</wait-for>'
        case "fail":
            return f'<fail status="x" {enabled}/>'
        case "call":
            called = draw(st.integers(rank + 1, count - 1))
            expected = draw(_sometimes('expected-status="{}"', st.sampled_from("01")))
            return f'<call tasklist="t{called}" {expected} {enabled}/>'
        case "seq":
            return f"<seq {enabled}>{draw(_tasks(rank, count, depth=depth - 1))}</seq>"
        case _:
            most = draw(_sometimes('max-parallel="{}"', st.integers(1, 2)))
            return f"<par {most} {enabled}>{draw(_tasks(rank, count, depth=depth - 1))}</par>"


@st.composite
def _run(draw: st.DrawFn, enabled: str) -> str:
    command = draw(st.integers(0, _COMMANDS - 1))
    expected = draw(_sometimes('expected-status="{}"', st.just(0), rarely=1))
    timeout = draw(_sometimes('timeout="PT{}S"', st.integers(1, 5), rarely=3))
    retries = draw(
        _sometimes(
            'retries="{0[0]}" retry-delay="PT{0[1]}S"',
            st.tuples(st.integers(1, 2), st.integers(0, 2)),
            rarely=3,
        )
    )
    return f"<run {expected} {timeout} {retries} {enabled}>c{command}</run>"


@st.composite
def _items(draw: st.DrawFn, count: int, *, depth: int) -> str:
    kinds = ["step", "step", "step", "synchronize", "teardown"] + (["loop"] if depth else [])
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4))
    return "".join(draw(_item(kind, count, depth=depth)) for kind in chosen)


@st.composite
def _item(draw: st.DrawFn, kind: str, count: int, *, depth: int) -> str:
    tasklist = draw(st.integers(0, count - 1))
    targets = draw(_some_targets())
    match kind:
        case "step":
            return draw(_step(tasklist, targets))
        case "synchronize":
            return draw(st.sampled_from(("<synchronize/>", f'<synchronize targets="{targets}"/>')))
        case "teardown":
            return f'<register-teardown tasklist="t{tasklist}" targets="{targets}"/>'
        case _:
            body = draw(_items(count, depth=depth - 1))
            way, tick = draw(
                st.sampled_from(
                    (
                        ('repeat="2"', ""),
                        ('repeat="3"', ""),
                        ('list="x y" param="P"', ""),
                        ('duration="PT3S"', '<step tasklist="tick" targets="n1"/>'),
                    )
                )
            )
            return f"<loop {way}>{tick}{body}</loop>"


@st.composite
def _step(draw: st.DrawFn, tasklist: int, targets: str) -> str:
    moments = st.integers(-1, 12).map(lambda number: START + timedelta(seconds=number))
    background = draw(_sometimes('background="{}"', st.just("true"), rarely=3))
    start = draw(
        st.one_of(
            *[st.just("")] * 3,
            st.integers(0, 3).map(lambda number: f'start_relative="PT{number}S"'),
            moments.map(lambda moment: f'start_absolute="{moment.isoformat()}"'),
        )
    )
    stop = draw(
        st.one_of(
            *[st.just("")] * 3,
            st.integers(0, 9).map(lambda number: f'stop_relative="PT{number}S"'),
            moments.map(lambda moment: f'stop_absolute="{moment.isoformat()}"'),
        )
    )
    most = draw(_sometimes('max-parallel="{}"', st.integers(1, 2)))
    quorum = draw(_sometimes('min-success="{}"', st.integers(0, len(targets.split())), rarely=2))
    enabled = draw(_sometimes('enabled="{}"', st.just("false"), rarely=9))
    return (
        f'<step tasklist="t{tasklist}" targets="{targets}" {background} {start} {stop} {most} '
        f"{quorum} {enabled}/>"
    )


def _some_targets() -> st.SearchStrategy[str]:
    chosen = st.lists(st.sampled_from(TARGETS), min_size=1, max_size=3, unique=True)
    return chosen.map(" ".join)
