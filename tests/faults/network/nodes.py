"""Nodes to which something happens: their servers, and how gplmt gets to them."""

from __future__ import annotations

from pathlib import Path

from tests.faults.network.networks import Cable
from tests.faults.support import There
from tests.support.program import Running, until
from tests.support.ssh.daemons import Daemon
from tests.support.ssh.proxy import FaultProxy
from tests.support.ssh.servers import Server


class Node(There):
    """A machine with a server; gplmt comes through a proxy, by a cable, or as it likes."""

    def __init__(
        self,
        server: Server,
        *,
        proxy: FaultProxy | None = None,
        cable: Cable | None = None,
        options: str = "",
    ) -> None:
        """`options` is further XML of the targets that lead here."""
        super().__init__(server, way=None if proxy is None else proxy.server, options=options)
        assert isinstance(server.control, Daemon)
        self.daemon = server.control
        self._proxy = proxy
        self._cable = cable

    @property
    def home(self) -> Path:
        """The login directory."""
        return self.place

    @property
    def proxy(self) -> FaultProxy:
        """The proxy through which gplmt comes."""
        assert self._proxy is not None
        return self._proxy

    @property
    def cable(self) -> Cable:
        """The cable by which gplmt comes."""
        assert self._cable is not None
        return self._cable

    def limit(self, bytes_per_second: int) -> None:
        """Let so much pass between gplmt and here, each way."""
        if self._cable is None:
            self.proxy.limit(bytes_per_second)
        else:
            self._cable.limit(bytes_per_second * 8 // 1000)

    def shut_down(self) -> None:
        """Let all processes of the machine die at once; with a cable, nobody answers any more."""
        if self._cable is not None:
            self._cable.cut()
        self.daemon.stop()

    def boot(self) -> None:
        """Let its server run again.

        With a cable, it is on a machine that knows of no connection, and runs before the network
        does, so that nobody is refused.
        """
        if self._cable is None:
            self.daemon.start()
            return
        self._cable.replace_machine()
        with self._cable.node.entered():
            self.daemon.start()
        self._cable.heal()

    def until_there(self, name: str, run: Running) -> None:
        """Wait until a command of the run has made this file in the login directory."""
        file = self.place / name
        until(lambda: file.exists() or run.process.poll() is not None)
        assert file.exists(), run.stderr
