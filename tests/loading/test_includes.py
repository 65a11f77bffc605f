"""Documents brought in by others (LANGUAGE.md 3)."""

from __future__ import annotations

from pathlib import Path

from gplmt.diagnostics import Location
from gplmt.language.targets import GroupTarget, TargetRef
from gplmt.language.tasks import Call, Seq
from tests.loading.conftest import Desk

LIBRARY = """<experiment>
<targets>
<target name="a" type="local"/>
<target name="g" type="group"><target ref="a"/><target name="m" type="local"/></target>
</targets>
<tasklists>
<tasklist name="t" cleanup="u"><seq><call tasklist="u"/></seq></tasklist>
<tasklist name="u"/>
</tasklists>
</experiment>"""


def including(*includes: str, rest: str = "") -> str:
    return (
        f"<experiment>{''.join(f'<include {include}/>' for include in includes)}{rest}</experiment>"
    )


def test_names_and_references_get_the_prefix(desk: Desk) -> None:  # 3.1, 3.2
    desk.write("lib.xml", LIBRARY)
    experiment = desk.load(including('file="lib.xml" prefix="p"')).experiment

    assert list(experiment.targets) == ["p.a", "p.g", "p.m"]
    assert [target.name for target in experiment.targets.values()] == ["p.a", "p.g", "p.m"]
    group = experiment.targets["p.g"]
    assert isinstance(group, GroupTarget)
    assert group.members == (
        TargetRef(at=Location("lib.xml", 4), ref="p.a"),
        experiment.targets["p.m"],
    )
    tasklist = experiment.tasklists["p.t"]
    assert (tasklist.name, tasklist.cleanup) == ("p.t", "p.u")
    seq = tasklist.tasks[0]
    assert isinstance(seq, Seq)
    assert isinstance(seq.tasks[0], Call)
    assert seq.tasks[0].tasklist == "p.u"


def test_names_stay_as_they_are_without_a_prefix(desk: Desk) -> None:  # 3.1
    desk.write("lib.xml", LIBRARY)

    for prefix in ("", 'prefix=""', 'prefix="  "'):
        experiment = desk.load(including(f'file="lib.xml" {prefix}')).experiment
        assert list(experiment.tasklists) == ["t", "u"]
        assert experiment.tasklists["t"].cleanup == "u"


def test_nested_includes_stack_their_prefixes(desk: Desk) -> None:  # 3.2
    desk.write("sub/inner.xml", LIBRARY)
    desk.write(
        "sub/outer.xml",
        including(
            'file="inner.xml" prefix="inner"',
            rest='<tasklists><tasklist name="t" cleanup="inner.t"/></tasklists>',
        ),
    )
    experiment = desk.load(including('file="sub/outer.xml" prefix="outer"')).experiment

    assert list(experiment.tasklists) == ["outer.inner.t", "outer.inner.u", "outer.t"]
    assert experiment.tasklists["outer.t"].cleanup == "outer.inner.t"
    assert experiment.tasklists["outer.inner.t"].cleanup == "outer.inner.u"
    assert experiment.tasklists["outer.inner.t"].at == Location("sub/inner.xml", 7)


def test_what_is_included_comes_before_the_document_s_own(desk: Desk) -> None:  # 4.5
    desk.write("lib.xml", LIBRARY)
    own = '<targets><target name="z" type="local"/></targets>'
    experiment = desk.load(including('file="lib.xml"', rest=own)).experiment

    assert list(experiment.targets) == ["a", "g", "m", "z"]


def test_one_file_may_be_included_under_two_prefixes(desk: Desk) -> None:  # 3.4
    desk.write("lib.xml", LIBRARY)
    loaded = desk.load(including('file="lib.xml" prefix="p"', 'file="lib.xml" prefix="q"'))

    assert list(loaded.experiment.tasklists) == ["p.t", "p.u", "q.t", "q.u"]
    assert [source.name for source in loaded.experiment.sources] == ["lab.xml", "lib.xml"]


def test_a_document_of_includes_alone_may_be_included_by_many(desk: Desk) -> None:
    desk.write("lib.xml", LIBRARY)
    desk.write("a.xml", including('file="lib.xml" prefix="l"'))
    desk.write("b.xml", including('file="lib.xml" prefix="l"'))
    loaded = desk.load(including('file="a.xml" prefix="a"', 'file="b.xml" prefix="b"'))

    assert list(loaded.experiment.tasklists) == ["a.l.t", "a.l.u", "b.l.t", "b.l.u"]


def test_variables_in_file_come_from_the_execution_host(desk: Desk) -> None:  # 3.3
    desk.write("lib.xml", LIBRARY)
    desk.host_environment = {"WHERE": str(Path.cwd()), "NAME": "lib"}

    experiment = desk.load(including('file=" $WHERE/${NAME}.xml "')).experiment

    assert experiment.sources[1].name == f"{Path.cwd()}/lib.xml"


def test_a_file_is_looked_up_beside_the_including_document_first(desk: Desk) -> None:  # 3.3
    desk.write("sub/lab.xml", including('file="lib.xml"', 'file="other.xml" prefix="o"'))
    desk.write("sub/lib.xml", LIBRARY)
    desk.write("first/lib.xml", "<experiment><oops/></experiment>")
    desk.write("second/other.xml", LIBRARY)
    desk.write("other.xml", "<experiment><oops/></experiment>")
    content = Path("sub/lab.xml").read_text()

    loaded = desk.load(content, name="sub/lab.xml", include_directories=("first", "second"))

    names = [source.name for source in loaded.experiment.sources]
    assert names == ["sub/lab.xml", "sub/lib.xml", "second/other.xml"]


def test_a_missing_file_says_where_it_was_looked_for(desk: Desk) -> None:
    errors = desk.errors(including('file="lib.xml"'), include_directories=("inc", "/opt/inc"))

    assert errors == [
        "lab.xml:1: error: the included file 'lib.xml' is not there; "
        "looked for 'lib.xml', 'inc/lib.xml' and '/opt/inc/lib.xml'"
    ]


def test_nothing_is_said_of_names_that_a_missing_file_would_have_brought(desk: Desk) -> None:  # 1.5
    errors = desk.errors(
        including(
            'file="gone.xml" prefix="p"',
            rest="""<targets><target name="g" type="group"><target ref="p.a"/></target></targets>
            <tasklists><tasklist name="t"><call tasklist="p.t"/></tasklist></tasklists>
            <steps><step tasklist="p.t" targets="p.a p.* g"/>
            <step tasklist="t" targets="q.a"/></steps>""",
        )
    )

    assert [error.split(";")[0] for error in errors] == [
        "lab.xml:1: error: the included file 'gone.xml' is not there",
        "lab.xml:4: error: unknown target 'q.a' in step",
    ]


def test_a_reference_out_of_an_included_document_is_an_error(desk: Desk) -> None:  # 3.2
    desk.write(
        "lib.xml",
        """<experiment>
        <tasklists><tasklist name="t"><call tasklist="own"/></tasklist></tasklists>
        </experiment>""",
    )
    own = '<tasklists><tasklist name="own"/></tasklists>'

    for prefix in ("", 'prefix="p"'):
        assert desk.errors(including(f'file="lib.xml" {prefix}', rest=own)) == [
            "lib.xml:2: error: unknown tasklist 'own' in call; define it in <tasklists>"
        ]


def test_two_libraries_under_one_prefix_do_not_know_each_other(desk: Desk) -> None:  # 3.2
    desk.write(
        "a.xml", '<experiment><tasklists><tasklist name="x" cleanup="y"/></tasklists></experiment>'
    )
    desk.write("b.xml", '<experiment><tasklists><tasklist name="y"/></tasklists></experiment>')

    assert desk.errors(including('file="a.xml" prefix="p"', 'file="b.xml" prefix="p"')) == [
        "a.xml:1: error: unknown tasklist 'y' in cleanup of tasklist 'x'; define it in <tasklists>"
    ]


def test_a_longer_cycle_shows_the_whole_chain(desk: Desk) -> None:  # 3.4
    desk.write("a.xml", including('file="b.xml" prefix="b"'))
    desk.write("b.xml", including('file="lab.xml" prefix="lab"'))

    assert desk.errors(including('file="a.xml" prefix="a"')) == [
        "b.xml:1: error: the include closes a cycle: lab.xml -> a.xml -> b.xml -> lab.xml"
    ]


def test_a_link_to_the_including_document_is_a_cycle_too(desk: Desk) -> None:  # 3.4
    desk.write("lab.xml", "")
    Path("link.xml").symlink_to("lab.xml")

    (error,) = desk.errors(including('file="link.xml" prefix="l"'))

    assert error == "link.xml:1: error: the include closes a cycle: link.xml -> link.xml"


def test_faults_come_in_the_order_of_inclusion(desk: Desk) -> None:  # 12.1
    desk.write("z.xml", including('file="deep.xml" prefix="d"', rest="<oops/>"))
    desk.write("deep.xml", "<experiment><oops/></experiment>")
    desk.write("a.xml", "<experiment><oops/></experiment>")

    errors = desk.errors(
        including('file="z.xml" prefix="z"', 'file="a.xml" prefix="a"', rest="\n<oops/>")
    )

    assert [error.split(": ")[0] for error in errors] == [
        "lab.xml:2",
        "z.xml:1",
        "deep.xml:1",
        "a.xml:1",
    ]


def test_includes_that_double_with_each_level_are_refused_soon(desk: Desk) -> None:
    for level in range(40):
        file = f'file="{level + 1}.xml"'
        desk.write(f"{level}.xml", including(f'{file} prefix="a"', f'{file} prefix="b"'))
    desk.write("40.xml", LIBRARY)

    errors = desk.errors(including('file="0.xml"'))

    assert len(errors) < 100
    assert "more than 10000 inclusions" in errors[0]


def test_a_long_chain_of_includes_is_refused(desk: Desk) -> None:
    for level in range(150):
        desk.write(f"{level}.xml", including(f'file="{level + 1}.xml" prefix="p"'))

    assert desk.errors(including('file="0.xml"')) == [
        "99.xml:1: error: includes are nested more than 100 deep"
    ]


def test_an_included_library_may_be_unused(desk: Desk) -> None:  # 12.3
    desk.write("lib.xml", LIBRARY)
    own = """<targets><target name="x" type="local"/></targets>
    <steps><step tasklist="t" targets="x"/></steps>"""

    assert desk.warnings(including('file="lib.xml"', rest=own)) == []


def test_timeout_and_description_of_an_include_are_ignored(desk: Desk) -> None:
    desk.write("lib.xml", '<experiment timeout="PT1S"><description>x</description></experiment>')
    experiment = desk.load(including('file="lib.xml"')).experiment

    assert (experiment.timeout, experiment.description) == (None, None)


def test_an_include_of_a_device_is_refused_at_once(desk: Desk) -> None:
    assert desk.errors(including('file="/dev/zero"')) == [
        "lab.xml:1: error: cannot read '/dev/zero': it is a device"
    ]


def test_an_unreadable_include_is_told_at_the_include(desk: Desk) -> None:
    name = "x" * 300 + ".xml"

    (error,) = desk.errors(including(f'file="{name}"'))

    assert error.startswith("lab.xml:1: error: the included file")
