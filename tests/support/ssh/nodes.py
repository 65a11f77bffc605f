"""What a login finds on a node: the account's home, its shell, and the programs."""

from __future__ import annotations

import subprocess
from enum import Enum
from pathlib import Path

from msgspec import Struct

from tests.support.ssh.accounts import (
    Account,
    entering,
    need_private_accounts,
    ordinary_account,
    own_account,
    write_accounts,
)
from tests.support.ssh.places import need_program


class LoginShell(Enum):
    """The login shell of an ordinary user; the value is the program's name."""

    DASH = "dash"
    BASH = "bash"
    ASH = "busybox"
    FISH = "fish"
    TCSH = "tcsh"

    @property
    def is_bourne(self) -> bool:
        """Whether it can be /bin/sh."""
        return self not in (LoginShell.FISH, LoginShell.TCSH)


class Node(Struct, frozen=True, kw_only=True):
    """An account, and `entering`, what stands before the words of the server that lets it in.

    Its commands search `programs` before the directories that they search anyway.
    """

    account: Account
    entering: tuple[str, ...]
    programs: Path | None = None


def make_node(directory: Path, *, shell: LoginShell | None, uid: int, untested: str) -> Node:
    """A node for who runs the tests or, with a `shell`, for an ordinary user.

    /bin/sh is then that shell, too, if it is a Bourne shell.  Where the shell is BusyBox, so are
    the programs that it has.  `uid` is for an ordinary user that root makes.
    """
    need_private_accounts(untested=untested)
    home = directory / "home"
    home.mkdir(mode=0o755)
    if shell is None:
        account = own_account(home)
        return Node(
            account=account, entering=entering(write_accounts(directory / "accounts", account))
        )
    program = need_program(shell.value, package=shell.value, untested=untested)
    applets = _install_busybox(directory / "bin", program) if shell is LoginShell.ASH else None
    login_shell = program if applets is None else str(applets / "ash")
    account = ordinary_account(home, uid=uid, shell=login_shell)
    account.own(home)
    accounts = write_accounts(directory / "accounts", account)
    return Node(
        account=account,
        entering=entering(accounts, system_shell=program if shell.is_bourne else None),
        programs=applets,
    )


def _install_busybox(applets: Path, program: str) -> Path:
    applets.mkdir()
    subprocess.run([program, "--install", "-s", str(applets)], check=True)  # noqa: S603
    return applets
