"""Tasklists as XML (LANGUAGE.md 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from gplmt.language.tasks import (
    Call,
    Fail,
    Get,
    Par,
    Put,
    Retries,
    Run,
    Seq,
    Task,
    Tasklist,
    WaitFor,
)
from gplmt.language.values import OnError
from gplmt.recording.markup import INDENT, Attribute, duration, element, flag, text_element
from gplmt.recording.paths import Paths


def render_tasklist(tasklist: Tasklist, paths: Paths, *, pad: str) -> list[str]:
    """The lines of a tasklist."""
    policy = tasklist.on_error
    attributes = (
        ("name", tasklist.name),
        ("on-error", None if policy is OnError.STOP_TASKLIST else policy.value),
        ("cleanup", tasklist.cleanup),
        ("timeout", duration(tasklist.timeout)),
    )
    children = _Renderer(paths).tasks(tasklist.tasks, pad + INDENT)
    return element(pad, "tasklist", attributes, children)


class _Renderer:
    """Renders the tasks of one tasklist; names only where they are not what gplmt would choose."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._rank = 0

    def tasks(self, tasks: Iterable[Task], pad: str) -> list[str]:
        return [line for task in tasks for line in self._task(task, pad)]

    def _task(self, task: Task, pad: str) -> list[str]:
        self._rank += 1
        match task:
            case Run():
                return text_element(pad, "run", task.command, self._run(task))
            case Put():
                source = self._paths.source(task.source, task.at)
                keep = ("keep", flag(task.keep, default=True))
                attributes = [*self._common("put", task), *_copy(task, source), keep]
                return element(pad, "put", attributes)
            case Get():
                attributes = [*self._common("get", task), *_copy(task, task.source)]
                return element(pad, "get", attributes)
            case Call():
                return element(pad, "call", [*self._common("call", task), *_call(task)])
            case Fail():
                attributes = [*self._common("fail", task), ("status", task.status)]
                return element(pad, "fail", attributes)
            case WaitFor():
                return self._wait_for(task, pad)
            case Seq():
                attributes = self._common("seq", task)
                return element(pad, "seq", attributes, self.tasks(task.tasks, pad + INDENT))
            case Par():
                most = task.max_parallel
                limit = ("max-parallel", None if most is None else str(most))
                attributes = [*self._common("par", task), limit]
                return element(pad, "par", attributes, self.tasks(task.tasks, pad + INDENT))
            case _:
                assert_never(task)

    def _common(self, tag: str, task: Task) -> list[Attribute]:
        is_automatic = task.label == f"{tag}-{self._rank}"
        return [
            ("name", None if is_automatic else task.label),
            ("enabled", flag(task.enabled, default=True)),
        ]

    def _run(self, task: Run) -> list[Attribute]:
        if task == Run(at=task.at, label=task.label, command=task.command):  # most are
            return self._common("run", task)
        statuses = task.expected_status
        return [
            *self._common("run", task),
            ("expected-status", None if statuses is None else " ".join(map(str, statuses))),
            ("timeout", duration(task.timeout)),
            *_retries(task.retries),
            ("stdin", self._paths.source(task.stdin, task.at)),
            ("directory", task.directory),
            ("stop-signal", None if task.stop_signal == "TERM" else task.stop_signal),
            ("leave-running", flag(task.leave_running, default=False)),
        ]

    def _wait_for(self, task: WaitFor, pad: str) -> list[str]:
        attributes = [
            *self._common("wait-for", task),
            ("timeout", duration(task.timeout)),
            ("interval", duration(task.interval)),
            ("host", task.host),
            ("port", None if task.port is None else str(task.port)),
        ]
        if task.command is None:
            return element(pad, "wait-for", attributes)
        return text_element(pad, "wait-for", task.command, attributes)


def _copy(task: Put | Get, source: str | None) -> list[Attribute]:
    return [
        ("source", source),
        ("destination", task.destination),
        ("timeout", duration(task.timeout)),
        *_retries(task.retries),
    ]


def _call(task: Call) -> list[Attribute]:
    expected = {None: None, True: "0", False: "1"}[task.expects_success]
    return [("tasklist", task.tasklist), ("expected-status", expected)]


def _retries(retries: Retries) -> list[Attribute]:
    return [
        ("retries", str(retries.count) if retries.count else None),
        ("retry-delay", duration(retries.delay) if retries.delay else None),
    ]
