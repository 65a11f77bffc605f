"""Passphrases and passwords, asked for on the terminal before a run, each once."""

from __future__ import annotations

from pathlib import Path

import asyncssh
from msgspec.structs import replace

from gplmt.prompting import ask_secret
from gplmt.transports.ssh.identities import KeyFile, unlock

_ATTEMPTS = 3


class Secret:
    """A text that does not show where the object that holds it is printed."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Secret(...)"


class Secrets:
    """Asks, unless it may not."""

    def __init__(self, *, may_ask: bool) -> None:
        self.may_ask = may_ask
        self._unlocked: dict[Path, KeyFile] = {}
        self._passwords: dict[tuple[str, str], Secret | None] = {}

    def unlock(self, file: KeyFile) -> KeyFile:
        """The same file with its private key, or with the problem why there is still none."""
        if file.path not in self._unlocked:
            self._unlocked[file.path] = self._ask_for(file)
        return self._unlocked[file.path]

    def password(self, user: str, place: str) -> Secret | None:
        """The password of a user on a host; None where the user types nothing."""
        if (user, place) not in self._passwords:
            typed = ask_secret(f"Password of {user} on {place}: ")
            self._passwords[user, place] = None if typed is None else Secret(typed)
        return self._passwords[user, place]

    def _ask_for(self, file: KeyFile) -> KeyFile:
        for _ in range(_ATTEMPTS):
            passphrase = ask_secret(f"Passphrase of the key {file.path}: ")
            if passphrase is None:
                return replace(file, problem="no passphrase was given")
            try:
                return unlock(file, passphrase)
            except asyncssh.KeyEncryptionError:
                continue
            except (OSError, asyncssh.KeyImportError) as error:
                return replace(file, problem=f"it cannot be decrypted: {error}")
        return replace(file, problem=f"{_ATTEMPTS} wrong passphrases were given")
