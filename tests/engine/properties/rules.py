"""All rules that a run is held to."""

from __future__ import annotations

from collections.abc import Callable

from tests.engine.properties import rules_of_endings as endings
from tests.engine.properties import rules_of_nodes as nodes
from tests.engine.properties import rules_of_steps as steps
from tests.engine.properties import rules_of_stops as stops
from tests.engine.properties import rules_of_tasks as tasks
from tests.engine.properties.case import Case
from tests.engine.properties.running import Ran

RULES: tuple[Callable[[Case], None], ...] = (
    nodes.no_command_outlives_its_task,
    nodes.commands_are_those_of_the_document,
    nodes.nothing_is_asked_once_a_task_is_over,
    tasks.tasks_run_in_their_order,
    tasks.what_is_well_has_run_all_its_tasks,
    tasks.failures_stop_branches,
    tasks.tasklists_end_like_their_tasks,
    tasks.calls_ask_for_what_they_say,
    tasks.what_is_not_enabled_is_skipped,
    tasks.attempts_are_as_many_as_asked_for,
    tasks.commands_decide_how_their_tasks_end,
    stops.cleanups_run_once,
    stops.what_is_stopped_was_stopped_by_something_around_it,
    stops.timeouts_are_kept,
    stops.the_foreground_ends_in_time,
    stops.failures_stop_what_they_say,
    steps.steps_keep_to_their_times,
    steps.quorums_decide,
    steps.bodies_are_walked_in_order,
    steps.iterations_follow_one_another,
    endings.the_exit_code_tells_the_truth,
    endings.teardowns_run_in_order_once,
    endings.teardowns_are_those_of_the_document,
    endings.background_steps_outlive_the_teardowns,
    endings.nothing_begins_after_a_second_signal,
    endings.signals_and_stops_have_their_words,
    endings.no_copy_is_kept_that_should_go,
    endings.what_runs_leave_is_told_of,
)


def check(ran: Ran) -> None:
    """Raise AssertionError for the first rule that was broken."""
    case = Case(ran)
    for rule in RULES:
        rule(case)
