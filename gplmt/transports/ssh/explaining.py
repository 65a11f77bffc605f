"""Why a connection could not be opened, in the user's words (LANGUAGE.md 7.7)."""

from __future__ import annotations

import os
import re
import socket

import asyncssh

from gplmt.transports.ssh.logins import Login
from gplmt.transports.ssh.sockets import UNRESOLVED

_ERRNO = re.compile(r"\[Errno (\d+)\]")


def explain(error: BaseException, login: Login) -> str:
    """The reason, in lower case and without a full stop.

    `error` is what opening the connection of that login raised.
    """
    notes = getattr(error, "__notes__", ())
    if notes:  # of the attempt to log in, which knows what was tried
        return str(notes[-1])
    if isinstance(error, asyncssh.Error):
        return _explain_refusal(error, login)
    return _explain_silence(error, login)


def _explain_refusal(error: asyncssh.Error, login: Login) -> str:
    """What a server, or asyncssh in its place, has said."""
    reason = _as_words(error.reason)
    match error:
        case asyncssh.ChannelOpenError() if login.jumps:
            return f"{login.jumps[-1].host} cannot connect to {_place(login)}: {reason}"
        case asyncssh.ConnectionLost():
            return _explain_loss(login)
        case asyncssh.KeyExchangeFailed():
            return f"{_place(login)} and gplmt have no algorithm in common: {reason}"
        case asyncssh.PasswordChangeRequired():
            return f"the password of {login.user} has expired"
        case asyncssh.HostKeyNotVerifiable():
            return f"the host key of {login.policy.names[0]} is refused: {reason}"
        case asyncssh.ProtocolNotSupported() | asyncssh.ProtocolError():
            return f"{_place(login)} does not speak SSH as it should: {reason}"
    return f"{_place(login)} ended the login: {reason}"


def _explain_silence(error: BaseException, login: Login) -> str:
    """What the network, or this host, has said."""
    if isinstance(error, TimeoutError):
        seconds = f"within {login.connect_timeout_seconds:g} s"
        if UNRESOLVED in getattr(error.__cause__, "__notes__", ()):
            return f"the host name {login.host!r} was not resolved {seconds}"
        return f"no answer from {_place(login)} {seconds}"
    if isinstance(error, socket.gaierror):
        return f"the host name {login.host!r} cannot be resolved: {_as_words(error.strerror)}"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return _explain_loss(login)
    return f"{_place(login)} cannot be reached: {_system_error(error)}"


def _explain_loss(login: Login) -> str:
    if login.proxy_template is not None:
        return f"the proxy command {login.proxy_template!r} ended before the login"
    return f"{_place(login)} closed the connection before the login"


def _system_error(error: BaseException) -> str:
    """What the system says; asyncio puts the errors of several addresses into one text."""
    number = error.errno if isinstance(error, OSError) else None
    numbers = {number} if number is not None else {int(each) for each in _ERRNO.findall(str(error))}
    if not numbers:
        return _as_words(str(error))
    return ", ".join(_as_words(os.strerror(each)) for each in sorted(numbers))


def _place(login: Login) -> str:
    return f"{login.host} port {login.port}"


def _as_words(text: str | None) -> str:
    """A message as part of another one."""
    words = (text or "no reason given").strip().rstrip(".")
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]
