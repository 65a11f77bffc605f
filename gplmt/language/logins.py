"""What a host or user name may be: what OpenSSH takes on its command line (LANGUAGE.md 4.2).

The user's ProxyCommand and `Match exec` are read by a shell, with such names in them.
"""

from __future__ import annotations

import re

_HOST = re.compile(r"(?!-)[^\s\x00-\x1f\x7f'`\"$\\;&<>|(){},]+")
# A comma would make two hosts of one in a file of known hosts.
# A dollar sign ends the names of Samba's machine accounts, a backslash comes after a domain.
_USER = re.compile(r"(?!-)(?:[^\s\x00-\x1f\x7f'`\"$\\;&<>|(){}]|\\(?!\Z)| (?!-))+\$?|\$")


def check_host(text: str) -> str:
    """A host name or address.

    Raises:
        ValueError: it is none.
    """
    if not _HOST.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a host name; none begins with -, or has white space or one of"
            " '`\"$\\;&<>|(){}, in it"
        )
    return text


def check_user(text: str) -> str:
    """A user name.

    Raises:
        ValueError: it is none.
    """
    if not _USER.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a user name; none begins with -, ends with \\, or has one of"
            " '`\";&<>|(){} in it, or $ before its end"
        )
    return text


def check_jumps(text: str) -> str:
    """Jump hosts, separated by commas: `[USER@]HOST[:PORT]` each, or an `ssh://` address.

    Raises:
        ValueError: a host or user in it is none.
    """
    for hop in text.split(","):
        user, at, host = hop.strip().removeprefix("ssh://").rpartition("@")
        check_host(host)
        if at:
            check_user(user)
    return text
