"""The dry run: a plan as text for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import assert_never

from gplmt.inventory import LocalAddress, Member, SliceAddress, SshAddress
from gplmt.language.steps import ForDuration, Iterations, Parameter, Sweep, Until
from gplmt.language.steps import Repeat as Times
from gplmt.language.tasks import (
    Call,
    Fail,
    Get,
    Par,
    Put,
    Run,
    Seq,
    Task,
    Tasklist,
    WaitFor,
)
from gplmt.language.values import OnError, in_words
from gplmt.planning.plan import (
    Barrier,
    Launch,
    Plan,
    PlanItem,
    Repeat,
    Teardown,
    reachable_tasklists,
    walk,
)

_INDENT = "  "
_MOST_NAMES = 8
_MOST_CHARACTERS = 72


def describe(plan: Plan) -> str:
    """Who does what and when, with a trailing newline; nothing is asked of any node."""
    lines = [f"experiment {plan.name} ({plan.at})"]
    if plan.timeout is not None:
        lines.append(f"{_INDENT}ends after {in_words(plan.timeout)} at the latest")
    lines += ["", "targets"]
    lines += (f"{_INDENT}{_node(member)}" for member in plan.members().values())
    lines += ["", "steps"]
    lines += _indented(_items(plan.items))
    lines += ["", "tasklists"]
    used = [item.tasklist for item in walk(plan.items) if isinstance(item, Launch | Teardown)]
    for tasklist in reachable_tasklists(plan.tasklists, used):
        lines += _indented(_tasklist(tasklist))
    return "\n".join(lines) + "\n"


def _items(items: tuple[PlanItem, ...]) -> Iterator[str]:
    for item in items:
        match item:
            case Launch():
                yield f"{item.name}: {item.tasklist} on {_names(item.members)}{_details(item)}"
            case Barrier(nodes=None):
                yield "synchronize"
            case Barrier():
                yield f"synchronize {_some(item.nodes or ())}"
            case Teardown():
                yield f"at the end: {item.tasklist} on {_names(item.members)}"
            case Repeat():
                disabled = "" if item.enabled else " (not enabled)"
                yield f"{item.label}: {_iterations(item.iterations)}{disabled}"
                yield from _indented(_items(item.body))


def _details(launch: Launch) -> str:
    details = [
        "" if launch.enabled else "not enabled",
        "in the background" if launch.background else "",
        "" if launch.start is None else f"starts {_moment(launch.start)}",
        "" if launch.stop is None else f"stops {_moment(launch.stop)}",
        f"at most {launch.max_parallel} at a time" if launch.max_parallel is not None else "",
        _quorum(launch),
        f"with {' '.join(launch.environment)}" if launch.environment else "",
    ]
    given = ", ".join(detail for detail in details if detail)
    return f" ({given})" if given else ""


def _quorum(launch: Launch) -> str:
    if launch.min_success is None:
        return ""
    if any(isinstance(member.node.address, SliceAddress) for member in launch.members):
        unit = "%" if launch.min_success.is_percentage else ""
        return f"{launch.min_success.amount:g}{unit} of the nodes must not fail"
    count = len(launch.members)
    return f"{launch.min_success.of(count)} of {count} must not fail"


def _moment(moment: timedelta | datetime) -> str:
    if isinstance(moment, timedelta):
        return f"after {in_words(moment)}"
    return f"at {moment.isoformat(sep=' ')}"


def _iterations(iterations: Iterations) -> str:
    match iterations:
        case Times():
            return f"{iterations.count} times"
        case ForDuration():
            return f"for {in_words(iterations.duration)}"
        case Until():
            return f"until {iterations.moment.isoformat(sep=' ')}"
        case Sweep():
            return "for each " + " and ".join(_values(one) for one in iterations.parameters)
        case _:
            assert_never(iterations)


def _values(parameter: Parameter) -> str:
    if isinstance(parameter.values, range):
        values = parameter.values
        if len(values) <= _MOST_NAMES:
            return f"{parameter.name} in {' '.join(str(value) for value in values) or '(nothing)'}"
        return f"{parameter.name} in {values[0]} {values[1]} ... {values[-1]}"
    return f"{parameter.name} in {_some(parameter.values) or '(nothing)'}"


def _tasklist(tasklist: Tasklist) -> Iterator[str]:
    details = [
        f"on-error {tasklist.on_error.value}"
        if tasklist.on_error is not OnError.STOP_TASKLIST
        else "",
        "" if tasklist.timeout is None else f"at most {in_words(tasklist.timeout)}",
        "" if tasklist.cleanup is None else f"cleanup {tasklist.cleanup}",
    ]
    given = ", ".join(detail for detail in details if detail)
    yield f"{tasklist.name} ({tasklist.at})" + (f": {given}" if given else "")
    yield from _indented(_tasks(tasklist.tasks))


def _tasks(tasks: tuple[Task, ...]) -> Iterator[str]:
    for task in tasks:
        disabled = "" if task.enabled else " (not enabled)"
        yield f"{_task(task)}{disabled}"
        if isinstance(task, Seq | Par):
            yield from _indented(_tasks(task.tasks))


def _task(task: Task) -> str:
    match task:
        case Run():
            return f"run {_text(task.command)}"
        case Put():
            return f"put {task.source} -> {task.destination}"
        case Get():
            return f"get {task.source} -> {task.destination}"
        case Call():
            expected = {None: "", True: ", which must succeed", False: ", which must fail"}
            return f"call {task.tasklist}{expected[task.expects_success]}"
        case Fail():
            return f"fail: {_text(task.status)}"
        case WaitFor():
            limit = f"for at most {in_words(task.timeout)}"
            if task.command is not None:
                return f"wait {limit} until {_text(task.command)}"
            return f"wait {limit} for port {task.port} of {task.host or 'the target itself'}"
        case Seq():
            return "seq"
        case Par():
            return "par" if task.max_parallel is None else f"par, {task.max_parallel} at a time"
        case _:
            assert_never(task)


def _node(member: Member) -> str:
    name, address = member.node.name, member.node.address
    match address:
        case LocalAddress():
            return f"{name}: local"
        case SshAddress():
            user = "" if address.options.user is None else f"{address.options.user}@"
            port = "" if address.options.port is None else f":{address.options.port}"
            return f"{name}: ssh {user}{address.host}{port}"
        case SliceAddress():
            return f"{name}: nodes of slice {address.slice_name}, asked of {address.api_url}"
        case _:
            assert_never(address)


def _names(members: tuple[Member, ...]) -> str:
    return _some(tuple(member.node.name for member in members)) or "no target"


def _some(names: tuple[str, ...]) -> str:
    """All names, or the first and how many there are."""
    if len(names) <= _MOST_NAMES:
        return " ".join(names)
    return f"{' '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"


def _text(command: str) -> str:
    """The first line of a command that says something, shortened."""
    lines = [line.strip() for line in command.splitlines() if line.strip()]
    if not lines:
        return "(nothing)"
    first = lines[0]
    is_cut = len(lines) > 1 or len(first) > _MOST_CHARACTERS
    return first[:_MOST_CHARACTERS] + (" ..." if is_cut else "")


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"{_INDENT}{line}" for line in lines)
