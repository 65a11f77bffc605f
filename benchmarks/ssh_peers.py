"""The commands by which OpenSSH and rsync do what gplmt is measured at."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ssh_lab import Host, SshLab

_CONNECTS_IN_FLIGHT = 64

# `LocalCommand` runs once the master listens; the fifo tells. $1 is the address, $2 the port,
# $3 the configuration, $4 the number of commands.
_CONTROL_MASTER = """
mkfifo up.$1
ssh -F $3 -p $2 -M -N -S control.$1 -o PermitLocalCommand=yes -o LocalCommand="echo >up.$1" $1 &
read _ <up.$1
i=0
while [ $i -lt $4 ]; do ssh -F $3 -p $2 -S control.$1 $1 true || exit 1; i=$((i+1)); done
ssh -F $3 -p $2 -S control.$1 -O exit $1
wait
rm up.$1
"""


class SshPeers:
    """Command lines, by what they do; all for a directory to work in that holds nothing else."""

    def __init__(self, lab: SshLab) -> None:
        self._configuration = str(lab.client_configuration)

    def run_each(self, hosts: Sequence[Host], command: str) -> list[str]:
        """`ssh` to each host, many at a time."""
        return self._each(hosts, f"{self._ssh('$1', '$2')} {shlex.quote(command)}")

    def collect_each(self, hosts: Sequence[Host], command: str, directory: Path) -> list[str]:
        """`ssh` to each host, its output into a file of its address."""
        return self._each(hosts, f"{self._ssh('$1', '$2')} {shlex.quote(command)} >{directory}/$1")

    def control_master(self, hosts: Sequence[Host], times: int) -> list[str]:
        """One connection per host, a number of commands over it; all hosts at once."""
        arguments = f"$1 $2 {self._configuration} {times}"
        return self._each(hosts, f"sh -c {shlex.quote(_CONTROL_MASTER)} sh {arguments}")

    def scp_put_each(self, hosts: Sequence[Host], source: Path, destination: str) -> list[str]:
        """`scp` to each host, to `destination` followed by the address."""
        return self._each(
            hosts, f"scp -q -F {self._configuration} -P $2 {source} $1:{destination}$1"
        )

    def scp(self, host: Host, *, source: str, destination: str) -> list[str]:
        """`scp -r`; a remote path begins with a colon."""
        port = str(host.port)
        ends = [_end(host, source), _end(host, destination)]
        return ["scp", "-q", "-r", "-F", self._configuration, "-P", port, *ends]

    def rsync(self, host: Host, *, source: str, destination: str) -> list[str]:
        """`rsync -a`; a remote path begins with a colon."""
        ssh = f"ssh -F {self._configuration} -p {host.port}"
        return ["rsync", "-a", "-e", ssh, _end(host, source), _end(host, destination)]

    def tar_put(self, host: Host, source: Path, destination: Path) -> list[str]:
        """`tar | ssh tar`."""
        unpack = shlex.quote(f"mkdir {destination} && tar xf - -C {destination}")
        return _shell(f"tar cf - -C {source} . | {self._ssh(host.address, host.port)} {unpack}")

    def _ssh(self, address: str, port: int | str) -> str:
        return f"ssh -F {self._configuration} -p {port} {address}"

    def _each(self, hosts: Sequence[Host], script: str) -> list[str]:
        """A script for each host, told address and port as $1 and $2."""
        words = " ".join(f"{host.address} {host.port}" for host in hosts)
        xargs = f"xargs -n 2 -P {_CONNECTS_IN_FLIGHT} sh -c {shlex.quote(script)} sh"
        return _shell(f"echo {words} | {xargs}")


def _shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def _end(host: Host, path: str) -> str:
    return f"{host.address}{path}" if path.startswith(":") else path
