"""Experiments that have gplmt do over SSH what floors and peers do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.local_scenarios import LIGHT
from benchmarks.ssh_lab import Host, SshLab


def run(command: str, times: int = 1) -> str:
    """The element, so many times."""
    return f'<run expected-status="0">{escape(command)}</run>\n' * times


def put(source: Path, destination: str) -> str:
    """The element."""
    return f'<put source="{source}" destination="{destination}"/>\n'


def get(source: Path, destination: str) -> str:
    """The element."""
    return f'<get source="{source}" destination="{destination}"/>\n'


def document(lab: SshLab, hosts: Sequence[Host], tasks: str) -> str:
    """An experiment that does `tasks` on a target per host, `n0` and so on."""
    targets = "".join(
        f'<target name="n{number}" type="ssh"><host>{host.address}</host>'
        f"<port>{host.port}</port></target>\n"
        for number, host in enumerate(hosts)
    )
    return (
        '<experiment>\n<targets><target name="nodes" type="group">\n'
        f"<user>{lab.user}</user><identity-file>{lab.key}</identity-file>"
        f"<known-hosts-file>{lab.known_hosts}</known-hosts-file>\n{targets}</target></targets>\n"
        f'<tasklists><tasklist name="work">\n{tasks}</tasklist></tasklists>\n'
        '<steps><step tasklist="work" targets="nodes"/></steps>\n</experiment>\n'
    )


def command(file: Path, lab: SshLab, *, runs: Path) -> list[str]:
    """Run the experiment of a file with nothing of the user's own configuration."""
    return [
        sys.executable,
        LIGHT,
        str(file),
        "--quiet",
        "--batch",
        f"--ssh-config={lab.empty_configuration}",
        f"--logroot-dir={runs}",
    ]
