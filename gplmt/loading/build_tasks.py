"""Elements to tasklists and tasks (LANGUAGE.md 6 and 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from gplmt.element import Element
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
from gplmt.language.values import NAME_MAX_CHARACTERS, XML_SPACE, OnError
from gplmt.loading import grammar, readings
from gplmt.loading.admission import admit
from gplmt.loading.context import Context

_WAIT_TIMEOUT = timedelta(seconds=30)
_WAIT_INTERVAL = timedelta(seconds=0.5)
_NO_RETRIES = Retries()
_MAX_LABEL_WORD = NAME_MAX_CHARACTERS - len("-1000000")  # a label is a name, number included


def build_tasklists(element: Element, context: Context) -> list[Tasklist]:
    """The tasklists that stand in `<tasklists>`."""
    element = admit(element, grammar.TASKLISTS, context)
    return [_tasklist(child, context) for child in element.children]


def _tasklist(element: Element, context: Context) -> Tasklist:
    element = admit(element, grammar.TASKLIST, context)
    value, faults = element.value, context.faults
    name = value("name", readings.name, faults)
    if name is None:
        name = context.note_bad_name(element)
        context.has_nameless_tasklist |= not name
    return Tasklist(
        at=element.at,
        name=name,
        tasks=_Builder(context, element).tasks(element),
        on_error=value("on-error", readings.on_error, faults) or OnError.STOP_TASKLIST,
        cleanup=value("cleanup", readings.reference, faults),
        timeout=value("timeout", readings.positive_duration, faults),
    )


class _Builder:
    """Builds the tasks of one tasklist and gives each its label, unique there."""

    def __init__(self, context: Context, tasklist: Element) -> None:
        self._context = context
        self._faults = context.faults
        self._count = 0
        self._taken = set(_names(tasklist))
        self._given: set[str] = set()
        self._next_of_tags: dict[str, int] = {}  # the lowest number that may be free
        self._next_of_names: dict[str, int] = {}
        self._builders: dict[str, Callable[[Element], Task]] = {
            "run": self._run,
            "put": self._put,
            "get": self._get,
            "call": self._call,
            "fail": self._fail,
            "wait-for": self._wait_for,
            "seq": self._seq,
            "par": self._par,
        }

    def tasks(self, element: Element) -> tuple[Task, ...]:
        builders = self._builders
        return tuple([builders[child.tag](child) for child in element.children])

    def _label(self, element: Element) -> str:
        name = element.value("name", readings.name, self._faults)
        if name is None:
            return self._next_label(element.tag)
        self._count += 1
        if name in self._given:  # valid in the original language
            return self._unused(name, 2, self._next_of_names)
        self._given.add(name)
        return name

    def _next_label(self, tag: str) -> str:
        self._count += 1
        return self._unused(tag, self._count, self._next_of_tags)

    def _unused(self, word: str, number: int, following: dict[str, int]) -> str:
        """A label with this number, or a higher one that is not taken; then it is."""
        word = word[:_MAX_LABEL_WORD]
        number = max(number, following.get(word, 0))
        while (label := f"{word}-{number}") in self._taken:
            number += 1
        following[word] = number + 1
        self._taken.add(label)
        return label

    def _is_enabled(self, element: Element) -> bool:
        return element.value("enabled", readings.boolean, self._faults) is not False

    def _run(self, element: Element) -> Run:
        if not element.attributes and not element.children:  # most runs
            return Run(at=element.at, label=self._next_label("run"), command=element.text)
        element = admit(element, grammar.RUN, self._context)
        value, faults = element.value, self._faults
        return Run(
            at=element.at,
            label=self._label(element),
            command=element.text,
            expected_status=value("expected-status", readings.statuses, faults),
            timeout=value("timeout", readings.positive_duration, faults),
            retries=self._retries(element),
            stdin=value("stdin", readings.path, faults),
            directory=value("directory", readings.plain_path, faults),
            stop_signal=value("stop-signal", readings.stop_signal, faults) or "TERM",
            leave_running=value("leave-running", readings.boolean, faults) or False,
            enabled=self._is_enabled(element),
        )

    def _retries(self, element: Element) -> Retries:
        count = element.value("retries", readings.count, self._faults)
        delay = element.value("retry-delay", readings.duration, self._faults)
        if count is None and delay is None:
            return _NO_RETRIES
        return Retries(count=count or 0, delay=delay or timedelta())

    def _put(self, element: Element) -> Put:
        element = admit(element, grammar.PUT, self._context)
        return Put(
            at=element.at,
            label=self._label(element),
            source=self._end(element, "source"),
            destination=self._end(element, "destination"),
            keep=element.value("keep", readings.boolean, self._faults) is not False,
            timeout=element.value("timeout", readings.positive_duration, self._faults),
            retries=self._retries(element),
            enabled=self._is_enabled(element),
        )

    def _get(self, element: Element) -> Get:
        element = admit(element, grammar.GET, self._context)
        return Get(
            at=element.at,
            label=self._label(element),
            source=self._end(element, "source"),
            destination=self._end(element, "destination"),
            timeout=element.value("timeout", readings.positive_duration, self._faults),
            retries=self._retries(element),
            enabled=self._is_enabled(element),
        )

    def _end(self, element: Element, name: str) -> str:
        """The source or destination of a copy, written as attribute or child."""
        child = next((child for child in element.children if child.tag == name), None)
        if child is None:
            if name not in element.attributes:
                problem = f"<{element.tag}> has no {name}, which it needs"
                self._faults.error(element.at, problem, "write it as attribute or child element")
            return element.value(name, readings.path, self._faults) or ""
        if name in element.attributes:
            problem = f"<{element.tag}> has a {name} as attribute and as child element"
            self._faults.error(child.at, problem, "remove one of them")
        child = admit(child, grammar.TEXT, self._context)
        return child.content(readings.path, self._faults) or ""

    def _call(self, element: Element) -> Call:
        element = admit(element, grammar.CALL, self._context)
        tasklist = element.value("tasklist", readings.reference, self._faults)
        self._context.has_blank_reference |= tasklist is None
        return Call(
            at=element.at,
            label=self._label(element),
            tasklist=tasklist or "",
            expects_success=element.value("expected-status", readings.call_status, self._faults),
            enabled=self._is_enabled(element),
        )

    def _fail(self, element: Element) -> Fail:
        element = admit(element, grammar.FAIL, self._context)
        return Fail(
            at=element.at,
            label=self._label(element),
            status=element.attributes.get("status", ""),
            enabled=self._is_enabled(element),
        )

    def _wait_for(self, element: Element) -> WaitFor:
        element = admit(element, grammar.WAIT_FOR, self._context)
        value, faults = element.value, self._faults
        self._check_what_is_waited_for(element)
        return WaitFor(
            at=element.at,
            label=self._label(element),
            command=None if "port" in element.attributes else element.text,
            host=value("host", readings.word, faults),
            port=value("port", readings.port, faults),
            timeout=value("timeout", readings.positive_duration, faults) or _WAIT_TIMEOUT,
            interval=value("interval", readings.positive_duration, faults) or _WAIT_INTERVAL,
            enabled=self._is_enabled(element),
        )

    def _check_what_is_waited_for(self, element: Element) -> None:
        has_port, has_command = "port" in element.attributes, bool(element.text.strip(XML_SPACE))
        if has_port and has_command:
            problem = "<wait-for> has both a command and a port"
            self._faults.error(element.at, problem, "write two of them, one for each")
        elif not has_port and "host" in element.attributes:
            self._faults.error(element.at, "<wait-for> has a host, but no port")
        elif not has_port and not has_command:
            problem = "<wait-for> has nothing to wait for"
            self._faults.error(element.at, problem, "write a command into it, or a port")

    def _seq(self, element: Element) -> Seq:
        element = admit(element, grammar.SEQ, self._context)
        return Seq(
            at=element.at,
            label=self._label(element),
            enabled=self._is_enabled(element),
            tasks=self.tasks(element),
        )

    def _par(self, element: Element) -> Par:
        element = admit(element, grammar.PAR, self._context)
        return Par(
            at=element.at,
            label=self._label(element),
            max_parallel=element.value("max-parallel", readings.positive_count, self._faults),
            enabled=self._is_enabled(element),
            tasks=self.tasks(element),
        )


def _names(element: Element) -> Iterator[str]:
    """The names that the tasks in an element have, at any depth."""
    for child in element.children:
        if "name" in child.attributes:
            yield child.attributes["name"].strip(XML_SPACE)
        if child.children:
            yield from _names(child)
