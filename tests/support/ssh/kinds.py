"""The kinds of servers, by name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import pytest

from tests.support.ssh.dropbear import dropbear
from tests.support.ssh.inprocess import in_process
from tests.support.ssh.keys import UserKey
from tests.support.ssh.nodes import LoginShell
from tests.support.ssh.openssh import openssh
from tests.support.ssh.servers import Server

KINDS: dict[str, Callable[[UserKey], AbstractContextManager[Server]]] = {
    "asyncssh": in_process,
    "openssh": openssh,
    "dropbear": dropbear,
    **{f"openssh-{shell.value}": partial(openssh, shell=shell) for shell in LoginShell},
}
CONTRACT = ("asyncssh", "openssh", "openssh-dash", "openssh-bash", "openssh-busybox", "dropbear")
ODD_SHELLS = ("openssh-fish", "openssh-tcsh")


def of_kinds(*names: str) -> list[object]:
    """Parameters for the fixture `server`, each with the marker of its program."""
    return [pytest.param(name, marks=_marks(name)) for name in names]


def _marks(kind: str) -> list[pytest.MarkDecorator]:
    program = kind.partition("-")[0]
    return [] if program == "asyncssh" else [getattr(pytest.mark, program)]
