"""Files of known host keys: read once, asked by name, added to; sshd(8), SSH_KNOWN_HOSTS.

Read by us because asyncssh does not tell where a key stands, and goes through all patterns and
hashes of a file slowly, twice for each host.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import asyncssh
from msgspec import Struct

from gplmt.transports.ssh.conditions import Patterns
from gplmt.transports.ssh.surroundings import words_of

_BLOCK_BYTES = 64  # to which HMAC pads its key for SHA-1
_SALT_BYTES = 20
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_MAX_REMEMBERED = 10_000


class KnownKey(Struct, frozen=True, kw_only=True):
    """A key of a file, and where it stands there."""

    file: Path
    line: int
    key: asyncssh.SSHKey


class KnownKeys(Struct, frozen=True, kw_only=True):
    """What files say of a name: its keys, who may sign for it, what is revoked."""

    keys: tuple[KnownKey, ...] = ()
    authorities: tuple[KnownKey, ...] = ()
    revoked: tuple[KnownKey, ...] = ()


class _Line(Struct, frozen=True, kw_only=True):
    number: int
    marker: str
    key: str


class KnownHostsFile:
    """The lines of one file; one that is missing or cannot be read has none.

    `problem` says why there are none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_missing = False
        self.problem: str | None = None
        self._lines = _Lines()
        self._stamp: tuple[int, ...] = ()
        try:
            with path.open("rb") as file:
                self._lines.read(file.read())
                self._stamp = _stamp_of(file.fileno())
        except OSError as error:
            self.is_missing = isinstance(error, FileNotFoundError)
            self.problem = words_of(error)

    def look_up(self, name: str) -> Iterator[tuple[str, KnownKey]]:
        """The keys of a name in lower case, each with its marker."""
        for line in self._lines.of(name):
            key = _imported(line.key)
            if key is not None:
                yield line.marker, KnownKey(file=self.path, line=line.number, key=key)

    def add(self, name: str, key: asyncssh.SSHKey, *, is_hashed: bool) -> bool:
        """Append a key, unless others have meanwhile added some: whether it is a known one now.

        Raises:
            OSError: the file cannot be written.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "rb+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _stamp_of(descriptor) != self._stamp:
                self._lines = _Lines()
                self._lines.read(file.read())
            added = [known.key for marker, known in self.look_up(name) if not marker]
            if added:
                return key in added
            shown = _hashed(name) if is_hashed else name
            separator = "" if self._lines.is_whole else "\n"
            line = f"{separator}{shown} {export(key)}\n".encode()
            file.write(line)
            self._lines.read(line)
            self._stamp = _stamp_of(descriptor)
        return True


class _Lines:
    """The lines of a file, by the names that they are for; `is_whole` if the last one has ended."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[_Line]] = defaultdict(list)
        self._by_patterns: list[tuple[Patterns, _Line]] = []
        self._by_hash: list[tuple[_HashedName, _Line]] = []
        self._count = 0
        self.is_whole = True

    def read(self, data: bytes) -> None:
        """Take further lines; as OpenSSH does, pass over what is malformed."""
        *lines, rest = data.decode(errors="surrogateescape").split("\n")
        for number, line in enumerate([*lines, rest], self._count + 1):
            with suppress(ValueError):
                self._take(line, number)
        self._count += len(lines)
        self.is_whole = not rest

    def of(self, name: str) -> list[_Line]:
        """The lines for a name in lower case, in their order."""
        self._recognise(name)
        by_patterns = [line for patterns, line in self._by_patterns if patterns.match(name)]
        found = [*self._by_name.get(name, ()), *by_patterns]
        return sorted(found, key=lambda line: line.number)

    def _recognise(self, name: str) -> None:
        """Take the lines whose hash is that of the name from those whose name is not known."""
        encoded = name.encode()
        found = [line for hashed, line in self._by_hash if hashed.match(encoded)]
        if found:
            self._by_name[name] += found
            self._by_hash = [(hashed, line) for hashed, line in self._by_hash if line not in found]

    def _take(self, text: str, number: int) -> None:
        words = text.split()
        marker = words.pop(0) if text.lstrip().startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#"):
            return
        names, key = words[0], " ".join(words[1:3])
        line = _Line(number=number, marker=marker, key=key)
        if names.startswith("|"):
            self._by_hash.append((_HashedName(names), line))
            return
        patterns = Patterns(names.lower().split(","))
        if patterns.names is None:
            self._by_patterns.append((patterns, line))
        for name in patterns.names or ():
            self._by_name[name].append(line)


class KnownHosts:
    """All files of known host keys that a run needs, each read once."""

    def __init__(self) -> None:
        self._files: dict[Path, KnownHostsFile] = {}
        self._found: dict[str, dict[tuple[Path, ...], KnownKeys]] = defaultdict(dict)

    def read(self, path: Path) -> KnownHostsFile:
        """The file of that path."""
        if path not in self._files:
            self._files[path] = KnownHostsFile(path)
        return self._files[path]

    def look_up(self, name: str, paths: tuple[Path, ...]) -> KnownKeys:
        """What the files say of a name in lower case; see `place`."""
        found = self._found[name]
        if paths not in found:
            by_marker: dict[str, list[KnownKey]] = defaultdict(list)
            for path in paths:
                for marker, known in self.read(path).look_up(name):
                    by_marker[marker].append(known)
            found[paths] = KnownKeys(
                keys=tuple(by_marker[""]),
                authorities=tuple(by_marker["@cert-authority"]),
                revoked=tuple(by_marker["@revoked"]),
            )
        return found[paths]

    def add(self, name: str, key: asyncssh.SSHKey, path: Path, *, is_hashed: bool) -> bool:
        """As `KnownHostsFile.add`."""
        self._found.pop(name, None)
        return self.read(path).add(name, key, is_hashed=is_hashed)


def place(host: str, port: int) -> str:
    """A host at a port as known_hosts files name it."""
    return host if port == 22 else f"[{host}]:{port}"


def export(key: asyncssh.SSHKey) -> str:
    """A public key as a line of a file has it, without a comment."""
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


class _HashedName:
    """A name that only who knows it can recognise: `|1|SALT|HMAC`."""

    def __init__(self, field: str) -> None:
        _, version, salt, digest = field.split("|")
        if version != "1":
            raise ValueError(field)
        key = base64.b64decode(salt).ljust(_BLOCK_BYTES, b"\0")
        self._inner, self._outer = key.translate(_INNER), key.translate(_OUTER)
        self._digest = base64.b64decode(digest)

    def match(self, name: bytes) -> bool:
        """Whether it is this name."""
        return self.digest_of(name) == self._digest

    def digest_of(self, name: bytes) -> bytes:
        """HMAC-SHA-1, which takes `hmac` three times as long."""
        inner = hashlib.sha1(self._inner + name, usedforsecurity=False).digest()
        return hashlib.sha1(self._outer + inner, usedforsecurity=False).digest()


def _hashed(name: str) -> str:
    salt = base64.b64encode(os.urandom(_SALT_BYTES)).decode()
    digest = _HashedName(f"|1|{salt}|").digest_of(name.encode())
    return f"|1|{salt}|{base64.b64encode(digest).decode()}"


@lru_cache(_MAX_REMEMBERED)
def _imported(text: str) -> asyncssh.SSHKey | None:
    """The key, or None if asyncssh does not know its kind."""
    try:
        return asyncssh.import_public_key(text)
    except asyncssh.KeyImportError:
        return None


def _stamp_of(descriptor: int) -> tuple[int, ...]:
    status = os.fstat(descriptor)
    return status.st_ino, status.st_size, status.st_mtime_ns
