"""What multiplies has a limit, and what is looked at again and again is remembered."""

from __future__ import annotations

import pytest

from gplmt.language.tasks import Run
from gplmt.loading import check_size, merging
from tests.loading.conftest import Desk


def many(text: str, count: int) -> str:
    return "\n".join(text.replace("#", str(number)) for number in range(count))


def document(*, targets: str, steps: str) -> str:
    return (
        f"<experiment><targets>{targets}</targets>\n<tasklists><tasklist name='t'/></tasklists>\n"
        f"<steps>\n{steps}</steps></experiment>"
    )


LOCAL = '<target name="a#" type="local"/>'
ALL = '<step tasklist="t" targets="*"/>'
NESTED = "".join(
    f'<target name="g{number}" type="group"><export-env var="V{number}" value="1"/>'
    f'<target name="a{number}" type="local"/><target ref="g{number + 1}"/></target>'
    for number in range(100)
)
LARGE = {
    "steps, each on all nodes in other words": (
        many(LOCAL, 100),
        many('<step tasklist="t" targets="* a#"/>', 100),
    ),
    "patterns": (many(LOCAL, 100), many('<step tasklist="t" targets="a#*"/>', 100)),
    "barriers": (many(LOCAL, 100), ALL + many('<synchronize targets="a*"/>', 100)),
    "variables of targets": (many('<export-env var="V#" value="1"/>' + LOCAL, 100), ALL),
    "variables of nested groups": (
        f'{NESTED}<target name="g100" type="group"/>',
        '<step tasklist="t" targets="g0"/>',
    ),
    "loops on all nodes": (many(LOCAL, 100), many(f'<loop repeat="1">{ALL}</loop>', 100)),
    "variables of loops": (
        LOCAL.replace("#", "0"),
        '<loop repeat="1">'
        + many('<export-env var="V#" value="1"/>', 100)
        + '<step tasklist="t" targets="a0"><export-env var="X" value="1"/></step>' * 100
        + "</loop>",
    ),
}


@pytest.mark.parametrize("shape", LARGE)
def test_what_multiplies_is_refused_where_it_is_too_much(
    desk: Desk, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets, steps = LARGE[shape]
    content = document(targets=targets, steps=steps)
    assert desk.warnings(content) == []
    monkeypatch.setattr(check_size, "_SIZE_PER_BYTE", 0)
    monkeypatch.setattr(check_size, "MAX_SIZE", 4_000)

    (error,) = desk.errors(content)

    assert error.endswith("come to more than 4000 here; divide the experiment into several")


def test_what_is_written_out_is_never_too_much(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_size, "MAX_SIZE", 0)
    names = many("a#", 100).replace("\n", " ")
    content = document(
        targets=many(LOCAL, 100), steps=f'<step tasklist="t" targets="{names}"/>' * 100
    )

    assert desk.warnings(content) == []


def test_files_are_not_included_again_without_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MAX_REPEATED_BYTES", 3 << 20)
    desk.write("lib.xml", f"<experiment><!--{'x' * (1 << 20)}--></experiment>")

    def including(count: int) -> str:
        includes = many('<include file="lib.xml" prefix="p#"/>', count)
        return f"<experiment>{includes}</experiment>"

    assert desk.warnings(including(3)) == []
    assert desk.errors(including(4)) == [
        "lab.xml:4: error: the same files are included again, 3 MiB of them; "
        "include a file once, and its parts by themselves"
    ]


def labels(desk: Desk, tasks: str) -> list[str]:
    loaded = desk.load(
        f"<experiment><tasklists><tasklist name='t'>{tasks}</tasklist></tasklists></experiment>"
    )
    return [task.label for task in loaded.experiment.tasklists["t"].tasks if isinstance(task, Run)]


def test_no_two_tasks_of_a_tasklist_have_the_same_label(desk: Desk) -> None:
    found = labels(desk, '<run name="run"/><run/><run name="run"/><run/>')

    assert found == ["run", "run-2", "run-3", "run-4"]


def test_a_label_is_no_longer_than_a_name(desk: Desk) -> None:
    name = "x" * 100
    first, second, third = labels(desk, f'<run name="{name}"/>' * 3)

    assert first == name
    assert (second, third) == (f"{'x' * 92}-2", f"{'x' * 92}-3")


def test_a_variable_that_is_unset_for_many_targets_and_steps_is_told_once(desk: Desk) -> None:
    unset = '<export-env var="UNSET"/>'
    steps = many('<step tasklist="t" targets="a#"/>', 3)
    content = document(
        targets=unset + many(LOCAL, 3), steps=f'<loop repeat="1">{unset}{steps}</loop>'
    )

    assert [line.split(":")[1] for line in desk.errors(content)] == ["1", "6"]
