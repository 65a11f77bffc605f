"""What targets resolve to: nodes, and the environment with which a step reaches each.

Pure: the execution host's environment is handed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import ClassVar

from msgspec import Struct

from gplmt.diagnostics import Location
from gplmt.language.targets import (
    ExportEnv,
    GroupTarget,
    LocalTarget,
    PlanetlabTarget,
    SshOptions,
    SshTarget,
    Target,
    name_of,
)


class HostValue(str):
    """A value that came from the execution host's environment, so it may be a secret.

    It goes where any value goes, but is not written down.
    """

    __slots__ = ()


class LocalAddress(Struct, frozen=True, kw_only=True, tag_field="kind", tag="local"):
    """The execution host."""

    kind: ClassVar[str] = "local"


class SshAddress(Struct, frozen=True, kw_only=True, tag_field="kind", tag="ssh"):
    """A host over SSH, the defaults of its groups filled in."""

    kind: ClassVar[str] = "ssh"
    host: str
    options: SshOptions


class SliceAddress(Struct, frozen=True, kw_only=True, tag_field="kind", tag="planetlab"):
    """A PlanetLab slice whose nodes have not been asked for; a dry run shows it as it is."""

    kind: ClassVar[str] = "planetlab"
    slice_name: str
    api_url: str


class Node(Struct, frozen=True, kw_only=True):
    """One place where tasks run; `name` is the target's, unique in the experiment."""

    at: Location
    name: str
    address: LocalAddress | SshAddress | SliceAddress


class Member(Struct, frozen=True, kw_only=True):
    """A node as one step reaches it.

    `environment` merges what the document says of it, weakest first (LANGUAGE.md 5.2):
    `<targets>`, groups from outer to inner, the target.  `unset` are the variables among them
    that should come from the execution host and are unset there.
    """

    node: Node
    environment: Mapping[str, str]
    unset: tuple[ExportEnv, ...] = ()


class Inventory:
    """The targets of an experiment, ready to be asked for by names and patterns."""

    def __init__(self, targets: Mapping[str, Target], host_environment: Mapping[str, str]) -> None:
        self._targets = targets
        self.host_environment = host_environment
        self._members: dict[tuple[str, ...], tuple[Member, ...]] = {}

    def match(self, word: str) -> tuple[str, ...]:
        """The declared targets that a name or shell-style pattern means, in document order.

        Empty where there is none (LANGUAGE.md 2.3).
        """
        if word in self._targets:
            return (word,)
        if not is_pattern(word):
            return ()
        return tuple(name for name in self._targets if fnmatchcase(name, word))

    def members(self, words: Sequence[str]) -> tuple[Member, ...]:
        """The nodes that names and patterns mean, each once, as first reached (4.3, 4.5, 5.2).

        What names no target, or itself by a cycle of groups, is passed over: checks tell of it.
        """
        key = tuple(words)
        members = self._members.get(key)
        if members is None:
            names = [name for word in key for name in self.match(word)]
            members = self._members[key] = tuple(self._reach(names))
        return members

    def _reach(self, names: Sequence[str]) -> Iterator[Member]:
        """The nodes behind names, depth first; what was reached before brings nothing new."""
        reached: set[str] = set()
        waiting: list[tuple[str, tuple[ExportEnv, ...]]] = [(name, ()) for name in reversed(names)]
        while waiting:
            name, layers = waiting.pop()
            target = self._targets.get(name)
            if target is None or name in reached:
                continue
            reached.add(name)
            layers = (*layers, *target.environment)
            if isinstance(target, GroupTarget):
                inner = [name_of(member) for member in target.members]
                waiting += [(name, layers) for name in reversed(inner)]
            else:
                yield self._member(target, (*target.document_environment, *layers))

    def _member(
        self, target: LocalTarget | SshTarget | PlanetlabTarget, layers: Sequence[ExportEnv]
    ) -> Member:
        environment, unset = evaluate(layers, self.host_environment)
        node = Node(at=target.at, name=target.name, address=_address(target))
        return Member(node=node, environment=environment, unset=unset)


def is_pattern(word: str) -> bool:
    """Whether a word of `targets=` is a shell-style pattern rather than a name."""
    return any(character in word for character in "*?[")


def evaluate(
    layers: Sequence[ExportEnv], host_environment: Mapping[str, str]
) -> tuple[dict[str, str], tuple[ExportEnv, ...]]:
    """The values of variables, weakest first, and those that are unset on the execution host."""
    strongest = {variable.var: variable for variable in layers}
    environment: dict[str, str] = {}
    unset: list[ExportEnv] = []
    for name, variable in strongest.items():
        if variable.value is not None:
            environment[name] = variable.value
        elif name in host_environment:
            environment[name] = HostValue(host_environment[name])
        else:
            unset.append(variable)
    return environment, tuple(unset)


def _address(
    target: LocalTarget | SshTarget | PlanetlabTarget,
) -> LocalAddress | SshAddress | SliceAddress:
    match target:
        case LocalTarget():
            return LocalAddress()
        case SshTarget():
            return SshAddress(host=target.host, options=target.options)
        case PlanetlabTarget():
            return SliceAddress(slice_name=target.slice_name, api_url=target.api_url)
