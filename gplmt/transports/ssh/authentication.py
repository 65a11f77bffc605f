"""Logging in: what is offered to a server, in which order, and whether its own key is right."""

from __future__ import annotations

from collections.abc import Sequence

import asyncssh
from msgspec import Struct

from gplmt.transports.ssh.host_keys import HostKeyPolicy, HostKeys, revocation
from gplmt.transports.ssh.identities import FileIdentity, Identity
from gplmt.transports.ssh.secrets import Secret

_INTERACTIVELY = "the password interactively"
_TOO_MANY = "Too many authentication failures"


class Credentials(Struct, frozen=True, kw_only=True):
    """What a login has to offer.

    `unusable` tells of the keys that it would have if they could be used, for people.
    """

    user: str
    identities: tuple[Identity, ...] = ()
    agent_path: str | None = None
    password: Secret | None = None
    unusable: tuple[str, ...] = ()


class Attempt(asyncssh.SSHClient):
    """One attempt to log in.

    Why it failed, in words for the user, becomes a note of the exception; see `explain`.
    """

    def __init__(
        self, credentials: Credentials, policy: HostKeyPolicy, host_keys: HostKeys
    ) -> None:
        self._credentials = credentials
        self._policy = policy
        self._host_keys = host_keys
        self._refusal: str | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._agent: asyncssh.SSHAgentClient | None = None
        self._waiting = iter(credentials.identities)
        self._tried: list[str] = []
        self._methods: dict[str, None] = {}  # that the server takes, in order
        self._is_in = False

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """As asyncssh says."""
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncssh says."""
        self._close_agent()
        if exc is not None and not self._is_in and (reason := self._reason(exc)) is not None:
            exc.add_note(reason)

    def validate_host_public_key(
        self,
        host: str,  # noqa: ARG002
        addr: str,  # noqa: ARG002
        port: int,  # noqa: ARG002
        key: asyncssh.SSHKey,
    ) -> bool:
        """Whether a key that is not known is accepted."""
        self._refusal = self._host_keys.refusal(self._policy, key)
        return self._refusal is None

    def public_key_auth_requested(self) -> Sequence[asyncssh.SSHKeyPair] | None:
        """The next identity; one at a time, so that it is known which ones were tried."""
        self._note_methods()
        identity = next(self._waiting, None)
        if identity is None:
            return None
        self._tried.append(identity.label)
        if isinstance(identity, FileIdentity):
            return identity.pairs()
        if self._agent is None:
            self._agent = asyncssh.SSHAgentClient(self._credentials.agent_path or "")
        return identity.pairs(self._agent)

    def password_auth_requested(self) -> str | None:
        """The password, once."""
        self._note_methods()
        return self._password_once("the password")

    def kbdint_auth_requested(self) -> str | None:
        """Whether there is something to answer with."""
        self._note_methods()
        password = self._credentials.password
        return None if password is None or _INTERACTIVELY in self._tried else ""

    def kbdint_challenge_received(
        self,
        name: str,  # noqa: ARG002
        instructions: str,  # noqa: ARG002
        lang: str,  # noqa: ARG002
        prompts: Sequence[tuple[str, bool]],
    ) -> Sequence[str] | None:
        """The password, where it alone is asked for; a text to read is passed over."""
        if not prompts:
            return ()
        [(_, is_visible), *others] = prompts
        password = None if is_visible or others else self._password_once(_INTERACTIVELY)
        return None if password is None else [password]

    def auth_completed(self) -> None:
        """As asyncssh says."""
        self._is_in = True
        self._close_agent()

    def _password_once(self, label: str) -> str | None:
        password = self._credentials.password
        if password is None or label in self._tried:
            return None
        self._tried.append(label)
        return password.value

    def _close_agent(self) -> None:
        if self._agent is not None:
            self._agent.close()
            self._agent = None

    def _note_methods(self) -> None:
        if self._connection is not None:
            self._methods |= dict.fromkeys(self._connection.get_server_auth_methods())

    def _reason(self, error: Exception) -> str | None:
        """What is known here of why the login failed."""
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            if self._refusal is None and "revoked" in error.reason:
                return revocation(self._policy, self._host_keys.known(self._policy))
            return self._refusal
        if isinstance(error, asyncssh.PermissionDenied):
            return self._denial()
        if isinstance(error, asyncssh.DisconnectError) and _TOO_MANY in error.reason:
            return (
                f"the server lets nobody try more than {self._listed_tries()}; name the right key "
                "with <identity-file>, which is tried first"
            )
        return None

    def _denial(self) -> str:
        parts = [f"permission denied for {self._credentials.user}"]
        if self._tried:
            parts.append(f"tried {self._listed_tries()}")
        else:
            parts.append("there is no key, no agent and no password to log in with")
        if self._methods:
            parts.append(f"the server takes {', '.join(self._methods)}")
        if self._credentials.password is None and "password" in self._methods:
            parts.append("name the variable that holds a password with <password-env>")
        parts += [f"not tried: {each}" for each in self._credentials.unusable]
        return "; ".join(parts)

    def _listed_tries(self) -> str:
        return ", ".join(self._tried)
