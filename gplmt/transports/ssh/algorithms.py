"""Which algorithms are offered to a server, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asyncssh import encryption, kex, mac, public_key
from msgspec import Struct

from gplmt.transports.ssh.conditions import Patterns
from gplmt.transports.ssh.configuration import HostSettings
from gplmt.transports.ssh.known_hosts import KnownKeys

# The first takes the least CPU time where there are AES instructions (docs/explanation).
_FIRST_CIPHERS = ("aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com")
# As OpenSSH asks for them, so that both see the same key of a host that has several.
_FIRST_HOST_KEYS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_CERTIFICATE = "-cert-v01@openssh.com"


class Algorithms(Struct, frozen=True, kw_only=True):
    """The algorithms of one login, best first; an empty choice is asyncssh's default one."""

    ciphers: tuple[str, ...]
    macs: tuple[str, ...]
    key_exchanges: tuple[str, ...]
    signatures: tuple[str, ...]
    compressions: tuple[str, ...]


def choose(settings: HostSettings) -> Algorithms:
    """The algorithms that a configuration asks for, else those that suit bulk output.

    Raises:
        ValueError: gplmt knows none of those that a keyword names.
    """
    ciphers = _names(encryption.get_default_encryption_algs())
    return Algorithms(
        ciphers=_selected(
            "Ciphers",
            settings.ciphers,
            possible=_names(encryption.get_encryption_algs()),
            default=_with_first(_FIRST_CIPHERS, ciphers),
        ),
        macs=_configured(
            "MACs",
            settings.macs,
            possible=_names(mac.get_mac_algs()),
            default=_names(mac.get_default_mac_algs()),
        ),
        key_exchanges=_configured(
            "KexAlgorithms",
            settings.kex_algorithms,
            possible=_names(kex.get_kex_algs()),
            default=_names(kex.get_default_kex_algs()),
        ),
        signatures=_configured(
            "PubkeyAcceptedAlgorithms",
            settings.public_key_algorithms,
            possible=_names(public_key.get_public_key_algs()),
            default=_names(public_key.get_default_public_key_algs()),
        ),
        compressions=("zlib@openssh.com", "zlib", "none") if settings.compression else ("none",),
    )


def for_host_keys(configured: str | None, known: KnownKeys) -> tuple[str, ...]:
    """In which forms a server may show its key: those first for which a key is known.

    A certificate is asked for only where somebody is known to sign for the host; a server that
    has one then shows its plain key.

    Raises:
        ValueError: gplmt knows none of those that the configuration names.
    """
    plain = _with_first(_FIRST_HOST_KEYS, _names(public_key.get_default_public_key_algs()))
    certified = _names(public_key.get_default_certificate_algs())
    default = (*(certified if known.authorities else ()), *plain)
    possible = (
        *_names(public_key.get_certificate_algs()),
        *_names(public_key.get_public_key_algs()),
    )
    selected = _selected("HostKeyAlgorithms", configured, possible=possible, default=default)
    if configured is not None and configured[0] not in "+-":
        return selected
    of_known = {name for each in known.keys for name in _names(each.key.sig_algorithms)}
    wanted = [
        name
        for name in selected
        if name in of_known or (known.authorities and name.endswith(_CERTIFICATE))
    ]
    return _with_first(wanted, selected)


def _configured(
    keyword: str, text: str | None, *, possible: Sequence[str], default: Sequence[str]
) -> tuple[str, ...]:
    return () if text is None else _selected(keyword, text, possible=possible, default=default)


def _selected(
    keyword: str, text: str | None, *, possible: Sequence[str], default: Sequence[str]
) -> tuple[str, ...]:
    """The algorithms of a list as OpenSSH has it, with patterns and an initial +, - or ^."""
    if text is None:
        return tuple(default)
    change, listed = (text[0], text[1:]) if text[0] in "+-^" else ("", text)
    named = [
        name for word in listed.split(",") for name in possible if Patterns([word]).match(name)
    ]
    match change:
        case "+":
            named = [*default, *named]
        case "-":
            named = [name for name in default if name not in named]
        case "^":
            named = [*named, *default]
    if not named:
        raise ValueError(f"{keyword}: gplmt knows none of {text!r}")
    return tuple(dict.fromkeys(named))


def _with_first(first: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The names, those that are in `first` before the others."""
    return (
        *[name for name in first if name in names],
        *[name for name in names if name not in first],
    )


def _names(algorithms: Iterable[bytes]) -> tuple[str, ...]:
    return tuple([algorithm.decode() for algorithm in algorithms])
