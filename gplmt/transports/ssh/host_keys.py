"""Whether a server's key is the right one (LANGUAGE.md 4.2, host-key-checking)."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import asyncssh
from msgspec import Struct

from gplmt.language.values import HostKeyChecking
from gplmt.transports.ssh.known_hosts import KnownHosts, KnownHostsFile, KnownKey, KnownKeys
from gplmt.transports.ssh.surroundings import words_of


class HostKeyPolicy(Struct, frozen=True, kw_only=True):
    """What a login asks of its server's key.

    `names` are those under which known_hosts files may have it, the right one first; a key
    that stands under another one is trusted too.  `recording_command` is what a user can do to
    have a key recorded.
    """

    checking: HostKeyChecking
    names: tuple[str, ...]
    user_files: tuple[Path, ...]
    global_files: tuple[Path, ...] = ()
    is_hashed: bool = False
    recording_command: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """Where keys are looked for."""
        return (*self.user_files, *self.global_files)


class HostKeys:
    """Looks keys up in the known_hosts files that a run needs, and adds new ones.

    `warn` is told of a key that could not be recorded.
    """

    def __init__(self, known_hosts: KnownHosts, warn: Callable[[str], None]) -> None:
        self._known_hosts = known_hosts
        self._warn = warn
        self._accepted: dict[str, asyncssh.SSHKey] = {}

    def known(self, policy: HostKeyPolicy) -> KnownKeys:
        """The keys under the first name that has any; what is revoked under any of them."""
        if policy.checking is HostKeyChecking.OFF:
            return KnownKeys()
        found = [self._known_hosts.look_up(name, policy.files) for name in policy.names]
        trusted = next((keys for keys in found if keys.keys or keys.authorities), KnownKeys())
        return KnownKeys(
            keys=trusted.keys,
            authorities=trusted.authorities,
            revoked=tuple(known for keys in found for known in keys.revoked),
        )

    def refusal(self, policy: HostKeyPolicy, key: asyncssh.SSHKey) -> str | None:
        """Why a key that is not among the known ones is refused; None if it is accepted."""
        known = self._known_hosts.look_up(policy.names[0], policy.files).keys
        if any(each.key == key for each in known):  # recorded since this connection was begun
            return None
        if known:
            return _mismatch(policy, key, known)
        if policy.checking is HostKeyChecking.ACCEPT_NEW:
            return self._accept(policy, key)
        return self._unknown(policy, key)

    def _unknown(self, policy: HostKeyPolicy, key: asyncssh.SSHKey) -> str:
        read = [self._known_hosts.read(path) for path in policy.files]
        files = [f"{file.path}{_problem(file)}" for file in read if not file.is_missing]
        where = f"is not in {' or '.join(files)}" if files else "is in no file of known hosts"
        return (
            f"the host key of {policy.names[0]} is not known: {_shown(key)} {where}; if it is the "
            f"right one, log in once with `{policy.recording_command}`, or accept it with "
            "`gplmt ping --accept-new FILE`"
        )

    def _accept(self, policy: HostKeyPolicy, key: asyncssh.SSHKey) -> str | None:
        """Take the first key that a host shows in this run, and record it."""
        name = policy.names[0]
        if name in self._accepted:
            changed = f"{_shown(key)}, which is not the one that it showed before"
            return None if self._accepted[name] == key else f"{name} shows the host key {changed}"
        self._accepted[name] = key
        if not policy.user_files:
            return None
        file = policy.user_files[0]
        try:
            is_known = self._known_hosts.add(name, key, file, is_hashed=policy.is_hashed)
        except OSError as error:
            self._warn(f"the host key of {name} cannot be recorded in {file}: {words_of(error)}")
            return None
        if is_known:
            return None
        return _mismatch(policy, key, self._known_hosts.look_up(name, policy.files).keys)


def revocation(policy: HostKeyPolicy, known: KnownKeys) -> str:
    """Why a revoked key is refused."""
    places = ", ".join(sorted({_place(each) for each in known.revoked}))
    return f"the host key of {policy.names[0]} is revoked; see {places}"


def _mismatch(policy: HostKeyPolicy, key: asyncssh.SSHKey, known: Sequence[KnownKey]) -> str:
    """What to say of a key where others are known; at best one of the same kind is."""
    of_same_kind = [each for each in known if each.key.algorithm == key.algorithm]
    old = (of_same_kind or known)[0]
    name = policy.names[0]
    problem = (
        f"the host key of {name} has changed"
        if of_same_kind
        else (f"{name} shows a host key of another kind than the known one")
    )
    remedy = shlex.join(["ssh-keygen", "-R", name, "-f", str(old.file)])
    return (
        f"{problem}: it shows {_shown(key)}, and {_place(old)} has {_shown(old.key)}; this may be "
        f"an attack, or a new installation; then remove the old key with `{remedy}`"
    )


def _problem(file: KnownHostsFile) -> str:
    return "" if file.problem is None else f" ({file.problem})"


def _shown(key: asyncssh.SSHKey) -> str:
    return f"{key.get_algorithm()} {key.get_fingerprint()}"


def _place(known: KnownKey) -> str:
    return f"{known.file}:{known.line}"
