"""Real OpenSSH servers on loopback, for benchmarks: many addresses, one set of keys.

Each node has an address of its own in 127.0.0.0/8. An sshd serves at most 16 addresses, so there
is one for every 16 nodes; all of them use one port, one host key and one authorised key.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_ADDRESSES_PER_SERVER = 16  # MAX_LISTEN_SOCKS in sshd
_UNLIMITED_STARTUPS = "1000"
_PATIENCE_SECONDS = 10.0
_CIPHER = "aes128-gcm@openssh.com"
_DELAY_PROXY = str(Path(__file__).resolve().parent / "delay_proxy.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where a server listens."""

    address: str
    port: int

    @property
    def known_as(self) -> str:
        """The name that known_hosts has it under."""
        return f"[{self.address}]:{self.port}"


class SshLab:
    """Servers that are started as they are asked for, and stopped with the lab."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.user = getpass.getuser()
        self.key = directory / "id_ed25519"
        self.known_hosts = directory / "known_hosts"
        self.client_configuration = directory / "ssh_config"
        self.empty_configuration = directory / "empty_config"
        self._host_key = directory / "host_key"
        self._hosts: list[Host] = []
        self._children: list[subprocess.Popen[bytes]] = []
        self._servers = 0

    def __enter__(self) -> SshLab:
        self.directory.mkdir()
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # as its service would
        for key in (self.key, self._host_key):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True
            )
        self.known_hosts.touch()
        self.empty_configuration.touch()
        self.client_configuration.write_text(self._openssh_configuration())
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            for descendant in _descendants(child.pid):
                with suppress(ProcessLookupError):
                    os.kill(descendant, signal.SIGKILL)
            child.terminate()
            child.wait()
            if child.stdin and child.stdout:
                child.stdin.close()
                child.stdout.close()

    def hosts(self, count: int) -> list[Host]:
        """This many nodes, each with an address of its own."""
        while len(self._hosts) < count:
            self._hosts += self.start_server(max_startups=_UNLIMITED_STARTUPS)
        return self._hosts[:count]

    def start_server(self, *, max_startups: str) -> list[Host]:
        """One more sshd; where it listens."""
        sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if not sshd:
            raise FileNotFoundError("there is no sshd; install the OpenSSH server")
        self._servers += 1
        addresses = [f"127.1.{self._servers}.{n + 1}" for n in range(_ADDRESSES_PER_SERVER)]
        port = self._hosts[0].port if self._hosts else _free_port()
        for address in addresses:
            with socket.create_server((address, port)):
                pass
        hosts = [Host(address=address, port=port) for address in addresses]
        pid_file = self.directory / f"sshd_{self._servers}.pid"
        configuration = self.directory / f"sshd_{self._servers}.conf"
        configuration.write_text(
            self._server_configuration(hosts, pid_file=pid_file, max_startups=max_startups)
        )
        log = self.directory / f"sshd_{self._servers}.log"
        command = [sshd, "-D", "-f", str(configuration), "-E", str(log)]
        self._children.append(subprocess.Popen(command, start_new_session=True))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not pid_file.exists():  # it is written once sshd listens
            if self._children[-1].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"sshd did not start: {log.read_text()}")
            time.sleep(0.01)
        self._know(hosts)
        return hosts

    def delayed(self, host: Host, *, seconds: float) -> Host:
        """The same node, with everything that is sent to or by it `seconds` late."""
        proxy = subprocess.Popen(
            [sys.executable, _DELAY_PROXY, host.address, str(host.port), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._children.append(proxy)
        delayed = Host(address="127.0.0.1", port=_read_number(proxy.stdout))
        self._know([delayed])
        return delayed

    def description(self, hosts: Iterable[Host]) -> str:
        """What the floors are told, as JSON."""
        return json.dumps(
            {
                "user": self.user,
                "key": str(self.key),
                "known_hosts": str(self.known_hosts),
                "cipher": _CIPHER,
                "hosts": [[host.address, host.port] for host in hosts],
            }
        )

    def _know(self, hosts: Iterable[Host]) -> None:
        key = " ".join(self._host_key.with_suffix(".pub").read_text().split()[:2])
        with self.known_hosts.open("a") as file:
            file.writelines(f"{host.known_as} {key}\n" for host in hosts)

    def _server_configuration(
        self, hosts: Iterable[Host], *, pid_file: Path, max_startups: str
    ) -> str:
        listening = "".join(f"ListenAddress {host.address}:{host.port}\n" for host in hosts)
        return (
            f"{listening}HostKey {self._host_key}\nPidFile {pid_file}\n"
            f"AuthorizedKeysFile {self.key}.pub\nStrictModes no\nUsePAM no\n"
            f"PasswordAuthentication no\nMaxStartups {max_startups}\n"
            # A login shell that sshd starts would read the start-up files of who measures.
            f"SetEnv HOME={self.directory}\n"
            "Subsystem sftp internal-sftp\nLogLevel ERROR\n"
        )

    def _openssh_configuration(self) -> str:
        return (
            f"User {self.user}\nIdentityFile {self.key}\nIdentitiesOnly yes\nBatchMode yes\n"
            f"UserKnownHostsFile {self.known_hosts}\nGlobalKnownHostsFile /dev/null\n"
            f"StrictHostKeyChecking yes\nCiphers {_CIPHER}\nKexAlgorithms curve25519-sha256\n"
            "LogLevel ERROR\n"
        )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _read_number(stream: IO[bytes] | None) -> int:
    return int(stream.readline()) if stream else 0


def _descendants(pid: int) -> list[int]:
    """All that the process has started and that has not lost its parent, deepest first."""
    found: list[int] = []
    with suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                found += [*_descendants(child), child]
    return found
