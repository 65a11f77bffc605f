"""How each login checks its server's key: command line, experiment and configuration together."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from gplmt.language.values import HostKeyChecking
from gplmt.protocols import SshSettings
from gplmt.transports.ssh.host_keys import HostKeyPolicy
from gplmt.transports.ssh.known_hosts import KnownHosts, place
from gplmt.transports.ssh.routes import Route
from gplmt.transports.ssh.surroundings import Surroundings

_USUAL_PORT = 22


class Trust:
    """Finds the policy of a route; raises `ValueError` for a path that cannot be expanded."""

    def __init__(
        self, settings: SshSettings, surroundings: Surroundings, known_hosts: KnownHosts
    ) -> None:
        self._settings = settings
        self._surroundings = surroundings
        self._known_hosts = known_hosts

    def policy(self, route: Route) -> HostKeyPolicy:
        """What a login asks of its server's key."""
        return HostKeyPolicy(
            checking=self._checking(route),
            names=_names(route),
            user_files=self._user_files(route),
            global_files=self._global_files(route),
            is_hashed=route.settings.hash_known_hosts is True,
            recording_command=self._recording_command(route),
        )

    def faults(self, route: Route) -> Iterator[str]:
        """Read the files; what is wrong with the one that the experiment names."""
        policy = self.policy(route)
        if policy.checking is HostKeyChecking.OFF:
            return
        files = [self._known_hosts.read(path) for path in policy.files]
        if route.document.known_hosts_file is None or not policy.user_files:
            return
        named, may_be_missing = files[0], policy.checking is HostKeyChecking.ACCEPT_NEW
        if named.problem is not None and not (named.is_missing and may_be_missing):
            yield f"the known-hosts file {named.path} cannot be read: {named.problem}"

    def _checking(self, route: Route) -> HostKeyChecking:
        return (
            self._settings.host_key_checking
            or route.document.host_key_checking
            or route.settings.host_key_checking
            or HostKeyChecking.STRICT
        )

    def _user_files(self, route: Route) -> tuple[Path, ...]:
        named = route.document.known_hosts_file
        if named is not None:
            return self._expanded([] if named.lower() == "none" else [named], route)
        configured = route.settings.user_known_hosts_files
        if configured is not None:
            return self._expanded(configured, route)
        directory = self._surroundings.directory
        return (directory / "known_hosts", directory / "known_hosts2")

    def _global_files(self, route: Route) -> tuple[Path, ...]:
        configured = route.settings.global_known_hosts_files
        if configured is not None:
            return self._expanded(configured, route)
        directory = self._surroundings.system_directory
        return (directory / "ssh_known_hosts", directory / "ssh_known_hosts2")

    def _expanded(self, texts: Iterable[str], route: Route) -> tuple[Path, ...]:
        return tuple([Path(self._surroundings.expand_path(text, route.tokens)) for text in texts])

    def _recording_command(self, route: Route) -> str:
        """The command by which OpenSSH asks whether to record the key, in the same place."""
        document, file = route.document, self._settings.config_file
        words = ["ssh"]
        if file is not None:
            words += ["-F", str(file)]
        if document.known_hosts_file is not None:
            words += ["-o", f"UserKnownHostsFile={document.known_hosts_file}"]
        if document.identity_file is not None:
            words += ["-i", document.identity_file]
        if document.proxy_jump is not None:
            words += ["-J", document.proxy_jump]
        if document.port is not None:
            words += ["-p", str(document.port)]
        name = route.name if document.user is None else f"{document.user}@{route.name}"
        return shlex.join([*words, name])


def _names(route: Route) -> tuple[str, ...]:
    """Under which names files may have a host's key, the right one first; as OpenSSH does."""
    settings = route.settings
    if settings.host_key_alias is not None:
        return (settings.host_key_alias.lower(),)
    host = settings.host_name.lower()
    if settings.port == _USUAL_PORT:
        return (host,)
    return (place(host, settings.port), host)
