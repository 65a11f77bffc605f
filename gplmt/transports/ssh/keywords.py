"""What the keywords of an OpenSSH client configuration mean to gplmt; ssh_config(5).

Every parser raises `ValueError` with a message for the user.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping

from gplmt.language.values import HostKeyChecking
from gplmt.transports.ssh.directives import Directive

Value = object
_TIME = re.compile(r"(\d+)([smhdw]?)", re.IGNORECASE)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CHECKING = {
    "yes": HostKeyChecking.STRICT,
    "true": HostKeyChecking.STRICT,
    "ask": HostKeyChecking.STRICT,
    "accept-new": HostKeyChecking.ACCEPT_NEW,
    "no": HostKeyChecking.OFF,
    "false": HostKeyChecking.OFF,
    "off": HostKeyChecking.OFF,
}
_FAMILIES = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}


def word(directive: Directive) -> str:
    """The only word."""
    if len(directive.words) > 1:
        raise ValueError(f"{directive.words[1]!r} is one word too many")
    return directive.words[0]


def rest_of_line(directive: Directive) -> str:
    """All that stands behind the keyword, quotes included."""
    return directive.text


def words(directive: Directive) -> tuple[str, ...]:
    """Several words; `none` alone is none."""
    return () if _is_none(directive.words) else directive.words


def boolean(directive: Directive) -> bool:
    """A yes or no."""
    text = word(directive).lower()
    if text in ("yes", "true"):
        return True
    if text in ("no", "false"):
        return False
    raise ValueError(f"{word(directive)!r} is neither 'yes' nor 'no'")


def boolean_or_word(directive: Directive) -> bool | str:
    """A yes or no, or something else in their place."""
    try:
        return boolean(directive)
    except ValueError:
        return word(directive)


def public_key_authentication(directive: Directive) -> bool:
    """A yes or no, or which extension to use, which is a yes."""
    if word(directive).lower() in ("unbound", "host-bound"):
        return True
    return boolean(directive)


def port(directive: Directive) -> int:
    """A TCP port, or a service's name."""
    text = word(directive)
    try:
        number = int(text) if text.isdecimal() else socket.getservbyname(text, "tcp")
    except OSError:
        number = 0
    if not 1 <= number <= 65535:
        raise ValueError(f"{text!r} is not a port from 1 to 65535")
    return number


def seconds(directive: Directive) -> int | None:
    """A time such as `90` or `1m30s`; None says nothing, so that a later line may."""
    text = word(directive)
    if text.lower() == "none":
        return None
    parts = _TIME.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a time; write one like '30', '30s' or '1m30s'")
    return sum(int(number) * _UNITS[unit.lower()] for number, unit in parts)


def host_key_checking(directive: Directive) -> HostKeyChecking:
    """What StrictHostKeyChecking asks for."""
    try:
        return _CHECKING[word(directive).lower()]
    except KeyError:
        known = "'yes', 'accept-new', 'ask' or 'no'"
        raise ValueError(f"{word(directive)!r} is not known; write {known}") from None


def address_family(directive: Directive) -> int:
    """The number of an address family."""
    try:
        return int(_FAMILIES[word(directive).lower()])
    except KeyError:
        known = "'any', 'inet' or 'inet6'"
        raise ValueError(f"{word(directive)!r} is not known; write {known}") from None


Parser = Callable[[Directive], Value]

FIRST: Mapping[str, tuple[str, Parser]] = {  # what counts once: field of HostSettings and parser
    "addressfamily": ("address_family", address_family),
    "batchmode": ("batch_mode", boolean),
    "bindaddress": ("bind_address", word),
    "challengeresponseauthentication": ("keyboard_interactive", boolean),
    "ciphers": ("ciphers", word),
    "compression": ("compression", boolean),
    "connecttimeout": ("connect_timeout_seconds", seconds),
    "forwardagent": ("forward_agent", boolean_or_word),
    "globalknownhostsfile": ("global_known_hosts_files", words),
    "gssapiauthentication": ("gssapi", boolean),
    "hashknownhosts": ("hash_known_hosts", boolean),
    "hostkeyalgorithms": ("host_key_algorithms", word),
    "hostkeyalias": ("host_key_alias", word),
    "hostname": ("host_name", word),
    "ignoreunknown": ("ignored_keywords", word),
    "identitiesonly": ("identities_only", boolean),
    "identityagent": ("identity_agent", word),
    "kbdinteractiveauthentication": ("keyboard_interactive", boolean),
    "kexalgorithms": ("kex_algorithms", word),
    "macs": ("macs", word),
    "passwordauthentication": ("password", boolean),
    "port": ("port", port),
    "preferredauthentications": ("preferred_authentications", word),
    "proxycommand": ("proxy_command", rest_of_line),
    "proxyjump": ("proxy_jump", word),
    "pubkeyacceptedalgorithms": ("public_key_algorithms", word),
    "pubkeyacceptedkeytypes": ("public_key_algorithms", word),
    "pubkeyauthentication": ("public_key", public_key_authentication),
    "stricthostkeychecking": ("host_key_checking", host_key_checking),
    "tag": ("tag", word),
    "tcpkeepalive": ("tcp_keep_alive", boolean),
    "user": ("user", word),
    "userknownhostsfile": ("user_known_hosts_files", words),
}

REPEATED: Mapping[str, tuple[str, Parser]] = {  # what adds up
    "certificatefile": ("certificate_files", word),
    "identityfile": ("identity_files", word),
}

# What would change how a login goes or what it gives, and is not done: which values do nothing
# anyway, and what to do instead.
UNSUPPORTED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "bindinterface": (("none",), "set BindAddress instead"),
    "casignaturealgorithms": ((), "the authorities of known_hosts may use any algorithm"),
    "canonicalizehostname": (("no", "false", "none"), "write full host names"),
    "gssapikeyexchange": (("no", "false"), "other key exchanges are used"),
    "hostbasedauthentication": (("no", "false"), "use a key"),
    "knownhostscommand": (("none",), "write the keys to a file for UserKnownHostsFile"),
    "nohostauthenticationforlocalhost": (("no", "false"), "set StrictHostKeyChecking instead"),
    "pkcs11provider": (("none",), "add the key to an SSH agent"),
    "proxyusefdpass": (("no", "false"), "the ProxyCommand must pass the bytes itself"),
    "refuseconnection": ((), "leave the target out of the experiment"),
    "requiredrsasize": (("1024",), "set it on the servers"),
    "revokedhostkeys": (("none",), "mark the keys @revoked in a known_hosts file"),
    "securitykeyprovider": (("internal", "none", "$ssh_sk_provider"), "use an SSH agent"),
    "setenv": ((), "set variables with <export-env>"),
    "verifyhostkeydns": (("no", "false"), "keys must stand in a known_hosts file"),
}

_HARMLESS = """
addkeystoagent canonicaldomains canonicalizefallbacklocal canonicalizemaxdots
canonicalizepermittedcnames channeltimeout checkhostip cipher clearallforwardings
compressionlevel connectionattempts controlmaster controlpath controlpersist dsaauthentication
dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure
fallbacktorsh fingerprinthash forkafterauthentication forwardx11 forwardx11timeout
forwardx11trusted gatewayports globalknownhostsfile2 gssapiclientidentity
gssapidelegatecredentials gssapikexalgorithms gssapirenewalforcesrekey gssapiserveridentity
gssapitrustdns hostbasedacceptedalgorithms hostbasedkeytypes ipqos
kbdinteractivedevices keepalive localcommand localforward loglevel logverbose
numberofpasswordprompts obscurekeystroketiming permitlocalcommand permitremoteopen protocol
rekeylimit remotecommand remoteforward requesttty rhostsrsaauthentication rsaauthentication
sendenv serveralivecountmax serveraliveinterval sessiontype stdinnull streamlocalbindmask
streamlocalbindunlink syslogfacility tunnel tunneldevice updatehostkeys useprivilegedport
userknownhostsfile2 versionaddendum visualhostkey warnweakcrypto xauthlocation
"""
HARMLESS = frozenset(_HARMLESS.split())


def note_on(directive: Directive) -> tuple[str, str] | None:
    """What is to be said of a keyword that means nothing to gplmt: the problem and a hint."""
    keyword = directive.keyword
    if keyword in UNSUPPORTED:
        harmless, hint = UNSUPPORTED[keyword]
        if " ".join(directive.words).lower() in harmless:
            return None
        return f"gplmt does not do what {directive.written} asks for", hint
    if keyword in HARMLESS:
        return None
    return f"{directive.written} is not known to gplmt, and is ignored", "look for a misspelling"


def _is_none(given: tuple[str, ...]) -> bool:
    return [each.lower() for each in given] == ["none"]
