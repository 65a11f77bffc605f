"""Real Dropbear servers, as small nodes have them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.ssh.daemons import Daemon
from tests.support.ssh.keys import UserKey, write_known_hosts
from tests.support.ssh.nodes import Node, make_node
from tests.support.ssh.places import need_program, server_directory
from tests.support.ssh.ports import free_port
from tests.support.ssh.servers import Server

_UNTESTED = "DROPBEAR"
_PACKAGE = "dropbear-bin"
_HOST = "127.0.0.1"


@contextmanager
def dropbear(key: UserKey, *, options: Sequence[str] = ("-s",)) -> Iterator[Server]:
    """A server that lets in who runs the tests; `options` are further words for it.

    It has SFTP where OpenSSH's program for that is installed.
    """
    program = need_program("dropbear", package=_PACKAGE, untested=_UNTESTED)
    port = free_port([_HOST])
    with server_directory() as directory:
        node = make_node(directory, shell=None, uid=port, untested=_UNTESTED)
        _authorise(node, key)
        host_key = _make_host_key(directory / "host_key")
        files = ("-r", str(directory / "host_key"), "-P", str(directory / "pid"))
        words = (*node.entering, program, "-F", "-E", "-p", f"{_HOST}:{port}", *files, *options)
        with Daemon(words, host=_HOST, port=port, log=directory / "log") as daemon:
            yield Server(
                kind="dropbear",
                host=_HOST,
                port=port,
                user=node.account.name,
                identity_file=key.path,
                known_hosts=write_known_hosts(directory / "known_hosts", [_HOST], port, host_key),
                host_key=host_key,
                pid=daemon.pid,
                home=node.account.home,
                control=daemon,
            )


def _authorise(node: Node, key: UserKey) -> None:
    directory = node.account.home / ".ssh"
    directory.mkdir(mode=0o700)
    (directory / "authorized_keys").write_text(f"{key.public}\n")


def _make_host_key(path: Path) -> str:
    program = need_program("dropbearkey", package=_PACKAGE, untested=_UNTESTED)
    made = subprocess.run(  # noqa: S603
        [program, "-t", "ed25519", "-f", str(path)], check=True, capture_output=True, text=True
    )
    line = next(line for line in made.stdout.splitlines() if line.startswith("ssh-"))
    return " ".join(line.split()[:2])
