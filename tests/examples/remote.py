"""A user for whom the hosts of examples and pages are a server that a test has started."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.examples.running import ROOT
from tests.support.ssh.servers import Server

EXAMPLES_CONFIGURATION = ROOT / "examples" / "ssh_config"


class RemoteUser:
    """Has a home with a key, and a `known_hosts` that knows the server as `localhost`.

    Its OpenSSH client configuration is the one that the examples come with; where that ends, it
    says at which port and as whom to log in.
    """

    def __init__(self, home: Path, server: Server) -> None:
        self.home = home
        self._directory = home / ".ssh"
        self._directory.mkdir(mode=0o700, parents=True)
        shutil.copy(server.identity_file, self._directory / "id_ed25519")
        known = f"[localhost]:{server.port} {server.host_key}\n"
        (self._directory / "known_hosts").write_text(known)
        self.configuration.write_text(
            f"{EXAMPLES_CONFIGURATION.read_text()}\n"
            f"Host *\n    Port {server.port}\n    User {server.user}\n"
        )

    @property
    def configuration(self) -> Path:
        """What is read where the command line names no other one."""
        return self._directory / "config"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which programs know whose home is where; there is no agent."""
        return {"HOME": str(self.home), "SSH_AUTH_SOCK": ""}
