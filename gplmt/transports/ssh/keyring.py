"""What each login has to offer: keys, agents and passwords, each read or asked for once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import asyncssh

from gplmt.transports.ssh.agents import AgentKey, list_keys
from gplmt.transports.ssh.authentication import Credentials
from gplmt.transports.ssh.configuration import HostSettings
from gplmt.transports.ssh.identities import (
    Identity,
    KeyFile,
    default_paths,
    identities,
    read_key_file,
)
from gplmt.transports.ssh.known_hosts import place
from gplmt.transports.ssh.routes import Route
from gplmt.transports.ssh.secrets import Secret, Secrets
from gplmt.transports.ssh.surroundings import Surroundings


class Keyring:
    """Finds what the login of a route offers, and asks for what is missing.

    The passphrase of the key that the experiment names is asked for; those of other keys, or a
    password, only where a login has nothing else.  Methods raise `ValueError` for a path that
    cannot be expanded.
    """

    def __init__(self, surroundings: Surroundings, secrets: Secrets) -> None:
        self._surroundings = surroundings
        self._secrets = secrets
        self._files: dict[Path, KeyFile] = {}
        self._certificates: dict[Path, tuple[asyncssh.SSHCertificate, ...]] = {}
        self._agents: dict[str | None, dict[bytes, AgentKey]] = {None: {}}

    def faults(self, route: Route) -> Iterator[tuple[str, str]]:
        """What is wrong with the keys and passwords that the experiment names: problem and hint."""
        variable = route.document.password_env
        if variable is not None and variable not in self._surroundings.environment:
            yield f"the variable {variable} of <password-env> is not set", "export it"
        path = self._named_path(route)
        if path is None:
            return
        file = self._file(path)
        if file.private is not None or self._is_held(file, route):
            return
        problem = f"the identity file {path} cannot be used: {file.problem}"
        if not file.is_encrypted:
            yield problem, "name the file of a private key"
        elif not self._may_ask(route):
            yield f"{problem}, and nobody may be asked", f"add it to an SSH agent: ssh-add {path}"

    def credentials(self, route: Route) -> Credentials:
        """What a login offers; may ask on the terminal.

        Raises:
            ValueError: the user did not give the passphrase of the key that the experiment names.
        """
        files = self._unlocked(route)
        found = self._identities(files, route)
        return Credentials(
            user=route.settings.user,
            identities=found,
            agent_path=self.agent_path(route),
            password=self._password(route, is_needed=not found),
            unusable=tuple(
                f"{file.path} ({file.problem})"
                for file in files
                if file.problem is not None
                and not file.is_missing
                and not self._is_held(file, route)
            ),
        )

    def agent_path(self, route: Route) -> str | None:
        """The socket of the agent that signs for a login."""
        named = route.settings.identity_agent
        if named is None or named == "SSH_AUTH_SOCK":
            return self._surroundings.environment.get("SSH_AUTH_SOCK") or None
        return None if named.lower() == "none" else self._socket_path(named, route)

    def forwarded_agent(self, route: Route) -> str | None:
        """The socket of the agent that a node may use."""
        wanted = route.document.forward_agent
        if wanted is None:
            wanted_or_path = route.settings.forward_agent
            if isinstance(wanted_or_path, str):
                return self._socket_path(wanted_or_path, route)
            wanted = wanted_or_path
        return self.agent_path(route) if wanted else None

    def _socket_path(self, text: str, route: Route) -> str | None:
        """An agent's socket as keywords name it: a path, or `$NAME` for what a variable says."""
        if text.startswith("$") and not text.startswith("${"):
            return self._surroundings.environment.get(text[1:]) or None
        return self._surroundings.expand_path(text, route.tokens)

    def _unlocked(self, route: Route) -> list[KeyFile]:
        """The files of a login's keys, those unlocked whose passphrase is to be asked for."""
        files = [self._file(path) for path in self._paths(route)]
        if not self._may_ask(route):
            return files
        named = self._named_path(route)
        files = [self._unlock(file, route) if file.path == named else file for file in files]
        if self._identities(files, route) or route.document.password_env is not None:
            return files
        return [self._unlock(file, route) for file in files]

    def _unlock(self, file: KeyFile, route: Route) -> KeyFile:
        if not file.is_encrypted or self._is_held(file, route):
            return file
        unlocked = self._secrets.unlock(file)
        if unlocked.private is None and file.path == self._named_path(route):
            raise ValueError(f"the identity file {file.path} cannot be used: {unlocked.problem}")
        return unlocked

    def _password(self, route: Route, *, is_needed: bool) -> Secret | None:
        variable, settings = route.document.password_env, route.settings
        if variable is not None:
            return Secret(self._surroundings.environment[variable])
        if not is_needed or not self._may_ask(route) or not _takes_password(settings):
            return None
        return self._secrets.password(settings.user, place(settings.host_name, settings.port))

    def _paths(self, route: Route) -> Sequence[Path]:
        """The files of a login's keys, that of the experiment first."""
        named, configured = route.document.identity_file, route.settings.identity_files
        if named is None and configured is None:
            return default_paths(self._surroundings.directory)
        texts = [*([] if named is None else [named]), *(configured or ())]
        return [self._expand(text, route) for text in texts if text.lower() != "none"]

    def _named_path(self, route: Route) -> Path | None:
        named = route.document.identity_file
        if named is None or named.lower() == "none":
            return None
        return self._expand(named, route)

    def _identities(self, files: Sequence[KeyFile], route: Route) -> tuple[Identity, ...]:
        settings = route.settings
        if settings.public_key is False:
            return ()
        certificates = [
            certificate
            for text in settings.certificate_files
            for certificate in self._certificate(self._expand(text, route))
        ]
        only_files = settings.identities_only is True
        held = self._agent_keys(route).values()
        return tuple(identities(files, held, certificates, only_files=only_files))

    def _is_held(self, file: KeyFile, route: Route) -> bool:
        """Whether the agent signs with the key of a file."""
        return file.public is not None and file.public.public_data in self._agent_keys(route)

    def _may_ask(self, route: Route) -> bool:
        return self._secrets.may_ask and not route.settings.batch_mode

    def _file(self, path: Path) -> KeyFile:
        if path not in self._files:
            self._files[path] = read_key_file(path)
        return self._files[path]

    def _certificate(self, path: Path) -> tuple[asyncssh.SSHCertificate, ...]:
        """The certificate in a file; as OpenSSH does, pass over one that is none."""
        if path not in self._certificates:
            self._certificates[path] = ()
            with suppress(OSError, asyncssh.KeyImportError):
                self._certificates[path] = (asyncssh.read_certificate(path),)
        return self._certificates[path]

    def _agent_keys(self, route: Route) -> dict[bytes, AgentKey]:
        path = self.agent_path(route)
        if path not in self._agents:
            self._agents[path] = {key.public_data: key for key in list_keys(path or "")}
        return self._agents[path]

    def _expand(self, text: str, route: Route) -> Path:
        return Path(self._surroundings.expand_path(text, route.tokens))


def _takes_password(settings: HostSettings) -> bool:
    """Whether the configuration lets a login try a password."""
    preferred = settings.preferred_authentications
    wanted = ("password", "keyboard-interactive") if preferred is None else preferred.split(",")
    return (settings.password is not False and "password" in wanted) or (
        settings.keyboard_interactive is not False and "keyboard-interactive" in wanted
    )
