"""Elements to steps, loops, barriers and teardowns (LANGUAGE.md 8 and 9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from gplmt.element import Element
from gplmt.language.steps import (
    ForDuration,
    Item,
    Iterations,
    Loop,
    Parameter,
    RegisterTeardown,
    Repeat,
    Step,
    Sweep,
    Synchronize,
    Until,
)
from gplmt.language.values import XML_SPACE
from gplmt.loading import grammar, readings
from gplmt.loading.admission import admit
from gplmt.loading.build_targets import build_environment
from gplmt.loading.context import Context

_WAYS = ("repeat", "duration", "until", "list")


def build_steps(element: Element, context: Context) -> tuple[Item, ...]:
    """The items that stand in `<steps>`."""
    element = admit(element, grammar.STEPS, context)
    return _Builder(context).items(element)


class _Builder:
    """Builds the items of one document, counting steps and loops for their names."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._faults = context.faults
        self._step_count = 0
        self._loop_count = 0
        self._builders: dict[str, Callable[[Element], Item]] = {
            "step": self._step,
            "synchronize": self._synchronize,
            "register-teardown": self._register_teardown,
            "loop": self._loop,
        }

    def items(self, element: Element) -> tuple[Item, ...]:
        builders = self._builders
        return tuple(
            [builders[child.tag](child) for child in element.children if child.tag in builders]
        )

    def _step(self, element: Element) -> Step:
        self._step_count += 1
        step = self._plain_step(element)
        if step is not None:
            return step
        element = admit(element, grammar.STEP, self._context)
        value, faults = element.value, self._faults
        return Step(
            at=element.at,
            name=value("name", readings.name, faults) or f"step-{self._step_count}",
            tasklist=self._tasklist(element),
            targets=self._targets(element) or (),
            background=value("background", readings.boolean, faults) or False,
            start=self._moment(element, "start"),
            stop=self._moment(element, "stop"),
            max_parallel=value("max-parallel", readings.positive_count, faults),
            min_success=value("min-success", readings.min_success, faults),
            environment=build_environment(element, self._context),
            enabled=self._is_enabled(element),
        )

    def _plain_step(self, element: Element) -> Step | None:
        """A step with nothing but its tasklist and targets, as most are: thus they load fast."""
        tasklist, targets = element.attributes.get("tasklist"), element.attributes.get("targets")
        if tasklist is None or targets is None or len(element.attributes) != 2:
            return None
        if element.children or element.stray is not None:
            return None
        try:
            return Step(
                at=element.at,
                name=f"step-{self._step_count}",
                tasklist=readings.reference(tasklist),
                targets=readings.references(targets),
            )
        except ValueError:
            return None

    def _tasklist(self, element: Element) -> str:
        tasklist = element.value("tasklist", readings.reference, self._faults)
        self._context.has_blank_reference |= tasklist is None
        return tasklist or ""

    def _targets(self, element: Element) -> tuple[str, ...] | None:
        targets = element.value("targets", readings.references, self._faults)
        self._context.has_blank_reference |= targets is None
        return targets

    def _is_enabled(self, element: Element) -> bool:
        return element.value("enabled", readings.boolean, self._faults) is not False

    def _moment(self, element: Element, edge: str) -> timedelta | datetime | None:
        """When a step starts or stops, relative or absolute."""
        relative, absolute = f"{edge}_relative", f"{edge}_absolute"
        if relative in element.attributes and absolute in element.attributes:
            problem = f"<step> has both '{relative}' and '{absolute}'"
            self._faults.error(element.at, problem, "remove one of them")
        delay = element.value(relative, readings.duration, self._faults)
        moment = element.value(absolute, readings.moment, self._faults)
        return moment if delay is None else delay

    def _synchronize(self, element: Element) -> Synchronize:
        element = admit(element, grammar.SYNCHRONIZE, self._context)
        if "targets" not in element.attributes:
            return Synchronize(at=element.at)
        return Synchronize(at=element.at, targets=self._targets(element))

    def _register_teardown(self, element: Element) -> RegisterTeardown:
        element = admit(element, grammar.REGISTER_TEARDOWN, self._context)
        return RegisterTeardown(
            at=element.at,
            tasklist=self._tasklist(element),
            targets=self._targets(element) or (),
            environment=build_environment(element, self._context),
        )

    def _loop(self, element: Element) -> Loop:
        element = admit(element, grammar.LOOP, self._context)
        self._loop_count += 1
        loop = Loop(
            at=element.at,
            label=f"loop-{self._loop_count}",
            iterations=self._iterations(element),
            environment=build_environment(element, self._context),
            enabled=self._is_enabled(element),
            body=self.items(element),
        )
        self._check_progress(loop)
        return loop

    def _iterations(self, element: Element) -> Iterations:
        """The one way in which the loop repeats; no iteration at all where that is not known."""
        self._check_ways(element)
        value, faults = element.value, self._faults
        parameters = self._parameters(element)
        duration = value("duration", readings.duration, faults)
        until = value("until", readings.moment, faults)
        if parameters:
            return Sweep(parameters=parameters)
        if duration is not None:
            return ForDuration(duration=duration)
        if until is not None:
            return Until(moment=until)
        return Repeat(count=value("repeat", readings.count, faults) or 0)

    def _check_ways(self, element: Element) -> None:
        ways = [f"'{way}'" for way in _WAYS if way in element.attributes]
        if any(child.tag == "param" for child in element.children):
            ways.append("<param>")
        choice = "it takes one of 'repeat', 'duration', 'until', 'list' with 'param', or <param>"
        if len(ways) > 1:
            problem = f"<loop> says in several ways how often: {', '.join(ways)}"
            self._faults.error(element.at, problem, choice)
        elif not ways and "param" not in element.attributes:
            self._faults.error(element.at, "<loop> does not say how often", choice)
        if ("list" in element.attributes) != ("param" in element.attributes):
            given, absent = sorted(
                ("list", "param"), key=lambda name: name not in element.attributes
            )
            problem = f"<loop> has a '{given}', but no '{absent}'"
            self._faults.error(element.at, problem, "each needs the other")

    def _parameters(self, element: Element) -> tuple[Parameter, ...]:
        parameters = [
            self._parameter(admit(child, grammar.PARAM, self._context), "name")
            for child in element.children
            if child.tag == "param"
        ]
        if "list" in element.attributes or "param" in element.attributes:
            parameters.append(self._parameter(element, "param"))
        names = Counter(parameter.name for parameter in parameters if parameter.name)
        for name, count in names.items():
            if count > 1:
                self._faults.error(element.at, f"<loop> has several parameters '{name}'")
        return tuple(parameters)

    def _parameter(self, element: Element, name_attribute: str) -> Parameter:
        name = element.value(name_attribute, readings.variable, self._faults)
        if name is None:
            name = element.attributes.get(name_attribute, "").strip(XML_SPACE)
            self._context.has_nameless_variable |= not name
        values = element.value("list", readings.elements, self._faults)
        if not isinstance(values, range):
            values = tuple(values or ())
        return Parameter(name=name, values=values)

    def _check_progress(self, loop: Loop) -> None:
        """Refuse a loop that would spin without doing anything (LANGUAGE.md 9.2)."""
        if isinstance(loop.iterations, ForDuration | Until) and not _does_something(loop.body):
            problem = "<loop> has nothing to do until its time is over"
            self._faults.error(loop.at, problem, "put a step into it, or remove it")


def _does_something(body: tuple[Item, ...]) -> bool:
    return any(
        item.enabled and (isinstance(item, Step) or _does_something(item.body))
        for item in body
        if isinstance(item, Step | Loop)
    )
