"""The account that a server lets in, without any change to the machine's own files.

A server finds a private copy of /etc, in memory, in the place of the real one: it has a mount
namespace of its own.  That takes root, or user namespaces; then only the user who runs the tests
can log in, though with the home and the shell that the copy says.
"""

from __future__ import annotations

import functools
import os
import pwd
import subprocess
from pathlib import Path

import pytest
from msgspec import Struct

from tests.support.ssh.places import server_directory

PASSWORD = "open sesame"  # noqa: S105 (opens nothing but these accounts)

_HASH = (  # of PASSWORD, made by `openssl passwd -6`
    "$6$labsalt$dU4fNAxtR01LTiNngG/Fpq8pZGPnPaHeQSihuF4w89pv1hJ2reoIbzYF6kCPzsqaa6gy2fvOJ9AaN"
    "EggmKYO21"
)
_COPY = ".etc"  # where the private /etc is put together
_NO_SHELLS = ("nologin", "false")
_IN_A_MOUNT_NAMESPACE = ("unshare", "--mount", "--propagation", "private")
_IN_A_USER_NAMESPACE = ("unshare", "--user", "--map-current-user", "--keep-caps", "--mount")
_DIES_WITH_US = "setpriv --pdeathsig KILL"
_WITHOUT_CAPABILITIES = "--ambient-caps -all --inh-caps -all"


class Account(Struct, frozen=True, kw_only=True):
    """A line of a passwd file."""

    name: str
    uid: int
    gid: int
    home: Path
    shell: str

    def own(self, path: Path) -> None:
        """Give a file or directory to this account."""
        os.chown(path, self.uid, self.gid)


def own_account(home: Path, *, shell: str | None = None) -> Account:
    """The account of who runs the tests, with another home."""
    entry = pwd.getpwuid(os.geteuid())
    can_log_in = Path(entry.pw_shell).name not in _NO_SHELLS and os.access(entry.pw_shell, os.X_OK)
    return Account(
        name=entry.pw_name,
        uid=entry.pw_uid,
        gid=entry.pw_gid,
        home=home,
        shell=shell or (entry.pw_shell if can_log_in else "/bin/sh"),
    )


def ordinary_account(home: Path, *, uid: int, shell: str) -> Account:
    """An account without privileges: an own one if root runs the tests, else that of who does."""
    if os.geteuid() != 0:
        return own_account(home, shell=shell)
    return Account(name="lab", uid=uid, gid=uid, home=home, shell=shell)


def write_accounts(path: Path, account: Account) -> Path:
    """Files for a private /etc in which this account exists, with PASSWORD as the only one."""
    path.mkdir()
    line = f"{account.name}:x:{account.uid}:{account.gid}::{account.home}:{account.shell}"
    _write(path / "passwd", account.name, line)
    _write(path / "group", account.name, f"{account.name}:x:{account.gid}:")
    _write(path / "shells", account.shell, account.shell)
    (path / "shadow").touch(mode=0o600)
    (path / "shadow").write_text(f"{account.name}:{_HASH}:20000:0:99999:7:::\n")
    (path / _COPY).mkdir()
    return path


def entering(accounts: Path, *, system_shell: str | None = None) -> tuple[str, ...]:
    """What stands before the words of a program that shall find these accounts in /etc.

    With `system_shell`, /bin/sh is that program there.  The program is killed if the thread that
    has started it ends.
    """
    copy = accounts / _COPY
    steps = [
        f"mount -t tmpfs -o mode=755 none '{copy}'",
        f"{{ cp -a /etc/. '{copy}' 2>/dev/null || true; }}",  # some of it only root may read
        f"cp -p '{accounts}'/[a-z]* '{copy}'",
        f"mount --bind '{copy}' /etc",
    ]
    if system_shell is not None:
        steps.append(f"mount --bind '{system_shell}' '{Path('/bin/sh').resolve()}'")
    if os.geteuid() == 0:
        steps.append(f'exec {_DIES_WITH_US} "$0" "$@"')
        return (*_IN_A_MOUNT_NAMESPACE, "sh", "-c", " && ".join(steps))
    steps.append(f'exec {_DIES_WITH_US} {_WITHOUT_CAPABILITIES} "$0" "$@"')
    return (*_IN_A_USER_NAMESPACE, "sh", "-c", " && ".join(steps))


def need_private_accounts(*, untested: str) -> None:
    """Skip the test where no program can be given an own /etc."""
    if not _can_mount():
        pytest.skip(f"{untested} NOT TESTED: neither root nor user namespaces can mount here")


@functools.cache
def _can_mount() -> bool:
    with server_directory() as directory:
        accounts = write_accounts(directory / "accounts", own_account(directory))
        try:
            words = (*entering(accounts), "true")
            return subprocess.run(words, capture_output=True).returncode == 0  # noqa: S603
        except OSError:
            return False


def _write(path: Path, first_word: str, line: str) -> None:
    """Write a file as /etc has it, but with this line in place of any of the same name."""
    lines = (Path("/etc") / path.name).read_text().splitlines()
    kept = [old for old in lines if old.partition(":")[0] != first_word]
    path.write_text("\n".join([*kept, line, ""]))
