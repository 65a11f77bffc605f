"""Slices become groups of ssh targets, one for each node (LANGUAGE.md 4.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from gplmt.diagnostics import Faults
from gplmt.inventory import Inventory, SliceAddress, is_pattern
from gplmt.language.experiment import Experiment
from gplmt.language.steps import Item, Loop, Step
from gplmt.language.targets import GroupTarget, PlanetlabTarget, SshTarget, Target, TargetRef
from gplmt.language.values import NAME, NAME_MAX_CHARACTERS


def expand(
    experiment: Experiment, hosts: Mapping[str, Sequence[str]], faults: Faults
) -> Experiment:
    """The experiment with groups of nodes wherever one of these slices stands.

    `hosts` are those of slices by the names of their targets; slices that are not in it stay.
    Patterns in `targets=` give way to the names that they match, for the nodes are not meant by
    them (2.3).  `faults` are told of nodes that cannot be targets, and of counts that more targets
    would have to meet than there are (7.6), which only now can be told.
    """
    expander = _Expander(experiment.targets, hosts, faults)
    expanded = replace(
        experiment, targets=expander.targets(), steps=expander.items(experiment.steps)
    )
    _check_counts(expanded, faults)
    return expanded


class _Expander:
    """Expands what refers to targets, which are `declared` in documents."""

    def __init__(
        self, declared: Mapping[str, Target], hosts: Mapping[str, Sequence[str]], faults: Faults
    ) -> None:
        self._declared = declared
        self._inventory = Inventory(declared, {})
        self._faults = faults
        self._nodes = {
            name: tuple(self._nodes_of(target, hosts[name]))
            for name, target in declared.items()
            if isinstance(target, PlanetlabTarget) and name in hosts
        }

    def targets(self) -> dict[str, Target]:
        """All targets, the nodes of a slice after it."""
        targets: dict[str, Target] = {}
        for name, target in self._declared.items():
            targets[name] = self._target(target)
            for node in self._nodes.get(name, ()):
                first = self._declared.get(node.name) or targets.setdefault(node.name, node)
                if first is not node:
                    problem = (
                        f"the node '{node.host}' of target '{name}' is named as another target"
                    )
                    hint = f"'{node.name}' is at {first.at}; rename one"
                    self._faults.error(target.at, problem, hint)
        return targets

    def items(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Steps, and what stands among them."""
        return tuple(self._item(item) for item in items)

    def _target(self, target: Target) -> Target:
        match target:
            case PlanetlabTarget() if target.name in self._nodes:
                return GroupTarget(
                    at=target.at,
                    name=target.name,
                    members=self._nodes[target.name],
                    environment=target.environment,
                    document_environment=target.document_environment,
                )
            case GroupTarget():
                members = tuple(
                    member if isinstance(member, TargetRef) else self._target(member)
                    for member in target.members
                )
                return replace(target, members=members)
        return target

    def _nodes_of(self, target: PlanetlabTarget, hosts: Sequence[str]) -> Iterator[SshTarget]:
        for host in hosts:
            name = f"{target.name}.{host}"
            if not NAME.fullmatch(host):
                problem = (
                    f"the node {host!r} of target '{target.name}' is named as no target can be"
                )
                hint = "names have letters, digits and _ . - (not first: . -)"
                self._faults.error(target.at, problem, hint)
            elif len(name) > NAME_MAX_CHARACTERS:
                problem = f"the name '{name}' of a node is too long"
                hint = f"names have at most {NAME_MAX_CHARACTERS} characters; rename the target"
                self._faults.error(target.at, problem, hint)
            yield SshTarget(
                at=target.at,
                name=name,
                host=host,
                options=replace(target.options, user=target.slice_name),
                document_environment=target.document_environment,
            )

    def _item(self, item: Item) -> Item:
        if isinstance(item, Loop):
            return replace(item, body=self.items(item.body))
        if item.targets is None or not any(map(is_pattern, item.targets)):
            return item
        return replace(item, targets=self._names(item.targets))

    def _names(self, words: Sequence[str]) -> tuple[str, ...]:
        names = (name for word in words for name in self._inventory.match(word))
        return tuple(dict.fromkeys(names))


def _check_counts(experiment: Experiment, faults: Faults) -> None:
    inventory = Inventory(experiment.targets, {})
    for step in _enabled_steps(experiment.steps):
        if step.min_success is None:
            continue
        members = inventory.members(step.targets)
        if any(isinstance(member.node.address, SliceAddress) for member in members):
            continue
        problem = step.min_success.fault(len(members))
        if problem is not None:
            faults.error(step.at, problem)


def _enabled_steps(items: Sequence[Item]) -> Iterator[Step]:
    for item in items:
        if isinstance(item, Step) and item.enabled:
            yield item
        elif isinstance(item, Loop) and item.enabled:
            yield from _enabled_steps(item.body)
