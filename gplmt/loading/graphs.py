"""Depth-first walks over names that lead to names: an order, and cycles."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

MAX_CYCLES = 20  # that are told of one graph
_MAX_SHOWN = 12


def depth_first(
    edges: Mapping[str, Collection[str]],
) -> tuple[list[str], list[tuple[str, ...]]]:
    """The names, each after those it leads to, and cycles as chains that end as they begin.

    Names that lead nowhere need not be in `edges`, and are not in the order then.
    """
    order: dict[str, None] = {}
    cycles: list[tuple[str, ...]] = []
    for start in edges:
        path: dict[str, Iterator[str]] = {} if start in order else {start: iter(edges[start])}
        while path:
            name = next(reversed(path))
            for follower in path[name]:
                if follower in path:
                    if len(cycles) < MAX_CYCLES:
                        chain = tuple(path)
                        cycles.append((*chain[chain.index(follower) :], follower))
                elif follower in edges and follower not in order:
                    path[follower] = iter(edges[follower])
                    break
            else:
                del path[name]
                order[name] = None
    return list(order), cycles


def shown(chain: Collection[str]) -> str:
    """A cycle for people."""
    names = list(chain)
    if len(names) > _MAX_SHOWN:
        names[_MAX_SHOWN // 2 : -_MAX_SHOWN // 2] = ["..."]
    return " -> ".join(names)
