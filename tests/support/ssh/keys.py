"""Keys and certificates that tests log in with, and the files that trust a server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import asyncssh
from msgspec import Struct

_ROUNDS = 16  # of the derivation of keys from passphrases, as many as ssh-keygen makes


class UserKey(Struct, frozen=True, kw_only=True):
    """A private key in a file of mode 0600, its public half beside it (`.pub`).

    With a `certificate`, that lies beside it as well (`-cert.pub`), where clients look for it.
    """

    path: Path
    public: str
    passphrase: str | None = None
    certificate: Path | None = None


class Authority:
    """Signs the keys of users and hosts."""

    def __init__(self) -> None:
        """Make a key that signs."""
        self._key = asyncssh.generate_private_key("ssh-ed25519", "authority")
        self.public = exported(self._key)

    def sign_user(
        self, key: asyncssh.SSHKey, *principals: str, valid_before: str = "+1d"
    ) -> asyncssh.SSHCertificate:
        """A certificate with which a key logs in as any of these users."""
        return self._key.generate_user_certificate(
            key, "test user", principals=principals, valid_after="-1h", valid_before=valid_before
        )

    def sign_host(self, key: asyncssh.SSHKey, *hosts: str) -> asyncssh.SSHCertificate:
        """A certificate that says that a key belongs to any of these hosts."""
        return self._key.generate_host_certificate(key, "test host", principals=hosts)


def make_user_key(
    path: Path,
    *,
    passphrase: str | None = None,
    authority: Authority | None = None,
    principals: Sequence[str] = (),
    valid_before: str = "+1d",
    algorithm: str = "ssh-ed25519",
) -> UserKey:
    """Make a key; with an authority, a certificate for these principals as well."""
    key = asyncssh.generate_private_key(algorithm, "test key")
    path.touch(mode=0o600)
    path.write_bytes(
        key.export_private_key("openssh", passphrase, rounds=_ROUNDS, ignore_few_rounds=True)
    )
    key.write_public_key(path.with_name(f"{path.name}.pub"))
    certificate = None
    if authority is not None:
        certificate = path.with_name(f"{path.name}-cert.pub")
        signed = authority.sign_user(key, *principals, valid_before=valid_before)
        signed.write_certificate(certificate)
    return UserKey(path=path, public=exported(key), passphrase=passphrase, certificate=certificate)


def exported(key: asyncssh.SSHKey) -> str:
    """The public half of a key as a line of OpenSSH's files has it, without a comment."""
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


def write_known_hosts(
    path: Path,
    addresses: Iterable[str],
    port: int,
    host_key: str,
    *,
    authority: Authority | None = None,
) -> Path:
    """A file that trusts a key on some addresses, or whom an authority has signed for."""
    trusted = host_key if authority is None else authority.public
    mark = "" if authority is None else "@cert-authority "
    path.write_text("".join(f"{mark}{_place(at, port)} {trusted}\n" for at in addresses))
    return path


def _place(address: str, port: int) -> str:
    return address if port == 22 else f"[{address}]:{port}"
