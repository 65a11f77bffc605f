"""Python programs that run commands on many hosts, where the interpreter that runs this has them.

`ssh_python_peers.py LAB parallel-ssh|fabric|pyinfra TIMES` runs `true` so many times on each host
of LAB, the file that ssh_floors.py reads, too.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CONNECTS_IN_FLIGHT = 64
_PYINFRA_HOSTS = """\
hosts = [(host, {{"ssh_port": port, "ssh_user": {user!r}, "ssh_key": {key!r},
    "ssh_known_hosts_file": {known_hosts!r}}}) for host, port in {hosts!r}]
"""
_PYINFRA_COMMANDS = """\
from pyinfra.operations import server
for number in range({times}):
    server.shell(name=str(number), commands=["true"])
"""


def parallel_ssh(lab: Mapping[str, Any], times: int) -> None:
    """With parallel-ssh."""
    from pssh.clients import ParallelSSHClient  # type: ignore[import-not-found]

    client = ParallelSSHClient(
        [address for address, _ in lab["hosts"]],
        port=lab["hosts"][0][1],
        user=lab["user"],
        pkey=lab["key"],
        allow_agent=False,
        pool_size=_CONNECTS_IN_FLIGHT,
    )
    for _ in range(times):
        outputs = client.run_command("true")
        client.join(outputs)
        assert all(output.exit_code == 0 for output in outputs)


def fabric(lab: Mapping[str, Any], times: int) -> None:
    """With fabric."""
    from fabric import Config, Connection, ThreadingGroup  # type: ignore[import-not-found]

    config = Config(overrides={"load_ssh_configs": False})
    with ThreadingGroup.from_connections(
        Connection(
            address,
            user=lab["user"],
            port=port,
            config=config,
            connect_kwargs={
                "key_filename": lab["key"],
                "allow_agent": False,
                "look_for_keys": False,
            },
        )
        for address, port in lab["hosts"]
    ) as group:
        for _ in range(times):
            group.run("true", hide=True, in_stream=False)


def pyinfra(lab: Mapping[str, Any], times: int) -> None:
    """With pyinfra, as its command line does it."""
    program = str(Path(sys.executable).with_name("pyinfra"))
    with tempfile.TemporaryDirectory() as directory:
        hosts, commands = Path(directory, "hosts.py"), Path(directory, "commands.py")
        hosts.write_text(_PYINFRA_HOSTS.format(**lab))
        commands.write_text(_PYINFRA_COMMANDS.format(times=times))
        words = [program, "-y", "--parallel", str(_CONNECTS_IN_FLIGHT), str(hosts), str(commands)]
        if status := os.spawnv(os.P_WAIT, program, words):
            sys.exit(status)


PEERS = {"parallel-ssh": parallel_ssh, "fabric": fabric, "pyinfra": pyinfra}


if __name__ == "__main__":
    PEERS[sys.argv[2]](json.loads(Path(sys.argv[1]).read_text()), int(sys.argv[3]))
