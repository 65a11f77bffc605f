"""Targets as XML, without secrets (LANGUAGE.md 4 and 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from gplmt.language.targets import (
    ExportEnv,
    GroupTarget,
    LocalTarget,
    PlanetlabTarget,
    SshOptions,
    SshTarget,
    Target,
    TargetRef,
)
from gplmt.recording.markup import INDENT, Attribute, comment, duration, element, text_element
from gplmt.recording.masking import is_secret_variable
from gplmt.recording.paths import Paths

Variables = tuple[ExportEnv, ...]


def render_targets(targets: Mapping[str, Target], paths: Paths, *, pad: str) -> list[str]:
    """The lines of `<targets>`; members stand in their groups.

    Variables of `<targets>` itself stand there again if they were the same for every target.
    Else, which is so where documents with and without them were brought together, each target has
    its own document's; a comment tells where a group's variable of the same name, which was
    stronger, is now weaker.
    """
    shared = _shared_variables(targets)
    renderer = _Renderer(paths, shared, _group_variables(targets))
    members = {
        member.name
        for target in targets.values()
        if isinstance(target, GroupTarget)
        for member in target.members
        if not isinstance(member, TargetRef)
    }
    children = render_environment(shared, pad=pad + INDENT)
    for name, target in targets.items():
        if name not in members:
            children += renderer.target(target, pad + INDENT)
    return element(pad, "targets", (), children)


def render_environment(variables: Iterable[ExportEnv], *, pad: str) -> list[str]:
    """The lines of `<export-env>` elements.

    A value that sounds secret is left out, so that the variable is asked of whoever runs this.
    """
    lines: list[str] = []
    for variable in variables:
        value = variable.value
        if value is not None and is_secret_variable(variable.var):
            lines.append(comment(pad, f"the value of {variable.var} was left out"))
            value = None
        lines += element(pad, "export-env", (("var", variable.var), ("value", value)))
    return lines


class _Renderer:
    def __init__(self, paths: Paths, shared: Variables, group_variables: frozenset[str]) -> None:
        self._paths = paths
        self._shared = shared
        self._group_variables = group_variables

    def target(self, target: Target, pad: str) -> list[str]:
        inner = pad + INDENT
        match target:
            case LocalTarget():
                kind, children = "local", self._environment(target, inner)
            case SshTarget():
                kind, children = "ssh", text_element(inner, "host", target.host)
                children += self._options(target.options, inner)
                children += self._environment(target, inner)
            case PlanetlabTarget():
                kind, children = "planetlab", self._slice(target, inner)
                children += self._environment(target, inner)
            case GroupTarget():
                kind, children = "group", self._options(_slice_options(target), inner)
                children += render_environment(target.environment, pad=inner)
                for member in target.members:
                    children += self._member(member, inner)
            case _:
                assert_never(target)
        return element(pad, "target", (("name", target.name), ("type", kind)), children)

    def _member(self, member: Target | TargetRef, pad: str) -> list[str]:
        if isinstance(member, TargetRef):
            return element(pad, "target", (("ref", member.ref),))
        return self.target(member, pad)

    def _environment(
        self, target: LocalTarget | SshTarget | PlanetlabTarget, pad: str
    ) -> list[str]:
        if _values(target.document_environment) == _values(self._shared):
            return render_environment(target.environment, pad=pad)
        own = {variable.var for variable in target.environment}
        names = {variable.var for variable in target.document_environment}
        lines = [
            comment(pad, f"{name} was weaker than that of a group")
            for name in sorted(names & self._group_variables - own)
        ]
        variables = (*target.document_environment, *target.environment)
        return lines + render_environment(variables, pad=pad)

    def _options(self, options: SshOptions, pad: str) -> list[str]:
        checking, agent = options.host_key_checking, options.forward_agent
        values: tuple[Attribute, ...] = (
            ("user", options.user),
            ("port", None if options.port is None else str(options.port)),
            ("identity-file", self._paths.option(options.identity_file)),
            ("proxy-jump", options.proxy_jump),
            ("known-hosts-file", self._paths.option(options.known_hosts_file)),
            ("host-key-checking", None if checking is None else checking.value),
            ("connect-timeout", duration(options.connect_timeout)),
            ("forward-agent", None if agent is None else str(agent).lower()),
            ("password-env", options.password_env),
        )
        return _text_elements(values, pad)

    def _slice(self, target: PlanetlabTarget, pad: str) -> list[str]:
        values = (
            ("apiurl", target.api_url),
            ("slicename", target.slice_name),
            ("user", target.user),
        )
        lines = _text_elements(values, pad)
        if target.password is not None:
            lines.append(comment(pad, "the password was left out: set GPLMT_PLANETLAB_PASSWORD"))
        return lines


def _slice_options(group: GroupTarget) -> SshOptions:
    """The options of a group, if a slice is in it, which can say them nowhere else.

    For the ssh targets in the group, which say themselves what they have of them, that changes
    nothing.
    """
    slices = (member for member in group.members if isinstance(member, PlanetlabTarget))
    first = next(slices, None)
    return SshOptions() if first is None else first.options


def _text_elements(values: Sequence[Attribute], pad: str) -> list[str]:
    return [
        line for tag, text in values if text is not None for line in text_element(pad, tag, text)
    ]


def _values(variables: Variables) -> tuple[tuple[str, str | None], ...]:
    """What variables are, wherever they stand."""
    return tuple((variable.var, variable.value) for variable in variables)


def _shared_variables(targets: Mapping[str, Target]) -> Variables:
    """The variables of `<targets>` if all targets have the same, else none."""
    kinds = {
        _values(target.document_environment): target.document_environment
        for target in targets.values()
        if not isinstance(target, GroupTarget)
    }
    return next(iter(kinds.values())) if len(kinds) == 1 else ()


def _group_variables(targets: Mapping[str, Target]) -> frozenset[str]:
    return frozenset(
        variable.var
        for target in targets.values()
        if isinstance(target, GroupTarget)
        for variable in target.environment
    )
