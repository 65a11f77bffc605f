"""A real OpenSSH agent."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from tests.support.ssh.keys import UserKey
from tests.support.ssh.places import need_program, server_directory

_UNTESTED = "SSH AGENT"
_PACKAGE = "openssh-client"
_LONGEST_SECONDS = 20.0


class SshAgent(Struct, frozen=True, kw_only=True):
    """An agent; `path` is that of its socket."""

    path: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """The variable by which clients find it."""
        return {"SSH_AUTH_SOCK": str(self.path)}

    def add(self, key: UserKey) -> None:
        """Let it hold a key that has no passphrase, with its certificate if it has one."""
        program = need_program("ssh-add", package=_PACKAGE, untested=_UNTESTED)
        subprocess.run(  # noqa: S603
            [program, "-q", str(key.path)],
            check=True,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
        )


@contextmanager
def running_agent(*keys: UserKey) -> Iterator[SshAgent]:
    """An agent that holds these keys."""
    program = need_program("ssh-agent", package=_PACKAGE, untested=_UNTESTED)
    with server_directory() as directory:
        agent = SshAgent(path=directory / "agent")
        process = subprocess.Popen(  # noqa: S603
            [program, "-D", "-a", str(agent.path)], stdout=subprocess.DEVNULL
        )
        try:
            _wait_for(agent.path)
            for key in keys:
                agent.add(key)
            yield agent
        finally:
            process.kill()
            process.wait()


def _wait_for(path: Path) -> None:
    """Wait until the agent listens: it does so a moment after its socket is there."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    with socket.socket(socket.AF_UNIX) as connection:
        while connection.connect_ex(str(path)) != 0:
            assert time.monotonic() < deadline, "the agent does not listen"
            time.sleep(0.005)
