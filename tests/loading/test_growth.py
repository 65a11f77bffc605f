"""The cost of loading grows with the document, never faster (goal G13).

Counted are Python's function calls, which do not depend on how busy the machine is; what a call
does inside C is bounded by a generous clock.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from gplmt.errors import DocumentError
from gplmt.loading import load
from tests.loading.conftest import Desk

SMALL, LARGE = 200, 800


def document(*, targets: str, tasklists: str, steps: str) -> str:
    return (
        f"<experiment><targets>{targets}</targets><tasklists>{tasklists}</tasklists>"
        f"<steps>{steps}</steps></experiment>"
    )


def many(text: str, count: int) -> str:
    return "\n".join(text.replace("#", str(number)) for number in range(count))


def chain(count: int) -> str:
    calls = (
        f'<tasklist name="t{number}"><call tasklist="t{number + 1}"/></tasklist>'
        for number in range(count)
    )
    return (
        f'{"".join(calls)}<tasklist name="t{count}"><get source="$X" destination="$X"/></tasklist>'
    )


def groups(count: int) -> str:
    return LOCAL + "".join(
        f'<target name="g{number}" type="group"><target ref="g{number + 1}"/></target>'
        for number in range(count)
    )


LOCAL = '<target name="a" type="local"/>'
EMPTY = '<tasklist name="t"/>'
STEP = '<step tasklist="t" targets="a"/>'
CALL = '<call tasklist="t#"/>'
PUT = '<put source="f#" destination="x"/>'
SHAPES: dict[str, Callable[[int], str]] = {
    "steps": lambda count: document(targets=LOCAL, tasklists=EMPTY, steps=many(STEP, count)),
    "runs": lambda count: document(
        targets=LOCAL,
        tasklists=f'<tasklist name="t">{many("<run>echo #</run>", count)}</tasklist>',
        steps=STEP,
    ),
    "steps on a pattern": lambda count: document(
        targets=many('<target name="n#" type="local"/>', count),
        tasklists=EMPTY,
        steps=many('<step tasklist="t" targets="*"/>', count),
    ),
    "steps on one target each": lambda count: document(
        targets=many('<target name="n#" type="local"/>', count),
        tasklists=EMPTY,
        steps=many('<step tasklist="t" targets="n#"/>', count),
    ),
    "a chain of calls with steps all along": lambda count: document(
        targets=f"{LOCAL}<target name='b' type='local'/>",
        tasklists=chain(count),
        steps=many(
            '<step tasklist="t#" targets="a b"><export-env var="X" value="1"/></step>', count
        ),
    ),
    "a chain of calls with variables that nobody sets": lambda count: document(
        targets=f"{LOCAL}<target name='b' type='local'/>",
        tasklists=chain(count),
        steps=many('<step tasklist="t#" targets="a b"/>', count),
    ),
    "a chain of groups": lambda count: document(
        targets=groups(count),
        tasklists=EMPTY,
        steps=STEP,
    ),
    "unknown names": lambda count: document(
        targets=many('<target name="node#" type="local"/>', count),
        tasklists=many('<tasklist name="list#"/>', count),
        steps=many('<step tasklist="lisst#" targets="nodde#"/>', count),
    ),
    "unknown attributes": lambda count: document(
        targets=LOCAL,
        tasklists=EMPTY,
        steps=many('<step tasklist="t" targets="a" nmae#="x"/>', count),
    ),
    "duplicates": lambda count: document(
        targets=LOCAL * count, tasklists=EMPTY * count, steps=STEP
    ),
    "cycles": lambda count: document(
        targets=LOCAL,
        tasklists=many('<tasklist name="t#" cleanup="t"/>', count)
        + f"<tasklist name='t'>{many(CALL, count)}</tasklist>",
        steps=STEP,
    ),
    "puts of files that are nowhere": lambda count: document(
        targets='<target name="a" type="ssh"><host>a</host></target>',
        tasklists=f"<tasklist name='t'>{many(PUT, count)}</tasklist>",
        steps=STEP,
    ),
    "stray text and comments": lambda count: document(
        targets=LOCAL,
        tasklists=f'<tasklist name="t">{many("x<run>a<!-- -->b</run>", count)}</tasklist>',
        steps=STEP,
    ),
}


def cost(content: str) -> tuple[int, float]:
    """How many Python functions a load calls, and the seconds it takes."""
    Path("lab.xml").write_text(content)
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    started = time.perf_counter()
    sys.setprofile(count)
    try:
        load("lab.xml", host_environment={}, working_directory=Path(), now=Desk.now)
    except DocumentError:
        pass
    finally:
        sys.setprofile(None)
    return calls, time.perf_counter() - started


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("shape", SHAPES)
def test_the_cost_of_loading_grows_linearly(shape: str) -> None:
    build = SHAPES[shape]
    cost(build(2))  # caches are warm, modules imported
    small, _ = cost(build(SMALL))
    large, seconds = cost(build(LARGE))

    assert large < small * (LARGE / SMALL) * 1.5
    assert seconds < 5


def test_collecting_garbage_is_resumed(desk: Desk) -> None:
    desk.load("<experiment/>")
    assert gc.isenabled()
    desk.errors("<oops/>")
    assert gc.isenabled()
