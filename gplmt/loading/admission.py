"""What does not belong in an element is told and left out, so that builders see the rest."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from gplmt.element import Element
from gplmt.loading.context import REFERENCES, Context
from gplmt.loading.grammar import ANYWHERE, LATER_ATTRIBUTES, LATER_ELEMENTS, SHAPES, TEXT, Shape


def admit(element: Element, shape: Shape, context: Context) -> Element:
    """The element without what may not stand in it; each fault is told.

    An attribute or child whose name is nearly right counts as meant, so that nothing else is said
    of what it means; what it refers to is not looked up (LANGUAGE.md 1.5).
    """
    element = admit_attributes(element, shape, context)
    for name in shape.required:
        if name not in element.attributes and name not in element.unread:
            context.faults.error(
                element.at, f"<{element.tag}> has no attribute '{name}', which it needs"
            )
    if element.stray is not None:
        problem = f"the text {element.stray.excerpt!r} may not stand in <{element.tag}>"
        context.faults.error(element.stray.at, problem, _allowed(shape))
    if element.children and not _fits(element, shape):
        element = _admit_children(element, shape, context)
    return element


def admit_attributes(element: Element, shape: Shape, context: Context) -> Element:
    """The element without attributes that it may not have, as for `admit`."""
    if element.attributes.keys() <= shape.attributes:
        return element
    unread: set[str] = set()
    kept = {name: text for name, text in element.attributes.items() if name in shape.attributes}
    for name, text in element.attributes.items():
        if name in shape.attributes or name.startswith("xmlns:"):
            continue
        if (element.tag, name) in LATER_ATTRIBUTES:
            what = f"the attribute '{name}' of <{element.tag}>"
            context.faults.error(element.at, f"{what} is planned and not yet built", "remove it")
            continue
        meant = _refuse_attribute(element, name, shape, context)
        if meant in REFERENCES:
            context.mention(text)
            unread.add(meant)
        elif meant is not None:
            kept.setdefault(meant, text)
    return replace(element, attributes=kept, unread=element.unread | unread)


def _refuse_attribute(element: Element, name: str, shape: Shape, context: Context) -> str | None:
    """Tell of an unknown attribute; return the one that was probably meant."""
    problem = f"<{element.tag}> has no attribute '{name}'"
    if name == "xmlns":
        context.faults.error(element.at, problem, "the elements are in no namespace; remove it")
        return None
    if name in shape.ranks:
        context.faults.error(element.at, problem, f"write it as child element <{name}>")
        return None
    meant = context.faults.similar(name, shape.attributes)
    if meant is not None:
        context.faults.error(element.at, problem, f"did you mean '{meant}'?")
    elif shape.attributes:
        names = listed([f"'{name}'" for name in sorted(shape.attributes)], last="and")
        context.faults.error(element.at, problem, f"it may have {names}")
    else:
        context.faults.error(element.at, problem, "it has none at all")
    return meant


def _fits(element: Element, shape: Shape) -> bool:
    """Whether all children are allowed, in order and, where that matters, once."""
    ranks = shape.ranks
    highest = 0
    for child in element.children:
        rank = ranks.get(child.tag)
        if rank is None:
            return False
        if rank != ANYWHERE:
            if rank < highest:
                return False
            highest = rank
    return not shape.once or _has_no_repetition(element, shape)


def _has_no_repetition(element: Element, shape: Shape) -> bool:
    tags = [child.tag for child in element.children if child.tag in shape.once]
    return len(tags) == len(set(tags))


def _admit_children(element: Element, shape: Shape, context: Context) -> Element:
    kept: list[Element] = []
    first: dict[str, Element] = {}
    latest: Element | None = None
    for candidate in element.children:
        child = _recognize(candidate, element, shape, context)
        if child is None:
            continue
        kept.append(child)
        if child.tag in shape.once and child.tag in first:
            problem = f"<{child.tag}> stands twice in <{element.tag}>"
            context.faults.error(
                child.at, problem, f"the first is in line {first[child.tag].at.line}"
            )
            continue
        first.setdefault(child.tag, child)
        latest = _keep_order(child, latest, shape, context)
    return replace(element, children=kept)


def _keep_order(
    child: Element, latest: Element | None, shape: Shape, context: Context
) -> Element | None:
    """Tell of a child that should stand before `latest`; return the one furthest on."""
    rank = shape.ranks[child.tag]
    if rank == ANYWHERE:
        return latest
    if latest is None or rank >= shape.ranks[latest.tag]:
        return child
    problem = f"<{child.tag}> must stand before <{latest.tag}>"
    context.faults.error(child.at, problem, f"move it before line {latest.at.line}")
    return latest


def _recognize(child: Element, parent: Element, shape: Shape, context: Context) -> Element | None:
    """The child as what it was probably meant to be; None if it has to be left out."""
    if child.tag in shape.ranks:
        return child
    problem = f"<{child.tag}> may not stand in <{parent.tag}>"
    if (parent.tag, child.tag) in LATER_ELEMENTS:
        problem = f"<{child.tag}> in <{parent.tag}> is planned and not yet built"
        context.faults.error(child.at, problem, "remove it")
        return None
    known = child.tag in SHAPES or child.tag == "target" or child.tag in shape.attributes
    meant = None if known else context.faults.similar(child.tag, shape.ranks)
    hint = _allowed(shape) if meant is None else f"did you mean <{meant}>?"
    if child.tag in shape.attributes:
        hint = f"write it as attribute '{child.tag}'"
    context.faults.error(child.at, problem, hint)
    if meant is not None and _could_be(child, meant):
        text = child.text if child.stray is None else child.stray.excerpt
        stray = None if SHAPES.get(meant, TEXT).has_text else child.stray
        return context.without_references(replace(child, tag=meant, text=text, stray=stray))
    context.remember(child)
    return None


def _could_be(element: Element, tag: str) -> bool:
    shape = SHAPES.get(tag)
    if shape is None:
        return tag == "target"
    required = all(name in element.attributes for name in shape.required)
    return required and element.attributes.keys() <= shape.attributes


def _allowed(shape: Shape) -> str:
    if shape.ranks:
        return f"it holds {listed([f'<{tag}>' for tag in shape.ranks], last='and')}"
    return "it holds only text" if shape.has_text else "it is empty"


def listed(words: Iterable[str], *, last: str) -> str:
    """Words as a list in prose, `last` standing before the last one."""
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final
