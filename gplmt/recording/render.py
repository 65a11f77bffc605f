"""An experiment as one XML document, its includes resolved: what `experiment.xml` holds.

The document loads again and means the same on the same machine, with these differences, which
are there on purpose or cannot be helped:

- secrets are left out, and asked of whoever runs it (`gplmt.recording.masking`);
- what lay beside a document is named by its absolute path (`gplmt.recording.paths`);
- names that an include's prefix made longer than 100 characters are refused (LANGUAGE.md 2.1);
- steps of included documents, which were not run, are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never

from gplmt import __version__
from gplmt.language.experiment import Experiment
from gplmt.language.steps import (
    ForDuration,
    Item,
    Iterations,
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
from gplmt.recording.markup import (
    INDENT,
    Attribute,
    comment,
    date_time,
    duration,
    element,
    flag,
    number,
    text_element,
)
from gplmt.recording.paths import Paths
from gplmt.recording.render_targets import render_environment, render_targets
from gplmt.recording.render_tasks import render_tasklist


def render(experiment: Experiment, *, directory: Path) -> str:
    """The document; `directory` (absolute) is where gplmt was started."""
    paths = Paths(directory)
    tasklists = [
        line
        for tasklist in experiment.tasklists.values()
        for line in render_tasklist(tasklist, paths, pad=INDENT * 2)
    ]
    description = experiment.description
    children = [
        *([] if description is None else text_element(INDENT, "description", description)),
        *render_targets(experiment.targets, paths, pad=INDENT),
        *element(INDENT, "tasklists", (), tasklists),
        *element(INDENT, "steps", (), _Renderer().items(experiment.steps, INDENT * 2)),
    ]
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        comment("", f"The experiment of this run, its includes resolved, by gplmt {__version__}"),
        *element("", "experiment", (("timeout", duration(experiment.timeout)),), children),
    ]
    return "\n".join(lines) + "\n"


class _Renderer:
    """Renders the items of a body; steps are named only where gplmt would name them otherwise."""

    def __init__(self) -> None:
        self._rank = 0

    def items(self, items: Iterable[Item], pad: str) -> list[str]:
        return [line for item in items for line in self._item(item, pad)]

    def _item(self, item: Item, pad: str) -> list[str]:
        match item:
            case Step():
                self._rank += 1
                environment = render_environment(item.environment, pad=pad + INDENT)
                return element(pad, "step", self._step(item), environment)
            case Synchronize():
                words = None if item.targets is None else " ".join(item.targets)
                return element(pad, "synchronize", (("targets", words),))
            case RegisterTeardown():
                attributes = (("tasklist", item.tasklist), ("targets", " ".join(item.targets)))
                environment = render_environment(item.environment, pad=pad + INDENT)
                return element(pad, "register-teardown", attributes, environment)
            case Loop():
                return self._loop(item, pad)
            case _:
                assert_never(item)

    def _step(self, step: Step) -> list[Attribute]:
        attributes: list[Attribute] = [
            ("tasklist", step.tasklist),
            ("targets", " ".join(step.targets)),
        ]
        if step.name != f"step-{self._rank}":
            attributes.insert(0, ("name", step.name))
        return attributes if _is_plain(step) else attributes + _options(step)

    def _loop(self, loop: Loop, pad: str) -> list[str]:
        inner = pad + INDENT
        enabled = ("enabled", flag(loop.enabled, default=True))
        children = [
            *_parameters(loop.iterations, inner),
            *render_environment(loop.environment, pad=inner),
            *self.items(loop.body, inner),
        ]
        return element(pad, "loop", (*_iterations(loop.iterations), enabled), children)


def _is_plain(step: Step) -> bool:
    """Whether all options have their defaults, as those of a hundred thousand steps have."""
    return (
        step.enabled
        and not step.background
        and step.start is None
        and step.stop is None
        and step.max_parallel is None
        and step.min_success is None
    )


def _options(step: Step) -> list[Attribute]:
    return [
        ("background", flag(step.background, default=False)),
        _moment("start", step.start),
        _moment("stop", step.stop),
        ("max-parallel", number(step.max_parallel)),
        ("min-success", _min_success(step.min_success)),
        ("enabled", flag(step.enabled, default=True)),
    ]


def _moment(edge: str, moment: timedelta | datetime | None) -> Attribute:
    if isinstance(moment, datetime):
        return f"{edge}_absolute", date_time(moment)
    return f"{edge}_relative", duration(moment)


def _min_success(least: MinSuccess | None) -> str | None:
    if least is None:
        return None
    return f"{number(least.amount)}%" if least.is_percentage else number(least.amount)


def _iterations(iterations: Iterations) -> tuple[Attribute, ...]:
    match iterations:
        case Repeat():
            return (("repeat", str(iterations.count)),)
        case ForDuration():
            return (("duration", duration(iterations.duration)),)
        case Until():
            return (("until", date_time(iterations.moment)),)
        case Sweep():
            return ()
        case _:
            assert_never(iterations)


def _parameters(iterations: Iterations, pad: str) -> list[str]:
    if not isinstance(iterations, Sweep):
        return []
    return [
        line
        for parameter in iterations.parameters
        for line in element(pad, "param", (("name", parameter.name), ("list", _list(parameter))))
    ]


def _list(parameter: Parameter) -> str:
    values = parameter.values
    if not isinstance(values, range):
        return " ".join(values)
    last = values.stop - (1 if values.step > 0 else -1)
    return f"{values.start}:{last}:{values.step}"
