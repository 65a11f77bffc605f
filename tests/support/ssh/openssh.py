"""Real OpenSSH servers, with a configuration, keys and accounts of their own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncssh

from tests.support.ssh.daemons import Daemon
from tests.support.ssh.keys import Authority, UserKey, exported, write_known_hosts
from tests.support.ssh.nodes import LoginShell, Node, make_node
from tests.support.ssh.places import need_program, server_directory
from tests.support.ssh.ports import free_port
from tests.support.ssh.servers import Server

LOOPBACK = ("127.0.0.1",)
Settings = Mapping[str, str | Sequence[str]]

_MOST_ADDRESSES = 16  # sshd's MAX_LISTEN_SOCKS
_UNTESTED = "REAL OPENSSH"
_PRIVILEGE_SEPARATION = Path("/run/sshd")


@contextmanager
def openssh(
    key: UserKey,
    *,
    shell: LoginShell | None = None,
    settings: Settings | None = None,
    sftp: bool = True,
    authority: Authority | None = None,
    addresses: Sequence[str] = LOOPBACK,
    before: Sequence[str] = (),
) -> Iterator[Server]:
    """A server that lets one user in, with a key.

    Without a `shell` that is who runs the tests, root included; with one, an ordinary user.
    `settings` are keywords of sshd_config(5), several values as several lines; they win over
    what is said here.  An `authority` signs the host's key, and clients trust it instead of the
    key.  `before` are words that stand before the server's, of a program that becomes it.
    """
    program = need_program("sshd", package="openssh-server", untested=_UNTESTED)
    assert len(addresses) <= _MOST_ADDRESSES, "put a FaultProxy with more addresses in front"
    port = free_port(addresses)
    with server_directory() as directory:
        node = make_node(directory, shell=shell, uid=port, untested=_UNTESTED)
        host_key = _write_host_key(directory, authority, addresses)
        (directory / "authorized_keys").write_text(f"{key.public}\n")
        configuration = _write_configuration(
            directory / "sshd_config",
            settings or {},
            {"Port": str(port), "ListenAddress": addresses},
            _keys(directory, is_signed=authority is not None),
            _defaults(node, sftp=sftp),
            _defaults_of_version(program),
        )
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        words = (*before, *node.entering, program, "-D", "-e", "-f", str(configuration))
        with Daemon(words, host=addresses[0], port=port, log=directory / "log") as daemon:
            yield Server(
                kind="openssh" if shell is None else f"openssh-{shell.value}",
                host=addresses[0],
                port=port,
                user=node.account.name,
                identity_file=key.path,
                known_hosts=write_known_hosts(
                    directory / "known_hosts", addresses, port, host_key, authority=authority
                ),
                host_key=host_key,
                pid=daemon.pid,
                home=node.account.home,
                control=daemon,
            )


def _write_host_key(directory: Path, authority: Authority | None, addresses: Sequence[str]) -> str:
    key = asyncssh.generate_private_key("ssh-ed25519")
    path = directory / "host_key"
    path.touch(mode=0o600)
    key.write_private_key(path)
    if authority is not None:
        authority.sign_host(key, *addresses).write_certificate(directory / "host_key-cert.pub")
    return exported(key)


def _write_configuration(path: Path, *settings: Settings) -> Path:
    """A configuration; sshd takes the first value that it reads of most keywords."""
    lines = [
        f"{keyword} {value}\n"
        for part in settings
        for keyword, values in part.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    path.write_text("".join(lines))
    return path


def _keys(directory: Path, *, is_signed: bool) -> Settings:
    files = {
        "HostKey": str(directory / "host_key"),
        "AuthorizedKeysFile": str(directory / "authorized_keys"),
    }
    return files | ({"HostCertificate": f"{directory / 'host_key'}-cert.pub"} if is_signed else {})


def _defaults(node: Node, *, sftp: bool) -> Settings:
    settings = {
        "PidFile": "none",
        "UsePAM": "no",
        "UseDNS": "no",
        "StrictModes": "no",
        "PermitRootLogin": "yes",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "LogLevel": "VERBOSE",
    }
    if node.programs is not None:
        settings["SetEnv"] = f"PATH={node.programs}:{os.defpath}"
    if sftp:
        settings["Subsystem"] = "sftp internal-sftp"
    return settings


def _defaults_of_version(program: str) -> Settings:
    """Since 9.8 addresses from which logins failed are shut out, and all tests have the same."""
    answer = subprocess.run([program, "-V"], capture_output=True, text=True)  # noqa: S603
    version = re.search(r"OpenSSH_(\d+)\.(\d+)", answer.stderr)
    if version is not None and (int(version[1]), int(version[2])) >= (9, 8):
        return {"PerSourcePenalties": "no"}
    return {}
