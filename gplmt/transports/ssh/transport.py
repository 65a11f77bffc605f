"""ssh targets: commands and copies on nodes, over a connection each (LANGUAGE 4.2, 7.5, 7.7)."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from gplmt.commands import Command, Completed
from gplmt.errors import ConnectError, ConnectionLostError, LaunchError
from gplmt.inventory import Node
from gplmt.journals import CopyJournal
from gplmt.protocols import Copied, Leftover, OutputSink, Pinged, TransportSettings
from gplmt.transports.ssh.attachments import Attachment
from gplmt.transports.ssh.files import AttachedFiles
from gplmt.transports.ssh.logins import Logins
from gplmt.transports.ssh.looking import look_for_leftovers
from gplmt.transports.ssh.openings import Openings
from gplmt.transports.ssh.peers import Peer
from gplmt.transports.ssh.pinging import Turns, ping
from gplmt.transports.ssh.posts import Period
from gplmt.transports.ssh.probing import can_connect

_BEATS_PER_LEASE = 5
_KILL_PATIENCE_SECONDS = 3.0
_CLOSE_PATIENCE_SECONDS = 2.0


class SshTransport:
    """Reaches nodes over SSH, and leaves nothing of a run on them.

    A connection is opened when the first task of its node needs it.  Each node has a guard,
    which stops everything there when the connection breaks or gplmt falls silent.
    """

    def __init__(self, settings: TransportSettings, nodes: Sequence[Node]) -> None:
        """Learn how to log in to `nodes`; may ask for passwords on the terminal.

        Raises:
            SetupError: some cannot be logged in to; all faults at once.
        """
        logging.getLogger("asyncssh").setLevel(logging.WARNING)
        self._settings = settings
        self._logins = Logins(settings.ssh, warn=settings.warn)
        self._logins.prepare(nodes)
        self._beat_seconds = settings.ssh.lease_seconds / _BEATS_PER_LEASE
        self._numbers = itertools.count(1)
        self._peers: dict[str, Peer] = {}
        self._openings: Openings | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._turns = Turns()
        self._is_ending = False

    async def run(
        self, node: Node, command: Command, *, stdout: OutputSink, stderr: OutputSink
    ) -> Completed:
        """As `Transport.run`; should the connection break, the node stops the command."""
        try:
            if self._is_ending:
                raise LaunchError("the command is not started: gplmt is ending")
            attachment = await self._peer(node).attached()
        except BaseException:
            stdout.close()
            stderr.close()
            raise
        returncode = await attachment.run(command, stdout=stdout, stderr=stderr)
        return Completed(returncode=returncode)

    async def put(
        self, node: Node, sources: Sequence[Path], destination: str, *, journal: CopyJournal
    ) -> Copied:
        """As `Transport.put`."""
        from gplmt.transports.ssh import copying  # most runs copy nothing

        return await copying.put(await self._files(node), sources, destination, journal=journal)

    async def get(
        self, node: Node, source: str, destination: Path, *, into: bool, journal: CopyJournal
    ) -> Copied:
        """As `Transport.get`."""
        from gplmt.transports.ssh import copying

        return await copying.get(
            await self._files(node),
            source,
            destination,
            into=into,
            journal=journal,
            arrivals=self._settings.arrivals,
        )

    async def remove(self, node: Node, paths: Sequence[str]) -> tuple[str, ...]:
        """As `Transport.remove`; where the node cannot be reached, all are left."""
        from gplmt.transports.ssh import copying

        try:
            return await copying.remove(await self._files(node), paths)
        except (ConnectError, ConnectionLostError):
            return tuple(paths)

    async def can_connect(self, node: Node, host: str, port: int) -> bool:
        """As `Transport.can_connect`."""
        try:
            attachment = await self._peer(node).attached()
            return await can_connect(attachment, host, port)
        except (ConnectError, ConnectionLostError):
            return False

    async def ping(self, node: Node) -> Pinged:
        """As `Transport.ping`."""
        return await ping(self._peer(node), self._turns)

    async def stop_leftovers(self) -> tuple[Leftover, ...]:
        """As `Transport.stop_leftovers`; where the connection is lost, the guard has done it."""
        prefix = f"{self._settings.run_token}."
        found = await look_for_leftovers(self._attachments(), run_prefix=prefix)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(attachment.stop_leftovers(processes))
                for attachment, processes in found.items()
            ]
        return tuple(leftover for task in tasks for leftover in task.result())

    def kill(self) -> None:
        """As `Transport.kill`; what cannot be told is left to the guards."""
        self._is_ending = True
        for attachment in self._attachments():
            attachment.kill()
        asyncio.get_running_loop().call_later(_KILL_PATIENCE_SECONDS, self._give_up)

    async def close(self) -> None:
        """As `Transport.close`."""
        self._is_ending = True
        if self._beat is not None:
            self._beat.cancel()
        async with asyncio.TaskGroup() as group:
            for peer in self._peers.values():
                group.create_task(peer.close())
        attachments = list(self._attachments())
        for attachment in attachments:
            attachment.begin_to_close()
        async with asyncio.TaskGroup() as group:
            for attachment in attachments:
                group.create_task(attachment.close(patience_seconds=_CLOSE_PATIENCE_SECONDS))
        if self._openings is not None:
            await self._openings.close()

    def _peer(self, node: Node) -> Peer:
        peer = self._peers.get(node.name)
        if peer is None:
            if self._openings is None:
                self._openings = Openings(self._settings.ssh)
                self._beat_later()
            peer = self._peers[node.name] = Peer(
                node,
                self._logins.of(node),
                self._openings,
                make_period=self._period,
                report=self._report,
            )
        return peer

    def _period(self, node: Node) -> Period:
        return Period(
            node=node,
            token=f"{self._settings.run_token}.{next(self._numbers)}",
            grace_seconds=self._settings.grace_seconds,
            beat_seconds=self._beat_seconds,
            patience_seconds=self._logins.of(node).connect_timeout_seconds,
            journal=self._settings.journal,
        )

    async def _files(self, node: Node) -> AttachedFiles:
        return (await self._peer(node).attached()).files

    def _attachments(self) -> Iterable[Attachment]:
        return (peer.attachment for peer in self._peers.values() if peer.attachment is not None)

    def _give_up(self) -> None:
        for attachment in list(self._attachments()):
            attachment.abort("gplmt is ending")

    def _report(self, node: Node, message: str) -> None:
        self._settings.warn(message, node.at)

    def _beat_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._beat = loop.call_later(self._beat_seconds, self._beat_now)

    def _beat_now(self) -> None:
        for attachment in list(self._attachments()):
            attachment.beat()
        self._beat_later()
