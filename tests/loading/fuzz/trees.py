"""Documents that are well-formed, but whose elements and values are not what they should be."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from hypothesis import strategies as st
from lxml import etree

from gplmt.loading import grammar
from tests.loading.fuzz.byte_damage import SEEDS
from tests.loading.fuzz.words import ATTRIBUTES, STRANGE_TAGS, values_of

Elements = list[etree._Element]
Mutation = Callable[[st.DrawFn, Elements], None]
TAGS = sorted({*grammar.SHAPES, "target", *grammar.TEXT_ELEMENTS})
_MAX_DEPTH = 5


def _parsed(seeds: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Those that are well-formed, and hold no DOCTYPE."""
    kept = []
    for seed in seeds:
        try:
            if b"<!DOCTYPE" not in seed:
                etree.fromstring(seed)
                kept.append(seed)
        except etree.XMLSyntaxError:
            continue
    return tuple(kept)


TREES = _parsed(SEEDS)


@st.composite
def grown(draw: st.DrawFn) -> bytes:
    """A document that follows the grammar, with values of the right kind or nearly."""
    root = etree.Element("experiment")
    _fill(draw, root, grammar.EXPERIMENT, depth=0)
    return etree.tostring(root)


def _fill(draw: st.DrawFn, element: etree._Element, shape: grammar.Shape, *, depth: int) -> None:
    names = sorted(shape.attributes)
    for name in {*shape.required, *draw(st.lists(st.sampled_from(names or [""]), max_size=2))}:
        if name:
            element.set(name, draw(values_of(name)))
    if shape.has_text:
        element.text = draw(values_of(str(element.tag)))
    if not shape.ranks or depth > _MAX_DEPTH:
        return
    chosen = draw(st.lists(st.sampled_from(sorted(shape.ranks)), max_size=5))
    if shape is grammar.EXPERIMENT:
        chosen = ["include"] * draw(st.integers(0, 2)) + ["targets", "tasklists", "steps"]
    for tag in sorted(chosen, key=shape.ranks.__getitem__):
        child = etree.SubElement(element, tag)
        _fill(draw, child, _shape(draw, tag, child), depth=depth + 1)


def _shape(draw: st.DrawFn, tag: str, element: etree._Element) -> grammar.Shape:
    if tag == "target":
        kind = draw(st.sampled_from(sorted(grammar.TARGET_KINDS)))
        element.set("type", kind)
        return grammar.TARGET_KINDS[kind]
    return grammar.SHAPES.get(tag, grammar.TEXT)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An example, or what was grown, with elements and attributes moved, lost or replaced."""
    root = etree.fromstring(draw(st.sampled_from(TREES) | grown()))
    for _ in range(draw(st.integers(1, 5))):
        draw(st.sampled_from(MUTATIONS))(draw, list(root.iter("*")))
    return etree.tostring(root)


def _delete(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from(elements))
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _duplicate(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from(elements))
    parent = element.getparent()
    for _ in range(draw(st.sampled_from((1, 1, 2, 30)))):
        if parent is not None:
            parent.insert(parent.index(element), deepcopy(element))


def _swap(draw: st.DrawFn, elements: Elements) -> None:
    one, other = draw(st.sampled_from(elements)), draw(st.sampled_from(elements))
    one.tag, other.tag = other.tag, one.tag


def _move(draw: st.DrawFn, elements: Elements) -> None:
    element, target = draw(st.sampled_from(elements)), draw(st.sampled_from(elements))
    if element not in {target, *target.iterancestors()}:
        target.insert(draw(st.integers(0, len(target))), element)


def _rename(draw: st.DrawFn, elements: Elements) -> None:
    draw(st.sampled_from(elements)).tag = draw(st.sampled_from((*TAGS, *STRANGE_TAGS)))


def _wrap(draw: st.DrawFn, elements: Elements) -> None:
    """Nest an element in many of one kind."""
    element = draw(st.sampled_from(elements))
    parent = element.getparent()
    if parent is None:
        return
    tag = draw(st.sampled_from(("seq", "par", "loop", "target", "seqq", "steps", "run")))
    for _ in range(draw(st.sampled_from((1, 3, 50, 98, 210)))):
        wrapper = etree.Element(tag)
        parent.replace(element, wrapper)
        wrapper.append(element)
        parent = wrapper


def _insert(draw: st.DrawFn, elements: Elements) -> None:
    target = draw(st.sampled_from(elements))
    child = etree.Element(draw(st.sampled_from((*TAGS, *STRANGE_TAGS))))
    for name in draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=3)):
        child.set(name, draw(values_of(name)))
    target.insert(draw(st.integers(0, len(target))), child)


def _set_text(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from(elements))
    element.text = draw(values_of(str(element.tag)))


def _set_attribute(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from(elements))
    names = [str(name) for name in element.attrib] or ATTRIBUTES
    name = draw(st.sampled_from(names) | st.sampled_from(ATTRIBUTES))
    element.set(name, draw(values_of(name)))


def _drop_attribute(draw: st.DrawFn, elements: Elements) -> None:
    element = draw(st.sampled_from(elements))
    if element.attrib:
        del element.attrib[draw(st.sampled_from([str(name) for name in element.attrib]))]


MUTATIONS: tuple[Mutation, ...] = (
    _delete, _duplicate, _swap, _move, _rename, _wrap, _insert, _set_text,
    _set_attribute, _set_attribute, _set_attribute, _drop_attribute,
)  # fmt: skip
