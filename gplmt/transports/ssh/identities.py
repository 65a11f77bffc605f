"""The keys that a login can offer: from files, with their certificates, and from an agent."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import asyncssh
from asyncssh.packet import PacketDecodeError, SSHPacket
from asyncssh.public_key import SSHLocalKeyPair
from msgspec import Struct
from msgspec.structs import replace

from gplmt.transports.ssh.agents import AgentKey
from gplmt.transports.ssh.surroundings import words_of

_MAGIC = b"openssh-key-v1\0"
_DEFAULT_NAMES = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk", "id_dsa")


class KeyFile(Struct, frozen=True, kw_only=True):
    """A file that was named as an identity, and what is in it and beside it.

    `private` is there once it can be used, `public` also where a passphrase is missing or the
    file has only that.  `problem` says why there is no private key, if there is none.
    """

    path: Path
    private: asyncssh.SSHKey | None = None
    public: asyncssh.SSHKey | None = None
    certificates: tuple[asyncssh.SSHCertificate, ...] = ()
    is_missing: bool = False
    is_encrypted: bool = False
    problem: str | None = None


class FileIdentity(Struct, frozen=True, kw_only=True):
    """A private key, and the certificates for it."""

    label: str
    key: asyncssh.SSHKey
    certificates: tuple[asyncssh.SSHCertificate, ...] = ()

    def pairs(self) -> list[asyncssh.SSHKeyPair]:
        """What is offered, certificates first; made anew, as each connection changes its own."""
        certificates = (*self.certificates, None)
        return [SSHLocalKeyPair(self.key, None, each, None) for each in certificates]


class AgentIdentity(Struct, frozen=True, kw_only=True):
    """A key that an agent holds, and certificates for it that lie in files."""

    label: str
    key: AgentKey
    certificates: tuple[asyncssh.SSHCertificate, ...] = ()

    def pairs(self, agent: asyncssh.SSHAgentClient) -> list[asyncssh.SSHKeyPair]:
        """As `FileIdentity.pairs`; the agent is asked only for signatures."""
        algorithm = SSHPacket(self.key.public_data).get_string()
        pairs: list[asyncssh.SSHKeyPair] = []
        for certificate in (*self.certificates, None):
            pair = asyncssh.SSHAgentKeyPair(agent, algorithm, *self.key)
            if certificate is not None:
                pair.set_certificate(certificate)
            pairs.append(pair)
        return pairs


Identity = FileIdentity | AgentIdentity


def default_paths(directory: Path) -> tuple[Path, ...]:
    """Where keys lie that nobody names, `directory` being the user's `.ssh`."""
    return tuple([directory / name for name in _DEFAULT_NAMES])


def read_key_file(path: Path) -> KeyFile:
    """Read a file that was named as an identity, its certificate and its public half."""
    found = KeyFile(
        path=path, public=_public_beside(path), certificates=tuple(_certificates_beside(path))
    )
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return replace(found, is_missing=True, problem="there is no such file")
    except OSError as error:
        return replace(found, problem=f"it cannot be read: {words_of(error)}")
    try:
        private = asyncssh.import_private_key(data)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        return _without_private(found, data, error)
    return replace(found, private=private, public=private.convert_to_public())


def unlock(file: KeyFile, passphrase: str) -> KeyFile:
    """The same file with its private key.

    Raises:
        asyncssh.KeyEncryptionError: that is not the passphrase.
        asyncssh.KeyImportError, OSError: it cannot be used in any case.
    """
    private = asyncssh.import_private_key(file.path.read_bytes(), passphrase)
    public = private.convert_to_public()
    return replace(file, private=private, public=public, is_encrypted=False, problem=None)


def identities(
    files: Sequence[KeyFile],
    agent_keys: Iterable[AgentKey],
    certificates: Sequence[asyncssh.SSHCertificate],
    *,
    only_files: bool,
) -> Iterator[Identity]:
    """What a login offers, in this order: the files, those by the agent that it holds; its others.

    OpenSSH begins with the agent's, so that a key which is named may come after more than the
    server lets one try.  With `only_files`, the agent's other keys are not offered.
    """
    by_data = {key.public_data: key for key in agent_keys}
    for file in files:
        if file.public is None:
            continue
        own = tuple(_certificates_for(file.public, (*file.certificates, *certificates)))
        held = by_data.pop(file.public.public_data, None)
        for certificate in own:
            by_data.pop(certificate.public_data, None)
        if file.private is not None:
            yield FileIdentity(label=f"the key {file.path}", key=file.private, certificates=own)
        elif held is not None:
            label = f"the key {file.path} in the agent"
            yield AgentIdentity(label=label, key=held, certificates=own)
    for key in () if only_files else by_data.values():
        label = f"the agent's key {key.comment.decode(errors='replace')}"
        own = tuple([each for each in certificates if each.key.public_data == key.public_data])
        yield AgentIdentity(label=label, key=key, certificates=own)


def _without_private(found: KeyFile, data: bytes, error: ValueError) -> KeyFile:
    if str(error).startswith("Passphrase"):
        public = found.public or _public_in(data)
        return replace(
            found, public=public, is_encrypted=True, problem="it is encrypted with a passphrase"
        )
    with suppress(asyncssh.KeyImportError):
        public = asyncssh.import_public_key(data)
        return replace(found, public=public, problem="it holds only a public key")
    return replace(found, problem=f"it holds no key that can be used ({str(error).lower()})")


def _public_beside(path: Path) -> asyncssh.SSHKey | None:
    with suppress(OSError, asyncssh.KeyImportError):
        return asyncssh.read_public_key(f"{path}.pub")
    return None


def _certificates_beside(path: Path) -> Iterator[asyncssh.SSHCertificate]:
    with suppress(OSError, asyncssh.KeyImportError):
        yield asyncssh.read_certificate(f"{path}-cert.pub")


def _certificates_for(
    key: asyncssh.SSHKey, certificates: Iterable[asyncssh.SSHCertificate]
) -> Iterator[asyncssh.SSHCertificate]:
    for certificate in certificates:
        if certificate.key.public_data == key.public_data:
            yield certificate


def _public_in(data: bytes) -> asyncssh.SSHKey | None:
    """The public half that an encrypted file in OpenSSH's form shows; PROTOCOL.key of OpenSSH."""
    body = b"".join(line for line in data.splitlines() if not line.startswith(b"-----"))
    with suppress(ValueError, PacketDecodeError, asyncssh.KeyImportError):
        decoded = base64.b64decode(body)
        if decoded.startswith(_MAGIC):
            packet = SSHPacket(decoded[len(_MAGIC) :])
            for _ in ("cipher", "key derivation", "its options"):
                packet.get_string()
            packet.get_uint32()
            return _decoded(packet.get_string())
    return None


def _decoded(public_data: bytes) -> asyncssh.SSHKey:
    algorithm = SSHPacket(public_data).get_string()
    return asyncssh.import_public_key(algorithm + b" " + base64.b64encode(public_data))
