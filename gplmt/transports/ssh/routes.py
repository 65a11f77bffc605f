"""Where a node is and which way leads there: its configuration, and its jump hosts."""

from __future__ import annotations

import re

from msgspec import Struct, structs

from gplmt.inventory import SshAddress
from gplmt.language.targets import SshOptions
from gplmt.transports.ssh.configuration import Configuration, HostSettings
from gplmt.transports.ssh.surroundings import expand_in_shell, expand_tokens

_HOP = re.compile(
    r"(?:ssh://)?(?:(?P<user>.+)@)?(?:\[(?P<literal>[^\]]+)\]|(?P<host>[^:\[\]@-][^:\[\]@]*))"
    r"(?::(?P<port>\d{1,5}))?/?"
)
_PROXY_TOKENS = "hnpr%"
_MAX_HOPS = 16


class Hop(Struct, frozen=True, kw_only=True):
    """A jump host as a user names it."""

    host: str
    user: str | None = None
    port: int | None = None


class ProxyCommand(Struct, frozen=True, kw_only=True):
    """A command that passes bytes to a host and back: as written, and for that host."""

    template: str
    text: str


class Route(Struct, frozen=True, kw_only=True, eq=False):
    """A host, and how to get there.

    `name` is what the user calls it; `document` what the experiment says of it, nothing of a
    jump host.  `via` is the last jump host before it.
    """

    name: str
    document: SshOptions
    settings: HostSettings
    tokens: dict[str, str]
    via: Route | None = None
    proxy_command: ProxyCommand | None = None


class Routes:
    """Finds routes; the same one for all that ask for the same."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._found: dict[SshAddress, Route] = {}
        self._found_hops: dict[tuple[Hop, Route | None], Route] = {}
        self._hops_in_progress: list[Hop] = []

    def to(self, address: SshAddress) -> Route:
        """The route to a node.

        Raises:
            ValueError: a jump host is misspelt, or one leads back to itself.
        """
        if address not in self._found:
            options = address.options
            hop = Hop(host=address.host, user=options.user, port=options.port)
            self._found[address] = self._route(hop, options)
        return self._found[address]

    def _route(self, hop: Hop, document: SshOptions, *, previous: Route | None = None) -> Route:
        """The route to a host; behind `previous` if there is one, not as the configuration says."""
        settings = self._configuration.look_up(hop.host, user=hop.user, port=hop.port)
        tokens = self._configuration.surroundings.tokens(
            name=hop.host,
            host=settings.host_name,
            port=settings.port,
            user=settings.user,
            alias=settings.host_key_alias or settings.host_name,
        )
        route = Route(
            name=hop.host, document=document, settings=settings, tokens=tokens, via=previous
        )
        if previous is not None:
            return route
        jumps = settings.proxy_jump if document.proxy_jump is None else document.proxy_jump
        if jumps is not None and jumps.lower() != "none":
            return structs.replace(route, via=self._last_hop(expand_tokens(jumps, _some(tokens))))
        if document.proxy_jump is None and settings.proxy_command is not None:
            command = expand_in_shell(settings.proxy_command, _some(tokens))
            return structs.replace(
                route, proxy_command=ProxyCommand(template=settings.proxy_command, text=command)
            )
        return route

    def _last_hop(self, jumps: str) -> Route:
        """The last of several jump hosts, each of which is reached through the one before."""
        *first, last = map(parse_hop, jumps.split(","))
        previous = None
        for hop in first:
            previous = self._hop(hop, previous)
        return self._hop(last, previous)

    def _hop(self, hop: Hop, previous: Route | None) -> Route:
        if (hop, previous) not in self._found_hops:
            if hop in self._hops_in_progress:
                circle = " -> ".join([each.host for each in (*self._hops_in_progress, hop)])
                raise ValueError(f"the jump hosts lead in a circle: {circle}")
            if len(self._hops_in_progress) == _MAX_HOPS:  # %h in ProxyJump makes ever new ones
                raise ValueError(f"there are more than {_MAX_HOPS} jump hosts to go through")
            self._hops_in_progress.append(hop)
            try:
                route = self._route(hop, SshOptions(), previous=previous)
            finally:
                self._hops_in_progress.pop()
            self._found_hops[hop, previous] = route
        return self._found_hops[hop, previous]


def parse_hop(text: str) -> Hop:
    """A jump host: `[USER@]HOST[:PORT]`, or the same as an `ssh://` address.

    Raises:
        ValueError: it is none.
    """
    match = _HOP.fullmatch(text.strip())
    port = None if match is None or match["port"] is None else int(match["port"])
    if match is None or (port is not None and not 1 <= port <= 65535):
        raise ValueError(f"{text.strip()!r} is not a jump host; write USER@HOST:PORT or HOST")
    return Hop(host=match["literal"] or match["host"], user=match["user"], port=port)


def _some(tokens: dict[str, str]) -> dict[str, str]:
    return {token: tokens[token] for token in _PROXY_TOKENS}
