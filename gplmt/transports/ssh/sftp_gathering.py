"""An SFTP client whose small requests travel together."""

from __future__ import annotations

import asyncio

import asyncssh

_SMALL_BYTES = 16_384


def gather_requests(client: asyncssh.SFTPClient) -> None:
    """Let a client write all requests of one turn of the event loop at once, from now on.

    Otherwise each becomes two packets, each with its system call, as asyncssh sends an empty one
    before each: half of the work of copying small files.  There is no public way, so a client
    that is not built as expected is left as it is.
    """
    handler = getattr(client, "_handler", None)
    writer = getattr(handler, "_writer", None)
    if isinstance(writer, asyncssh.SSHWriter):
        vars(handler)["_writer"] = GatheringWriter(writer)


class GatheringWriter:
    """What of an `SSHWriter` an SFTP client uses."""

    def __init__(self, writer: asyncssh.SSHWriter[bytes]) -> None:
        self.channel = writer.channel
        self._writer = writer
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Write soon, in order."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(data)
        if len(data) > _SMALL_BYTES:
            self._flush()

    def write_eof(self) -> None:
        """As `SSHWriter.write_eof`."""
        self._flush()
        self._writer.write_eof()

    def close(self) -> None:
        """As `SSHWriter.close`."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        data, self._waiting = self._waiting, []
        if data and not self.channel.is_closing():
            self._writer.write(data[0] if len(data) == 1 else b"".join(data))
