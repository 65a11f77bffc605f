"""What elements mean once they are loaded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gplmt.diagnostics import Location
from gplmt.language.experiment import SourceFile
from gplmt.language.steps import (
    ForDuration,
    Loop,
    MinSuccess,
    Parameter,
    RegisterTeardown,
    Repeat,
    Step,
    Sweep,
    Synchronize,
    Until,
)
from gplmt.language.targets import (
    ExportEnv,
    GroupTarget,
    LocalTarget,
    PlanetlabTarget,
    SshOptions,
    SshTarget,
    TargetRef,
)
from gplmt.language.tasks import Call, Fail, Get, Par, Put, Retries, Run, Seq, Task, WaitFor
from gplmt.language.values import HostKeyChecking, OnError
from gplmt.loading import Loaded
from tests.loading.conftest import Desk
from tests.loading.samples import LIBRARY, WHOLE


def at(excerpt: str) -> Location:
    """Where the sample has this text."""
    return Location("lab.xml", 1 + WHOLE[: WHOLE.index(excerpt)].count("\n"))


def whole(desk: Desk) -> Loaded:
    desk.write("library.xml", LIBRARY)
    return desk.load(WHOLE)


def tasks(desk: Desk, content: str) -> tuple[Task, ...]:
    loaded = desk.load(
        f"<experiment><tasklists><tasklist name='t'>{content}</tasklist></tasklists></experiment>"
    )
    return loaded.experiment.tasklists["t"].tasks


def test_an_experiment_is_named_after_its_file_and_keeps_what_was_read(desk: Desk) -> None:
    experiment = whole(desk).experiment

    assert experiment.name == "lab"
    assert experiment.description == "All there is."
    assert experiment.timeout == timedelta(hours=2)
    assert experiment.sources == (
        SourceFile(name="lab.xml", content=WHOLE.encode()),
        SourceFile(name="library.xml", content=LIBRARY.encode()),
    )


def test_targets_are_declared_flat_a_group_before_its_members(desk: Desk) -> None:  # 2.1, 4.3
    targets = whole(desk).experiment.targets

    assert list(targets) == ["lib.spare", "here", "lab", "node1", "inner", "node2", "slice"]
    lab = targets["lab"]
    assert isinstance(lab, GroupTarget)
    assert lab.members == (
        targets["node1"],
        TargetRef(at=at('<target ref="here"'), ref="here"),
        targets["inner"],
    )


def test_ssh_options_of_groups_are_defaults_for_what_stands_in_them(desk: Desk) -> None:  # 4.3
    targets = whole(desk).experiment.targets

    node1, node2 = targets["node1"], targets["node2"]
    assert isinstance(node1, SshTarget)
    assert isinstance(node2, SshTarget)
    assert node1.host == "node1.example.org"  # 1.3: without the white space around it
    assert node1.options == SshOptions(
        user="ada",
        port=2222,
        identity_file="keys/lab",
        proxy_jump="gate",
        known_hosts_file="~/.ssh/known",
        host_key_checking=HostKeyChecking.ACCEPT_NEW,
        connect_timeout=timedelta(seconds=5),
        forward_agent=True,
        password_env="LAB_PASSWORD",  # noqa: S106
    )
    assert node2.options == SshOptions(user="bob", identity_file="keys/lab")


def test_paths_of_ssh_options_lie_beside_their_document(desk: Desk) -> None:  # 4.2
    desk.write(
        "deep/lib.xml",
        """<experiment><targets><target name="s" type="ssh"><host>s</host>
        <identity-file> id </identity-file>
        <known-hosts-file>/etc/known</known-hosts-file></target></targets></experiment>""",
    )
    target = desk.load('<experiment><include file="deep/lib.xml"/></experiment>')

    s = target.experiment.targets["s"]
    assert isinstance(s, SshTarget)
    assert s.options == SshOptions(identity_file="deep/id", known_hosts_file="/etc/known")


def test_a_slice_keeps_what_its_api_needs(desk: Desk) -> None:  # 4.4
    assert whole(desk).experiment.targets["slice"] == PlanetlabTarget(
        at=at('<target name="slice"'),
        name="slice",
        api_url="https://api.example.org/PLCAPI/",
        slice_name="my_slice",
        user="me@example.org",
        document_environment=(
            ExportEnv(at=at('<export-env var="EVERYWHERE"'), var="EVERYWHERE", value="1"),
        ),
    )


def test_ssh_options_of_groups_are_for_the_nodes_of_slices_in_them_too(desk: Desk) -> None:  # 4.3
    loaded = desk.load(
        """<experiment><targets><target name="g" type="group">
        <port>2222</port><identity-file>lab</identity-file>
        <target name="inner" type="group"><proxy-jump>gate</proxy-jump>
        <target name="s" type="planetlab"><apiurl>https://api/</apiurl><slicename>s</slicename>
        <user>me</user></target></target></target></targets></experiment>"""
    )

    s = loaded.experiment.targets["s"]
    assert isinstance(s, PlanetlabTarget)
    assert s.options == SshOptions(port=2222, identity_file="lab", proxy_jump="gate")


def test_variables_of_targets_are_for_every_target_of_that_document(desk: Desk) -> None:  # 5.1
    loaded = whole(desk)

    members = {member.node.name: member for member in loaded.inventory.members(("*",))}
    assert dict(members["here"].environment) == {"EVERYWHERE": "1", "SET": "set here"}
    assert dict(members["node2"].environment) == {"EVERYWHERE": "1", "GROUP": "lab"}
    assert dict(members["lib.spare"].environment) == {"LIBRARY": "yes"}


def test_a_run_is_loaded_with_all_it_says(desk: Desk) -> None:  # 6.2
    tasklist = whole(desk).experiment.tasklists["measure"]

    assert tasklist.on_error is OnError.STOP_STEP
    assert tasklist.cleanup == "tidy"
    assert tasklist.timeout == timedelta(minutes=10)
    assert tasklist.tasks[0] == Run(
        at=at('<run name="start"'),
        label="start",
        command="\n        ./server & \n        echo $! > pid\n      ",
        expected_status=(0, 3),
        timeout=timedelta(minutes=1),
        retries=Retries(count=2, delay=timedelta(seconds=1)),
        stdin="library.xml",
        directory="work",
        stop_signal="INT",
        leave_running=True,
    )


def test_the_other_tasks_are_loaded_with_all_they_say(desk: Desk) -> None:  # 6.3 to 6.8
    _, par, put, put_children, get, call = whole(desk).experiment.tasklists["measure"].tasks

    assert par == Par(
        at=at("<par name"),
        label="both",
        max_parallel=2,
        tasks=(
            WaitFor(
                at=at("<wait-for port"),
                label="wait-for-3",
                host="localhost",
                port=8080,
                timeout=timedelta(seconds=5),
                interval=timedelta(seconds=0.1),
            ),
            WaitFor(at=at("<wait-for>"), label="wait-for-4", command="test -e ready"),
            Seq(
                at=at("<seq enabled"),
                label="seq-5",
                enabled=False,
                tasks=(Fail(at=at("<seq enabled"), label="fail-6", status="never"),),
            ),
        ),
    )
    assert put == Put(
        at=at("<put source"),
        label="put-7",
        source="library.xml",
        destination="$EVERYWHERE/x",
        keep=False,
    )
    assert put_children == Put(
        at=at("<put><source>"), label="put-8", source="*.xml", destination="~/documents/"
    )
    assert get == Get(
        at=at("<get source"),
        label="get-9",
        source="log",
        destination="logs/${GPLMT_TARGET}/",
        timeout=timedelta(days=1),
    )
    assert call == Call(
        at=at('<call tasklist="lib.build"'),
        label="call-10",
        tasklist="lib.build",
        expects_success=True,
    )


def test_steps_are_loaded_with_all_they_say(desk: Desk) -> None:  # 8, 9
    steps = whole(desk).experiment.steps

    assert steps[0] == Step(
        at=at('<step tasklist="measure"'),
        name="first",
        tasklist="measure",
        targets=("here", "node*", "lab"),
        start=timedelta(seconds=1),
        stop=timedelta(hours=1),
        max_parallel=3,
        min_success=MinSuccess(amount=50, is_percentage=True),
        environment=(ExportEnv(at=at('<export-env var="MODE"'), var="MODE", value="fast"),),
    )
    assert steps[1] == Synchronize(at=at("<synchronize targets"), targets=("here",))
    background = steps[2]
    assert isinstance(background, Step)
    assert background.name == "step-2"
    assert background.background
    assert background.start == datetime(2030, 1, 1).astimezone()
    assert background.stop == datetime(2031, 1, 1, tzinfo=UTC)
    assert steps[3] == Synchronize(at=at("<synchronize/>"))


def test_each_kind_of_loop_is_loaded(desk: Desk) -> None:  # 9.2
    loops = [item for item in whole(desk).experiment.steps if isinstance(item, Loop)]

    assert [loop.iterations for loop in loops] == [
        Repeat(count=2),
        ForDuration(duration=timedelta(minutes=1)),
        Until(moment=datetime(2030, 1, 1).astimezone()),
        Sweep(parameters=(Parameter(name="LETTER", values=("a", "b", "c")),)),
    ]
    inner = loops[3].body[0]
    assert isinstance(inner, Loop)
    assert inner.iterations == Sweep(
        parameters=(
            Parameter(name="NUMBER", values=range(1, 10, 2)),
            Parameter(name="WORD", values=("x", "y")),
        )
    )
    assert [variable.var for variable in inner.environment] == ["IN_LOOP"]
    assert isinstance(inner.body[1], RegisterTeardown)
    assert inner.body[1].tasklist == "lib.clean"


def test_steps_and_loops_count_in_document_order(desk: Desk) -> None:
    step = '<step tasklist="t" targets="a"/>'
    loaded = desk.load(
        f"""<experiment><targets><target name="a" type="local"/></targets>
        <tasklists><tasklist name="t"/></tasklists>
        <steps>{step}<loop repeat="1"><loop repeat="1">{step}</loop>
        <step name="mine" tasklist="t" targets="a"/></loop>{step}<loop repeat="1"/></steps>
        </experiment>"""
    )

    first, outer, last, second_loop = loaded.experiment.steps
    assert isinstance(outer, Loop)
    inner, mine = outer.body
    assert isinstance(inner, Loop)
    names = [first, inner.body[0], mine, last]
    assert [item.name for item in names if isinstance(item, Step)] == [
        "step-1",
        "step-2",
        "mine",
        "step-4",
    ]
    assert isinstance(second_loop, Loop)
    assert [outer.label, inner.label, second_loop.label] == ["loop-1", "loop-2", "loop-3"]


def test_labels_are_unique_in_a_tasklist_whatever_the_user_chose(desk: Desk) -> None:
    labels = [
        task.label
        for task in tasks(
            desk,
            "<run>1</run><run name='run-3'>2</run><run>3</run><run>4</run>"
            "<run name='same'>5</run><run name='same'>6</run>",
        )
    ]

    assert labels[:2] == ["run-1", "run-3"]
    assert labels[4] == "same"
    assert len(set(labels)) == len(labels)


def test_a_comment_does_not_cut_a_command(desk: Desk) -> None:  # 1.3
    (run,) = tasks(desk, "<run>echo <!-- a -->one<?pi b?> <![CDATA[<two>]]>&#x33;</run>")

    assert isinstance(run, Run)
    assert run.command == "echo one <two>3"


def test_comments_may_stand_in_values_and_anywhere_else(desk: Desk) -> None:  # 1.3
    loaded = desk.load(
        """<?pi?><!-- a --><experiment><!-- b --><targets><!-- c -->
        <target name="s" type="ssh"><?pi?><host>a<!-- d -->b</host><port>2<!-- e -->2</port>
        </target></targets></experiment><!-- f -->"""
    )

    target = loaded.experiment.targets["s"]
    assert isinstance(target, SshTarget)
    assert (target.host, target.options.port) == ("ab", 22)


def test_a_line_is_where_the_start_tag_begins(desk: Desk) -> None:
    (run,) = tasks(desk, "\n\n<run\n  name='a'\n  timeout='PT1S'\n>x\ny</run>")

    assert run.at == Location("lab.xml", 3)


def test_a_command_of_many_megabytes_loads(desk: Desk) -> None:  # 6.2
    command = "echo 0123456789\n" * 1_000_000
    (run,) = tasks(desk, f"<run>{command}</run>")

    assert isinstance(run, Run)
    assert run.command == command


def test_both_spellings_of_copies_mean_the_same(desk: Desk) -> None:  # 6.3
    copies = tasks(
        desk,
        """<get source="a" destination="b"/>
        <get><source> a </source><destination>b</destination></get>
        <get source="a"><destination>b</destination></get>""",
    )

    for copy in copies:
        assert isinstance(copy, Get)
        assert (copy.source, copy.destination) == ("a", "b")


def test_a_document_without_steps_is_a_library_and_loads(desk: Desk) -> None:  # 1.2
    loaded = desk.load(
        "<experiment><targets><target name='a' type='local'/></targets></experiment>"
    )

    assert loaded.experiment.is_library
    assert loaded.warnings == ()


def test_a_call_can_be_told_to_fail(desk: Desk) -> None:  # 6.4
    call, plain = tasks(
        desk,
        "<call tasklist='t2' expected-status='1'/><call tasklist='t2'/></tasklist>"
        "<tasklist name='t2'>",
    )

    assert isinstance(call, Call)
    assert isinstance(plain, Call)
    assert (call.expects_success, plain.expects_success) == (False, None)


def test_a_document_of_the_whole_language_has_no_faults(desk: Desk) -> None:
    assert whole(desk).warnings == ()


def test_a_local_target_is_the_execution_host(desk: Desk) -> None:  # 4.1
    assert isinstance(whole(desk).experiment.targets["here"], LocalTarget)
