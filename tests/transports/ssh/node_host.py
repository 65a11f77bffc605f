"""Servers as ssh targets: hosts whose commands run there, and what is left on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from gplmt.diagnostics import Location
from gplmt.inventory import Node, SshAddress
from gplmt.language.targets import SshOptions
from gplmt.protocols import SshSettings, TransportSettings
from gplmt.transports.ssh.transport import SshTransport
from tests.support.ssh.servers import Server
from tests.transports.host import AT, Host, make_token

USUAL_NAMES = ("n1", "n2", "n7")


class NodeHosts:
    """Makes hosts, each an `SshTransport` of its own.

    `configuration` is the OpenSSH client configuration that all of them read, `warnings` are what
    they told that no task does.
    """

    def __init__(self, configuration: Path) -> None:
        self.made: list[Host] = []
        self.warnings: list[str] = []
        self.configuration = configuration

    def make(
        self,
        servers: Server | Mapping[str, Server],
        *,
        grace_seconds: float = 5.0,
        lease_seconds: float = 45.0,
        connect_seconds: float = 30.0,
        parallelism: int = 64,
        cooldown_seconds: float = 0.0,
        identity_file: Path | None = None,
        proxy_jump: str | None = None,
    ) -> Host:
        """One more transport; the fixture closes it.

        `servers` by the names of targets, or one for the usual names.  All are reached by the
        same key, if one is given, and through the same jump host.
        """
        if isinstance(servers, Server):
            servers = dict.fromkeys(USUAL_NAMES, servers)
        options = SshOptions(
            identity_file=None if identity_file is None else str(identity_file),
            connect_timeout=timedelta(seconds=connect_seconds),
            proxy_jump=proxy_jump,
        )
        nodes = {name: node_of(name, server, options) for name, server in servers.items()}
        token = make_token()
        settings = TransportSettings(
            directory=Path("/"),
            grace_seconds=grace_seconds,
            run_token=token,
            ssh=SshSettings(
                config_file=self.configuration,
                parallelism=parallelism,
                cooldown_seconds=cooldown_seconds,
                lease_seconds=lease_seconds,
                is_batch=True,
            ),
            warn=self._warn,
        )
        host = Host(
            SshTransport(settings, list(nodes.values())),
            token=token,
            directory=next(iter(servers.values())).home,
            node=nodes.__getitem__,
        )
        self.made.append(host)
        return host

    def _warn(self, message: str, at: Location | None) -> None:  # noqa: ARG002
        self.warnings.append(message)


class HostsOnServer:
    """Hosts on one server, made as those of other transports are."""

    def __init__(self, hosts: NodeHosts, server: Server) -> None:
        self._hosts = hosts
        self._server = server

    def make(self, *, grace_seconds: float = 5.0, lease_seconds: float = 45.0) -> Host:
        """One more transport; the fixture closes it."""
        return self._hosts.make(
            self._server, grace_seconds=grace_seconds, lease_seconds=lease_seconds
        )


def node_of(name: str, server: Server, options: SshOptions | None = None) -> Node:
    """A server as a target; `options` are what there is to say beyond how to log in."""
    options = options or SshOptions()
    options = replace(
        options,
        user=server.user,
        port=server.port,
        identity_file=options.identity_file or str(server.identity_file),
        known_hosts_file=str(server.known_hosts),
    )
    return Node(at=AT, name=name, address=SshAddress(host=server.host, options=options))
