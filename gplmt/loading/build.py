"""The root element to a draft: what one document says, before includes are merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

from msgspec import Struct

from gplmt.diagnostics import Location
from gplmt.element import Element
from gplmt.language.steps import Item
from gplmt.language.targets import GroupTarget, Target, TargetRef
from gplmt.language.tasks import Tasklist
from gplmt.language.values import XML_SPACE
from gplmt.loading import grammar, readings
from gplmt.loading.admission import admit
from gplmt.loading.build_steps import build_steps
from gplmt.loading.build_targets import build_targets
from gplmt.loading.build_tasks import build_tasklists
from gplmt.loading.context import Context

D = TypeVar("D", bound=Target | Tasklist)


class Include(Struct, frozen=True, kw_only=True):
    """Bring in another document; `prefix` is empty for none."""

    at: Location
    file: str
    prefix: str


class Draft(Struct, frozen=True, kw_only=True):
    """What one document says, by its own names; of names given twice the first counts.

    `targets` holds group members too, after their groups.
    """

    at: Location
    description: str | None
    timeout: timedelta | None
    includes: tuple[Include, ...]
    targets: dict[str, Target]
    tasklists: dict[str, Tasklist]
    steps: tuple[Item, ...]
    first_item: Location | None  # of the steps, also where it could not be built
    context: Context


def build(root: Element, context: Context) -> Draft:
    """What a document says; what is wrong in it is told to the faults of `context`."""
    if root.tag != "experiment":
        problem = f"the document is a <{root.tag}>, not an <experiment>"
        context.faults.error(root.at, problem)
        root = Element("experiment", root.at, {})
    root = admit(root, grammar.EXPERIMENT, context)
    targets: list[Target] = []
    tasklists: list[Tasklist] = []
    steps: list[Item] = []
    first_item: Location | None = None
    for child in root.children:
        match child.tag:
            case "targets":
                targets += build_targets(child, context)
            case "tasklists":
                tasklists += build_tasklists(child, context)
            case "steps":
                steps += build_steps(child, context)
                first_item = first_item or (child.children[0].at if child.children else None)
    return Draft(
        at=root.at,
        description=_description(root, context),
        timeout=root.value("timeout", readings.positive_duration, context.faults),
        includes=tuple(_includes(root, context)),
        targets=_by_name("target", _with_members(targets), context),
        tasklists=_by_name("tasklist", tasklists, context),
        steps=tuple(steps),
        first_item=first_item,
        context=context,
    )


def _description(root: Element, context: Context) -> str | None:
    for child in root.children:
        if child.tag == "description":
            return admit(child, grammar.TEXT, context).text.strip(XML_SPACE)
    return None


def _includes(root: Element, context: Context) -> Iterator[Include]:
    for child in root.children:
        if child.tag == "include":
            element = admit(child, grammar.INCLUDE, context)
            file = element.value("file", readings.path, context.faults)
            prefix = element.value("prefix", readings.prefix, context.faults)
            if prefix is None and "prefix" in element.attributes:
                context.has_nameless_target = context.has_nameless_tasklist = True
            yield Include(at=element.at, file=file or "", prefix=prefix or "")


def _with_members(targets: Iterable[Target]) -> Iterator[Target]:
    """The targets, each group followed by those defined in it, at any depth."""
    for target in targets:
        yield target
        if isinstance(target, GroupTarget):
            members = (member for member in target.members if not isinstance(member, TargetRef))
            yield from _with_members(members)


def _by_name(kind: str, definitions: Iterable[D], context: Context) -> dict[str, D]:
    named: dict[str, D] = {}
    for definition in definitions:
        first = named.setdefault(definition.name, definition)
        if first is not definition and definition.name:
            problem = f"the {kind} '{definition.name}' is defined twice"
            context.faults.error(definition.at, problem, f"the first is at {first.at}")
    named.pop("", None)
    return named
