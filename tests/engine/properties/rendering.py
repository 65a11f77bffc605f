"""Generated experiments as XML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import assert_never
from xml.sax.saxutils import quoteattr

from tests.engine.properties.model import (
    GROUPS,
    NODES,
    Barrier,
    Block,
    Call,
    Copy,
    Experiment,
    Fail,
    Item,
    Loop,
    Run,
    Step,
    Task,
    Tasklist,
    Teardown,
    WaitFor,
)
from tests.support.clock import START


def render(experiment: Experiment) -> str:
    """The document."""
    names = [tasklist.name for tasklist in experiment.tasklists]
    targets = "".join(_element("target", name=name, type="local") for name in NODES)
    for name, members in GROUPS.items():
        refs = "".join(_element("target", ref=member) for member in members)
        targets += _element("target", refs, name=name, type="group")
    tasklists = "".join(_tasklist(tasklist, names) for tasklist in experiment.tasklists)
    return _element(
        "experiment",
        f"<targets>{targets}</targets>\n<tasklists>{tasklists}</tasklists>\n"
        f"<steps>{_items(experiment.items, names)}</steps>",
        timeout=_duration(experiment.limit),
    )


def _element(
    tag: str,
    content: str = "",
    /,
    others: Mapping[str, object] | None = None,
    **attributes: object,
) -> str:
    given = "".join(
        f" {name.rstrip('_').replace('__', '-')}={quoteattr(str(value))}"
        for name, value in {**attributes, **(others or {})}.items()
        if value is not None
    )
    return f"<{tag}{given}>{content}</{tag}>\n"


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else f"PT{seconds:g}S"


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else (START + timedelta(seconds=seconds)).isoformat()


def _enabled(flag: bool) -> str | None:
    return None if flag else "false"


def _tasklist(tasklist: Tasklist, names: Sequence[str]) -> str:
    return _element(
        "tasklist",
        "".join(_task(task, names) for task in tasklist.tasks),
        name=tasklist.name,
        on__error=tasklist.on_error,
        cleanup=None if tasklist.cleanup is None else names[tasklist.cleanup],
        timeout=_duration(tasklist.limit),
    )


def _task(task: Task, names: Sequence[str]) -> str:
    enabled = _enabled(task.enabled)
    match task:
        case Run():
            return _element(
                "run",
                task.command,
                name=task.name,
                enabled=enabled,
                expected__status=task.expected,
                timeout=_duration(task.limit),
                others=_retries(task),
            )
        case WaitFor():
            return _element(
                "wait-for",
                "" if task.is_port else task.command,
                name=task.name,
                enabled=enabled,
                host=task.command if task.is_port else None,
                port=1 if task.is_port else None,
                timeout=_duration(task.limit),
                interval=_duration(task.interval),
            )
        case Copy():
            return _element(
                "put" if task.is_put else "get",
                name=task.name,
                enabled=enabled,
                source="f" if task.is_put else task.path,
                destination=task.path if task.is_put else f".{task.path}",
                keep="false" if task.is_put and not task.keep else None,
                timeout=_duration(task.limit),
                others=_retries(task),
            )
        case Call():
            expected = {None: None, True: 0, False: 1}[task.expects_success]
            return _element(
                "call",
                name=task.name,
                enabled=enabled,
                tasklist=names[task.tasklist],
                expected__status=expected,
            )
        case Fail():
            return _element("fail", name=task.name, enabled=enabled, status="why")
        case Block():
            return _element(
                "par" if task.is_par else "seq",
                "".join(_task(inner, names) for inner in task.tasks),
                name=task.name,
                enabled=enabled,
                max__parallel=task.max_parallel if task.is_par else None,
            )
        case _:
            assert_never(task)


def _retries(task: Run | Copy) -> dict[str, object]:
    if not task.retries:
        return {}
    return {"retries": task.retries, "retry__delay": _duration(task.delay)}


def _items(items: Sequence[Item], names: Sequence[str]) -> str:
    return "".join(_item(item, names) for item in items)


def _item(item: Item, names: Sequence[str]) -> str:
    match item:
        case Step():
            return _step(item, names)
        case Barrier():
            targets = None if item.targets is None else " ".join(item.targets)
            return _element("synchronize", targets=targets)
        case Teardown():
            value = "" if item.value is None else _element("export-env", var="E", value=item.value)
            return _element(
                "register-teardown",
                value,
                tasklist=names[item.tasklist],
                targets=" ".join(item.targets),
            )
        case Loop():
            return _loop(item, names)


def _step(step: Step, names: Sequence[str]) -> str:
    start = {"start_absolute" if step.start_is_absolute else "start_relative": step.start}
    stop = {"stop_absolute" if step.stop_is_absolute else "stop_relative": step.stop}
    times = {
        name: _moment(seconds) if name.endswith("absolute") else _duration(seconds)
        for name, seconds in (start | stop).items()
    }
    return _element(
        "step",
        name=step.name,
        tasklist=names[step.tasklist],
        targets=" ".join(step.targets),
        background="true" if step.background else None,
        max__parallel=step.max_parallel,
        min__success=step.min_success,
        enabled=_enabled(step.enabled),
        others=times,
    )


def _loop(loop: Loop, names: Sequence[str]) -> str:
    ways: dict[str, object] = {
        "repeat": loop.times,
        "duration": _duration(loop.duration),
        "until": _moment(loop.until),
    }
    parameters = ""
    if len(loop.sweep) == 1:
        ways |= {"list": _elements(loop.sweep[0]), "param": "P0"}
    else:
        for rank, values in enumerate(loop.sweep):
            parameters += _element("param", name=f"P{rank}", list=_elements(values))
    return _element(
        "loop", parameters + _items(loop.body, names), enabled=_enabled(loop.enabled), others=ways
    )


def _elements(values: Sequence[str]) -> str:
    return " ".join(values) or "5:1"  # a range that is empty
