"""What variables a command gets, and which of several values (LANGUAGE.md 5)."""

from __future__ import annotations

import pytest

from tests.support.lab import Lab, experiment

TASKS = '<tasklist name="t"><run>show</run></tasklist>'


def export(value: str) -> str:
    return f'<export-env var="V" value="{value}"/>'


def whole(targets: str, steps: str) -> str:
    return f"<targets>{targets}</targets><tasklists>{TASKS}</tasklists><steps>{steps}</steps>"


def test_each_layer_beats_the_ones_around_it(lab: Lab) -> None:
    """5.2: <targets>, groups from outer to inner, the target, loops, the step."""
    layers = ["all", "outer", "inner", "target", "loop1", "param1", "loop2", "param2", "step"]
    for strongest in range(1, len(layers) + 1):
        given = [export(layer) if layer in layers[:strongest] else "" for layer in layers]
        all_, outer, inner, target, loop1, _, loop2, _, step = given
        param1, param2 = ("V" if strongest > rank else "W" for rank in (5, 7))
        result = Lab(lab.directory).run(
            whole(
                f'{all_}<target name="g" type="group">{outer}<target name="h" type="group">{inner}'
                f'<target name="n" type="local">{target}</target></target></target>',
                f'<loop param="{param1}" list="param1">{loop1}'
                f'<loop param="{param2}" list="param2">{loop2}'
                f'<step tasklist="t" targets="g">{step}</step></loop></loop>',
            )
        )
        (environment,) = result.environments("show")
        assert environment["V"] == layers[strongest - 1]


def test_naming_a_member_directly_does_not_bring_its_groups_environment(lab: Lab) -> None:
    """5.2."""
    result = lab.run(
        whole(
            f'<target name="g" type="group">{export("group")}<target name="n" type="local"/>'
            "</target>",
            '<step tasklist="t" targets="n"/>',
        )
    )
    assert "V" not in result.environments("show")[0]


@pytest.mark.parametrize(
    ("targets", "value"),
    [("g h", "g"), ("h g", "h"), ("n g", None), ("both", "h"), ("[gh]", "g")],
)
def test_the_first_way_to_a_target_brings_its_environment(
    lab: Lab, targets: str, value: str | None
) -> None:
    """5.2, 4.3, 4.5: a target that groups reach in two ways runs once."""
    result = lab.run(
        whole(
            f'<target name="n" type="local"/>'
            f'<target name="g" type="group">{export("g")}<target ref="n"/></target>'
            f'<target name="h" type="group">{export("h")}<target ref="n"/></target>'
            '<target name="both" type="group"><target ref="h"/><target ref="g"/></target>',
            f'<step tasklist="t" targets="{targets}"/>',
        )
    )
    (environment,) = result.environments("show")
    assert environment.get("V") == value


def test_a_variable_without_value_has_the_execution_hosts(lab: Lab) -> None:
    """5.1."""
    lab.host_environment["V"] = "from the host: $V"
    result = lab.run(
        whole(
            '<target name="n" type="local"><export-env var="V"/></target>',
            '<step tasklist="t" targets="n"/>',
        )
    )
    assert result.environments("show")[0]["V"] == "from the host: $V"


def test_a_value_is_literal(lab: Lab) -> None:
    """5.1: no expansion."""
    result = lab.run(
        experiment(
            tasklists=TASKS, steps=f'<step tasklist="t" targets="n1">{export("$HOME `x`")}</step>'
        )
    )
    assert result.environments("show")[0]["V"] == "$HOME `x`"


def test_a_step_has_its_environment_for_itself(lab: Lab) -> None:
    """5.2."""
    result = lab.run(
        experiment(
            tasklists=TASKS,
            steps=f'<step tasklist="t" targets="n1">{export("x")}</step><synchronize/>'
            '<step tasklist="t" targets="n1"/>',
        )
    )
    first, second = result.environments("show")
    assert first["V"] == "x"
    assert "V" not in second


def test_called_tasklists_and_cleanups_have_the_steps_environment(lab: Lab) -> None:
    """5.1."""
    result = lab.run(
        experiment(
            tasklists='<tasklist name="main" cleanup="t"><call tasklist="t"/></tasklist>' + TASKS,
            steps=f'<step tasklist="main" targets="n1">{export("x")}</step>',
        )
    )
    assert [one["V"] for one in result.environments("show")] == ["x", "x"]


def test_built_ins_say_where_a_command_runs(lab: Lab) -> None:
    """5.3."""
    result = lab.run(
        experiment(
            targets="a b c",
            tasklists=TASKS,
            steps='<step tasklist="t" targets="c a"/><step name="own" tasklist="t" targets="b"/>',
        )
    )
    shown = {one["GPLMT_TARGET"]: one for one in result.environments("show")}
    assert {name: one["GPLMT_TARGET_INDEX"] for name, one in shown.items()} == {
        "c": "0",
        "a": "1",
        "b": "0",
    }
    assert {name: one["GPLMT_TARGET_COUNT"] for name, one in shown.items()} == {
        "c": "2",
        "a": "2",
        "b": "1",
    }
    assert {name: one["GPLMT_STEP"] for name, one in shown.items()} == {
        "c": "step-1",
        "a": "step-1",
        "b": "own",
    }
    assert {one["GPLMT_ITERATION"] for one in shown.values()} == {""}
    assert {one["GPLMT_RUN_ID"] for one in shown.values()} == {"run"}
    assert all(one["GPLMT_RUN_DIR"].endswith("/run") for one in shown.values())


def test_the_run_directory_is_told_to_local_targets_only(lab: Lab) -> None:
    """5.3."""
    result = lab.run(
        whole(
            '<target name="n" type="ssh"><host>h</host></target>',
            '<step tasklist="t" targets="n"/>',
        )
    )
    assert "GPLMT_RUN_DIR" not in result.environments("show")[0]


def test_the_iteration_counts_loops_from_the_outermost(lab: Lab) -> None:
    """5.3."""
    result = lab.run(
        experiment(
            tasklists=TASKS,
            steps='<loop repeat="3"><step tasklist="t" targets="n1"/>'
            '<loop list="x y" param="P"><step tasklist="t" targets="n1"/></loop></loop>',
        )
    )
    counted = [one["GPLMT_ITERATION"] for one in result.environments("show")]
    assert sorted(counted) == ["0", "0.0", "0.1", "1", "1.0", "1.1", "2", "2.0", "2.1"]


def test_sibling_loops_do_not_count_together(lab: Lab) -> None:
    """5.3."""
    loop = '<loop repeat="2"><step tasklist="t" targets="n1"/></loop>'
    result = lab.run(experiment(tasklists=TASKS, steps=loop + "<synchronize/>" + loop))
    assert [one["GPLMT_ITERATION"] for one in result.environments("show")] == ["0", "1", "0", "1"]


def test_a_teardown_has_its_own_name_and_the_loops_variables(lab: Lab) -> None:
    """5.3, 9.5."""
    result = lab.run(
        experiment(
            tasklists=TASKS,
            steps='<loop list="x y" param="P"><register-teardown tasklist="t" targets="n1">'
            f"{export('own')}</register-teardown></loop>",
        )
    )
    assert [
        (one["GPLMT_STEP"], one["P"], one["V"], one["GPLMT_ITERATION"])
        for one in result.environments("show")
    ] == [("teardown-1", "x", "own", ""), ("teardown-2", "y", "own", "")]


def test_background_steps_know_the_iteration_they_stand_in(lab: Lab) -> None:
    """5.3, 9.4."""
    result = lab.run(
        experiment(
            tasklists=TASKS + '<tasklist name="wait"><run>wait</run></tasklist>',
            steps='<loop repeat="2"><step tasklist="t" targets="n1" background="true"/>'
            '<step tasklist="wait" targets="n1"/></loop>',
        )
    )
    assert [one["GPLMT_ITERATION"] for one in result.environments("show")] == ["0", "1"]
