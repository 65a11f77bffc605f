"""What a run owes is written down before it does, and struck out when it has been done."""

from __future__ import annotations

from gplmt.errors import ConnectError, ConnectionLostError
from gplmt.obligations import (
    CleanupDue,
    FilesToRemove,
    Obligation,
    TeardownDue,
    UnfinishedFiles,
)
from gplmt.transports.fake import Script
from tests.support.lab import Lab, Result, experiment

CLEAN = '<tasklist name="clean"><run>tidy</run></tasklist>'
DOWN = '<tasklist name="down"><run>undo</run></tasklist>'
REGISTER = '<register-teardown tasklist="down" targets="n1 n2"/>'


def kinds(result: Result) -> list[str]:
    """What was said, in short."""
    return [
        type(each).__name__ if isinstance(each, Obligation) else f"done {each}"
        for each in result.ledger.said
    ]


def test_a_cleanup_is_owed_from_the_first_task_on_until_it_has_ended(lab: Lab) -> None:
    result = lab.run_tasks(
        "<run>one</run><run>two</run>", attributes='cleanup="clean"', others=CLEAN
    )
    due, settled = result.ledger.said
    assert isinstance(due, CleanupDue)
    assert (due.tasklist, due.target, due.step) == ("clean", "n1", "step-1")
    assert due.variables["GPLMT_TARGET"] == "n1"
    assert settled == due.key


def test_a_cleanup_is_not_owed_before_anything_was_done(lab: Lab) -> None:
    result = lab.run_tasks(
        '<run enabled="false">one</run>', attributes='cleanup="clean"', others=CLEAN
    )
    assert result.ledger.said == []


def test_a_cleanup_that_fails_has_been_done(lab: Lab) -> None:
    lab.fails("tidy", status=3)
    others = CLEAN.replace("<run>", '<run expected-status="0">')
    result = lab.run_tasks("<run>one</run>", attributes='cleanup="clean"', others=others)
    assert result.exit_code == 1
    assert kinds(result)[0] == "CleanupDue"
    assert not result.ledger.pressing


def test_a_cleanup_on_a_node_that_is_lost_stays_owed(lab: Lab) -> None:
    lab.breaks("tidy", ConnectionLostError("gone"))
    result = lab.run_tasks("<run>one</run>", attributes='cleanup="clean"', others=CLEAN)
    assert kinds(result) == ["CleanupDue"]
    assert [each.key for each in result.ledger.pressing] == ["cleanup 3"]


def test_an_attempt_that_a_retry_made_good_is_no_loss(lab: Lab) -> None:
    lab.script("tidy", Script(error=ConnectionLostError("gone")), Script())
    others = CLEAN.replace("<run>", '<run retries="1">')
    result = lab.run_tasks("<run>one</run>", attributes='cleanup="clean"', others=others)
    assert not result.ledger.pressing


def test_the_cleanup_of_a_background_step_is_known_as_such(lab: Lab) -> None:
    tasklists = f'<tasklist name="serve" cleanup="clean"><run>serve</run></tasklist>{CLEAN}'
    lab.takes("serve", 100)
    result = lab.run(
        experiment(
            tasklists=tasklists, steps='<step tasklist="serve" targets="n1" background="true"/>'
        )
    )
    due = result.ledger.said[0]
    assert isinstance(due, CleanupDue)
    assert due.background


def test_a_teardown_is_owed_for_each_target_and_secured_before_the_next_step(lab: Lab) -> None:
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=DOWN + '<tasklist name="t"><run>work</run></tasklist>',
            steps=f'{REGISTER}<step tasklist="t" targets="n1"/>',
        )
    )
    assert kinds(result)[:2] == ["TeardownDue", "TeardownDue"]
    assert result.ledger.secured_at == [2]
    assert set(kinds(result)[2:]) == {"done teardown-1 n1", "done teardown-1 n2"}


def test_a_teardown_has_the_variables_of_its_moment_and_secrets_by_name(lab: Lab) -> None:
    lab.host_environment["TAKEN"] = "from outside"
    steps = """<loop param="X" list="7 8"><register-teardown tasklist="down" targets="n1">
        <export-env var="TAKEN"/><export-env var="LEVEL" value="$3"/></register-teardown></loop>"""
    result = lab.run(experiment(tasklists=DOWN, steps=steps))
    dues = [each for each in result.ledger.said if isinstance(each, TeardownDue)]
    assert [due.variables["X"] for due in dues] == ["7", "8"]
    assert {due.variables["LEVEL"] for due in dues} == {"$3"}
    assert {due.host_variables for due in dues} == {("TAKEN",)}
    assert all("TAKEN" not in due.variables for due in dues)
    assert [each["TAKEN"] for each in result.environments("undo")] == ["from outside"] * 2


def test_a_teardown_stays_owed_where_the_node_could_not_be_reached(lab: Lab) -> None:
    lab.script("undo", Script(error=ConnectError("refused")), target="n2")
    result = lab.run(experiment(targets="n1 n2", tasklists=DOWN, steps=REGISTER))
    assert result.exit_code == 1
    assert [each.key for each in result.ledger.pressing] == ["teardown-1 n2"]


def test_a_teardown_that_stops_itself_has_been_run(lab: Lab) -> None:
    lab.fails("undo", target="n1")
    lab.takes("undo", 50, target="n2")
    down = """<tasklist name="down" on-error="stop-step"><run expected-status="0">undo</run>
        </tasklist>"""
    result = lab.run(experiment(targets="n1 n2", tasklists=down, steps=REGISTER))
    assert result.exit_code == 1
    assert not result.ledger.pressing


def test_what_a_second_signal_has_skipped_stays_owed(lab: Lab) -> None:
    lab.takes("work", 10)
    lab.takes("tidy", 10)
    lab.interrupt(1, 2)
    result = lab.run(
        experiment(
            targets="n1 n2",
            tasklists=f'<tasklist name="t" cleanup="clean"><run>work</run></tasklist>{CLEAN}{DOWN}',
            steps=f'{REGISTER}<step tasklist="t" targets="n1"/>',
        )
    )
    assert result.exit_code == 130
    assert [type(each) for each in result.ledger.pressing] == [
        TeardownDue,
        TeardownDue,
        CleanupDue,
    ]


def test_a_put_tells_what_it_makes_and_its_end_removes_it(lab: Lab) -> None:
    lab.write("a")
    result = lab.run_tasks('<put source="a" destination="/b" keep="false"/>')
    assert kinds(result) == [
        "UnfinishedFiles",
        "FilesToRemove",
        "done copy 4.1 unfinished",
        "done copy 4.1 files 1",
    ]
    assert result.ledger.secured_at == [2]
    assert result.transport.removed == [("n1", ("/b",))]


def test_a_put_that_keeps_its_copy_and_a_get_owe_only_what_is_unfinished(lab: Lab) -> None:
    lab.write("a")
    result = lab.run_tasks('<put source="a" destination="/b"/><get source="/b" destination="c"/>')
    assert [each for each in result.ledger.said if isinstance(each, FilesToRemove)] == []
    unfinished = [each for each in result.ledger.said if isinstance(each, UnfinishedFiles)]
    assert [each.target for each in unfinished] == ["n1", None]


def test_a_put_that_fails_owes_nothing(lab: Lab) -> None:
    lab.write("a")
    lab.fails(f"put {lab.directory}/a /b")
    result = lab.run_tasks('<put source="a" destination="/b" keep="false"/>')
    assert result.exit_code == 1
    assert not result.ledger.pressing
    assert result.transport.removed == []


def test_a_loop_owes_no_more_and_more(lab: Lab) -> None:
    lab.write("a")
    main = """<tasklist name="t" cleanup="clean"><run>work</run>
        <put source="a" destination="/b"/></tasklist>"""
    steps = f'<loop repeat="50">{REGISTER}<step tasklist="t" targets="n1"/></loop>'
    result = lab.run(experiment(targets="n1 n2", tasklists=main + CLEAN + DOWN, steps=steps))
    most = owed = 0
    for each in result.ledger.said:
        owed += 1 if isinstance(each, Obligation) else -1
        most = max(most, owed)
    assert most <= 5
