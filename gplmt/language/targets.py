"""Who: the targets of an experiment as its document defines them (LANGUAGE.md 4)."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from gplmt.diagnostics import Location
from gplmt.language.values import HostKeyChecking


class ExportEnv(Struct, frozen=True, kw_only=True, gc=False):
    """A variable for the commands of a scope; without `value`, the execution host's own."""

    at: Location
    var: str
    value: str | None = None


class SshOptions(Struct, frozen=True, kw_only=True, gc=False):
    """How to reach an ssh target; None is what the document does not say (LANGUAGE.md 4.2).

    Relative paths have been joined to the document's directory; `~` is not yet expanded.
    What enclosing groups say has been filled in.
    """

    user: str | None = None
    port: int | None = None
    identity_file: str | None = None
    proxy_jump: str | None = None
    known_hosts_file: str | None = None
    host_key_checking: HostKeyChecking | None = None
    connect_timeout: timedelta | None = None
    forward_agent: bool | None = None
    password_env: str | None = None


class LocalTarget(Struct, frozen=True, kw_only=True, gc=False):
    """The execution host itself."""

    at: Location
    name: str
    environment: tuple[ExportEnv, ...] = ()
    document_environment: tuple[ExportEnv, ...] = ()  # of the <targets> it stands in


class SshTarget(Struct, frozen=True, kw_only=True, gc=False):
    """A host reached over SSH."""

    at: Location
    name: str
    host: str
    options: SshOptions = SshOptions()
    environment: tuple[ExportEnv, ...] = ()
    document_environment: tuple[ExportEnv, ...] = ()


class PlanetlabTarget(Struct, frozen=True, kw_only=True, gc=False):
    """A slice, whose nodes are asked of its API when a run starts (LANGUAGE.md 4.4).

    `user` and `password` are the API's.  `options` are what enclosing groups say, for its nodes;
    the user there is the slice, whatever they say.
    """

    at: Location
    name: str
    api_url: str
    slice_name: str
    user: str
    password: str | None = None
    options: SshOptions = SshOptions()
    environment: tuple[ExportEnv, ...] = ()
    document_environment: tuple[ExportEnv, ...] = ()


class TargetRef(Struct, frozen=True, kw_only=True, gc=False):
    """A group's member that is defined elsewhere."""

    at: Location
    ref: str


class GroupTarget(Struct, frozen=True, kw_only=True, gc=False):
    """Several targets under one name."""

    at: Location
    name: str
    members: tuple[Target | TargetRef, ...]
    environment: tuple[ExportEnv, ...] = ()
    document_environment: tuple[ExportEnv, ...] = ()


Target = LocalTarget | SshTarget | PlanetlabTarget | GroupTarget


def name_of(member: Target | TargetRef) -> str:
    """The name under which a group's member is known."""
    return member.ref if isinstance(member, TargetRef) else member.name
