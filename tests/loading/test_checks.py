"""What the checks find, and what they leave alone, beyond the golden documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loading.conftest import Desk

LOCAL = '<target name="a" type="local"/>'
REMOTE = '<target name="r" type="ssh"><host>r</host></target>'


def document(
    *, targets: str = LOCAL, tasks: str = "", steps: str = '<step tasklist="t" targets="a"/>'
) -> str:
    return f"""<experiment><targets>{targets}</targets>
<tasklists><tasklist name="t">{tasks}</tasklist></tasklists>
<steps>{steps}</steps></experiment>"""


def test_faults_of_structure_and_meaning_come_together(desk: Desk) -> None:  # 1.5
    errors = desk.errors(
        document(
            tasks='<run expected-status="?">x</run><call tasklist="gone"/>',
            steps='<step tasklist="t" targets="b" colour="red"/>',
        )
    )

    assert [error.split(": ", 2)[2].split(";")[0] for error in errors] == [
        "nothing uses the target 'a'",
        "attribute 'expected-status' of <run>: '?' is not a whole number from 0 to 255",
        "unknown tasklist 'gone' in call",
        "<step> has no attribute 'colour'",
        "unknown target 'b' in step",
    ]


def test_a_faulty_definition_is_still_a_definition(desk: Desk) -> None:  # 1.5
    errors = desk.errors(
        document(
            targets='<target name="a" type="local"><export-env/></target>',
            tasks="<oops/>",
            steps='<step tasklist="t" targets="a" name="?"/>',
        )
    )

    assert len(errors) == 3  # the variable, the task, the step's name


def test_what_was_probably_meant_is_not_said_to_be_unused(desk: Desk) -> None:  # 1.5
    errors = desk.errors(document(steps='<step tasklist="tt" targets="aa"/>'))

    assert [error.split(": ")[1] for error in errors] == ["error", "error"]


@pytest.mark.parametrize(("host_environment", "count"), [({}, 1), ({"V": "1"}, 0), ({"V": ""}, 0)])
def test_an_inherited_variable_must_be_set(
    desk: Desk, host_environment: dict[str, str], count: int
) -> None:  # 5.1
    desk.host_environment = host_environment
    text = document(
        targets=f'<export-env var="V"/>{LOCAL}<target name="b" type="local"/>',
        steps='<step tasklist="t" targets="a"/><step tasklist="t" targets="b"/>',
    )

    assert len(desk.errors(text) if count else desk.warnings(text)) == count


def test_a_variable_given_closer_need_not_be_inherited(desk: Desk) -> None:  # 5.2
    text = document(
        targets="""<target name="g" type="group"><export-env var="UNSET"/>
        <target name="a" type="local"><export-env var="UNSET" value="1"/></target></target>""",
        steps='<step tasklist="t" targets="g"/>',
    )

    assert desk.warnings(text) == []


def test_the_quorum_counts_each_target_once_and_groups_by_members(desk: Desk) -> None:  # 7.6
    targets = f"""{LOCAL}<target name="g" type="group"><target ref="a"/>
    <target name="b" type="local"/></target>"""

    def step(count: int) -> str:
        step = f'<step tasklist="t" targets="g a *" min-success="{count}"/>'
        return document(targets=targets, steps=step)

    assert desk.warnings(step(2)) == []
    assert desk.errors(step(3)) == [
        "lab.xml:4: error: min-success is 3, but the step has 2 targets"
    ]


def test_the_quorum_is_not_counted_where_targets_are_not_known(desk: Desk) -> None:  # 1.5
    (error,) = desk.errors(document(steps='<step tasklist="t" targets="a gone" min-success="2"/>'))

    assert "unknown target 'gone'" in error


def test_disabled_steps_and_tasks_need_nothing(desk: Desk) -> None:  # 6.7
    text = document(
        tasks="""<seq enabled="false"><put source="gone" destination="$X"/></seq>
        <run enabled="false" stdin="gone">x</run>""",
        targets=f'{LOCAL}<target name="b" type="local"><export-env var="UNSET"/></target>',
        steps="""<step tasklist="t" targets="a"/>
        <loop repeat="1" enabled="false"><step tasklist="t" targets="b"/></loop>""",
    )

    assert desk.warnings(text) == []


def test_a_disabled_step_still_names_what_exists(desk: Desk) -> None:  # 2.1
    errors = desk.errors(document(steps='<step tasklist="t" targets="gone" enabled="false"/>'))

    assert "unknown target 'gone'" in errors[1]


def test_a_run_directory_is_known_where_gplmt_runs(desk: Desk) -> None:  # 5.3
    put = '<put source="lab.xml" destination="$GPLMT_RUN_DIR/x"/>'
    get = '<get source="x" destination="$GPLMT_RUN_DIR/$GPLMT_TARGET"/>'

    assert desk.warnings(document(tasks=put + get)) == []
    assert (
        desk.warnings(document(targets=REMOTE, tasks=get, steps='<step tasklist="t" targets="r"/>'))
        == []
    )
    (error,) = desk.errors(
        document(targets=REMOTE, tasks=put, steps='<step tasklist="t" targets="r"/>')
    )
    assert "'r' in step 'step-1' is no local target" in error


@pytest.mark.parametrize(
    "around",
    [
        '<loop list="1:2" param="X">{}</loop>',
        '<loop><param name="X" list="1"/>{}</loop>',
        '<loop repeat="1"><export-env var="X" value="1"/><loop repeat="1">{}</loop></loop>',
    ],
)
def test_loops_define_variables_of_paths(desk: Desk, around: str) -> None:  # 5.5
    steps = around.format('<step tasklist="t" targets="a"/>')

    assert desk.warnings(document(tasks='<get source="$X" destination="$X"/>', steps=steps)) == []


def test_a_teardown_must_define_the_variables_of_paths_too(desk: Desk) -> None:  # 5.5
    (error,) = desk.errors(
        document(
            tasks='<get source="x" destination="$X"/>',
            steps='<register-teardown tasklist="t" targets="a"/>',
        )
    )

    assert "which is not defined on 'a' in the teardown at lab.xml:3; define it" in error


def test_a_source_is_looked_up_beside_the_document_that_contains_it(desk: Desk) -> None:  # 6.3
    desk.write("sub/data.txt", "")
    desk.write(
        "sub/lib.xml",
        """<experiment><tasklists><tasklist name="t">
        <put source="data.txt" destination="x"/></tasklist></tasklists></experiment>""",
    )
    text = f"""<experiment><include file="sub/lib.xml" prefix="p"/><targets>{REMOTE}</targets>
    <steps><step tasklist="p.t" targets="r"/></steps></experiment>"""

    assert desk.warnings(text) == []
    Path("sub/data.txt").rename("data.txt")
    assert desk.warnings(text) == []
    Path("data.txt").unlink()
    assert desk.errors(text) == [
        "sub/lib.xml:2: error: the source of put 'put-1', 'data.txt', does not exist; "
        "looked for 'sub/data.txt' and 'data.txt'"
    ]


def test_a_library_that_is_not_used_may_lack_its_sources(desk: Desk) -> None:
    desk.write(
        "lib.xml",
        """<experiment><tasklists><tasklist name="t">
        <put source="gone.txt" destination="x"/></tasklist></tasklists></experiment>""",
    )

    assert desk.warnings('<experiment><include file="lib.xml"/></experiment>') == []


@pytest.mark.parametrize(
    ("maker", "where"),
    [
        ("<run>make</run>", "a"),
        ("<wait-for>make</wait-for>", "a"),
        ('<get source="x" destination="y"/>', "r"),
        ('<put source="lab.xml" destination="made"/>', "a"),
        ('<put source="lab.xml" destination="$GPLMT_RUN_DIR/x"/>', "a"),
    ],
)
def test_what_the_experiment_may_make_need_not_exist(
    desk: Desk, maker: str, where: str
) -> None:  # 12.3
    text = f"""<experiment><targets>{LOCAL}{REMOTE}</targets><tasklists>
    <tasklist name="make">{maker}</tasklist>
    <tasklist name="t"><put source="made" destination="x"/></tasklist></tasklists>
    <steps><step tasklist="make" targets="{where}"/><step tasklist="t" targets="r a"/></steps>
    </experiment>"""

    (warning,) = desk.warnings(text)

    assert "lab.xml:3: warning: the source of put 'put-1', 'made', does not exist" in warning


@pytest.mark.parametrize(
    ("maker", "where"),
    [
        ("<run>make</run>", "r"),
        ('<put source="lab.xml" destination="other"/>', "a"),
        ('<put source="lab.xml" destination="made"/>', "r"),
        ('<run enabled="false">make</run>', "a"),
    ],
)
def test_what_nothing_can_make_must_exist(desk: Desk, maker: str, where: str) -> None:  # 12.3
    text = f"""<experiment><targets>{LOCAL}{REMOTE}</targets><tasklists>
    <tasklist name="make">{maker}</tasklist>
    <tasklist name="t"><put source="made" destination="x"/></tasklist></tasklists>
    <steps><step tasklist="make" targets="{where}"/><step tasklist="t" targets="r a"/></steps>
    </experiment>"""

    (error,) = desk.errors(text)

    assert "lab.xml:3: error: the source of put 'put-1', 'made', does not exist" in error


def test_a_single_target_gets_without_collision(desk: Desk) -> None:  # 12.3
    assert desk.warnings(document(tasks='<get source="x" destination="out"/>')) == []


def test_a_get_into_an_existing_directory_keeps_the_names_apart(desk: Desk) -> None:  # 12.3
    targets = """<target name="a" type="local"><export-env var="F" value="1"/></target>
    <target name="b" type="local"><export-env var="F" value="2"/></target>"""
    text = document(
        targets=targets,
        tasks='<get source="$F" destination="out"/>',
        steps='<step tasklist="t" targets="a b"/>',
    )

    (warning,) = desk.warnings(text)
    assert "writes 'out' for several targets of step 'step-1', like 'a' and 'b'" in warning
    Path("out").mkdir()
    assert desk.warnings(text) == []


def test_a_chain_of_groups_of_any_length_is_no_traceback(desk: Desk) -> None:  # 4.3
    groups = "".join(
        f'<target name="g{number}" type="group"><target ref="g{number + 1}"/></target>'
        for number in range(3000)
    )
    loaded = desk.load(
        document(
            targets=f'{groups}<target name="g3000" type="local"/>',
            steps='<step tasklist="t" targets="g0"/>',
        )
    )

    (member,) = loaded.inventory.members(("g0",))
    assert member.node.name == "g3000"


def test_groups_that_share_members_are_walked_once(desk: Desk) -> None:  # 4.3
    groups = "".join(
        f"""<target name="g{number}" type="group">
        <target ref="g{number + 1}"/><target ref="h{number + 1}"/></target>
        <target name="h{number}" type="group">
        <target ref="g{number + 1}"/><target ref="h{number + 1}"/></target>"""
        for number in range(60)
    )
    leaves = '<target name="g60" type="local"/><target name="h60" type="local"/>'
    loaded = desk.load(
        document(targets=groups + leaves, steps='<step tasklist="t" targets="g0 h0"/>')
    )

    members = loaded.inventory.members(("g0", "h0"))
    assert [member.node.name for member in members] == ["g60", "h60"]


def chain_of_calls(length: int) -> str:
    """Tasklists each of which calls the next, the first one `t`."""
    names = ["t", *(f"t{number}" for number in range(1, length))]
    tasklists = (
        f'<tasklist name="{name}"><call tasklist="{callee}"/></tasklist>\n'
        for name, callee in zip(names, [*names[1:], "last"], strict=True)
    )
    return f"""<experiment><targets>{LOCAL}</targets>
<tasklists>{"".join(tasklists)}<tasklist name="last"/></tasklists>
<steps><step tasklist="t" targets="a"/></steps></experiment>"""


def test_calls_that_go_too_deep_are_refused_once(desk: Desk) -> None:
    assert desk.warnings(chain_of_calls(99)) == []
    assert desk.errors(chain_of_calls(3000)) == [
        "lab.xml:2902: error: the tasks of 't2900' are nested more than 100 deep; calls count too"
    ]


def test_tasks_nested_too_deep_are_refused(desk: Desk) -> None:
    def nested(depth: int) -> str:
        return document(tasks="<seq>" * depth + "</seq>" * depth)

    assert desk.warnings(nested(99)) == []
    assert desk.errors(nested(100)) == [
        "lab.xml:2: error: the tasks of 't' are nested more than 100 deep; calls count too"
    ]


def test_the_quorum_is_not_counted_where_a_group_lacks_members(desk: Desk) -> None:  # 1.5
    (error,) = desk.errors(
        document(
            targets='<target name="a" type="group"><target ref="gone"/></target>' + REMOTE,
            steps="""<step tasklist="t" targets="a r" min-success="2"/>""",
        )
    )

    assert "unknown target 'gone'" in error


def test_what_could_not_be_read_may_make_sources(desk: Desk) -> None:  # 1.5
    diagnostics = desk.errors(
        document(
            targets=REMOTE,
            tasks='<put source="gone" destination="x"/><oops/>',
            steps='<step tasklist="t" targets="r"/>',
        )
    )

    assert [told.split(": ")[1] for told in diagnostics] == ["error", "warning"]


def test_a_command_with_an_element_in_it_is_still_a_command(desk: Desk) -> None:  # 1.5
    (error,) = desk.errors(document(tasks="<wait-for>test -e x<b/></wait-for>"))

    assert "<b> may not stand in <wait-for>" in error


@pytest.mark.parametrize(
    "variable",
    [
        '<export-env value="1"/>',
        '<export-env vra="X" value="1"/>',
        '<exports var="X" value="1"/>',
        '<setting var="X"/>',
    ],
)
def test_nothing_is_said_of_variables_that_a_faulty_element_may_set(
    desk: Desk, variable: str
) -> None:  # 1.5
    errors = desk.errors(
        document(
            tasks='<get source="$X" destination="x"/>',
            steps=f'<step tasklist="t" targets="a">{variable}</step>',
        )
    )

    assert len(errors) == 1


def test_a_source_named_by_nodes_of_a_slice_is_not_looked_for_before_they_are_known(
    desk: Desk,
) -> None:
    document = """<experiment><targets>
      <target name="slice" type="planetlab"><apiurl>https://api/</apiurl><slicename>s</slicename>
      <user>u</user><export-env var="KIND" value="none"/></target></targets>
      <tasklists><tasklist name="t"><put source="$KIND/{}.conf" destination="/x"/></tasklist>
      </tasklists><steps><step tasklist="t" targets="slice"/></steps></experiment>"""
    assert desk.warnings(document.format("$GPLMT_TARGET")) == []
    assert len(desk.warnings(document.format("x"))) == 1
