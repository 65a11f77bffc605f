"""Values of variables that are known before a run."""

from __future__ import annotations

from collections.abc import Mapping

from gplmt.inventory import Member, SliceAddress, evaluate
from gplmt.language.paths import expand
from gplmt.loading.uses import Use


def expand_known(
    text: str, member: Member, use: Use, host_environment: Mapping[str, str]
) -> str | None:
    """A path as a step sees it on one node; None where a value comes up only in the run."""
    layers = use.surroundings.layers
    environment = {
        **member.environment,
        **evaluate(layers, host_environment)[0],
        "GPLMT_TARGET": member.node.name,
    }
    for parameter in use.surroundings.parameters:
        environment.pop(parameter, None)
    if isinstance(member.node.address, SliceAddress):
        environment.pop("GPLMT_TARGET", None)  # each of its nodes will have a name of its own
    try:
        return expand(text, environment)
    except KeyError:
        return None
