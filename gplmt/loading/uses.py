"""Steps and teardowns as uses of tasklists on targets, with what surrounds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gplmt.diagnostics import Location
from gplmt.language.steps import Item, Loop, RegisterTeardown, Step, Sweep, Synchronize
from gplmt.language.targets import ExportEnv


class Surroundings(Struct, frozen=True, eq=False):
    """What loops, and a step or teardown itself, set.

    `layers` are their variables, weakest first; `parameters` those of sweeps, whose values vary.
    """

    is_enabled: bool = True
    layers: tuple[ExportEnv, ...] = ()
    parameters: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()  # the names of both

    def with_layers(self, layers: tuple[ExportEnv, ...]) -> Surroundings:
        """The same with stronger variables."""
        if not layers:
            return self
        return replace(
            self,
            layers=self.layers + layers,
            variables=self.variables.union(variable.var for variable in layers),
        )

    def inside(self, loop: Loop) -> Surroundings:
        """What the items of a loop's body find around them."""
        swept = loop.iterations.parameters if isinstance(loop.iterations, Sweep) else ()
        names = frozenset(parameter.name for parameter in swept)
        inner = self.with_layers(loop.environment)
        return replace(
            inner,
            is_enabled=self.is_enabled and loop.enabled,
            parameters=inner.parameters | names,
            variables=inner.variables | names,
        )


class Use(Struct, frozen=True, gc=False):
    """A step or teardown that has a tasklist run on targets."""

    item: Step | RegisterTeardown
    surroundings: Surroundings
    is_enabled: bool

    @property
    def at(self) -> Location:
        """Where it stands."""
        return self.item.at

    @property
    def tag(self) -> str:
        """Its element."""
        return "step" if isinstance(self.item, Step) else "register-teardown"

    @property
    def title(self) -> str:
        """What messages call it."""
        if isinstance(self.item, Step):
            return f"step '{self.item.name}'"
        return f"the teardown at {self.item.at}"


class Barrier(Struct, frozen=True):
    """A synchronize that names targets."""

    at: Location
    targets: tuple[str, ...]


_NOTHING_AROUND = Surroundings()


def uses_in(
    items: Sequence[Item], surroundings: Surroundings = _NOTHING_AROUND
) -> Iterator[Use | Barrier]:
    """The steps and teardowns among items, in loops too, and the barriers for some targets."""
    for item in items:
        match item:
            case Step():
                around = surroundings.with_layers(item.environment)
                yield Use(item, around, surroundings.is_enabled and item.enabled)
            case RegisterTeardown():
                around = surroundings.with_layers(item.environment)
                yield Use(item, around, surroundings.is_enabled)
            case Loop():
                yield from uses_in(item.body, surroundings.inside(item))
            case Synchronize():
                if item.targets:
                    yield Barrier(item.at, item.targets)
