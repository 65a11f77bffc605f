"""What can be seen from a node: whether it can open a TCP connection (LANGUAGE.md 6.8)."""

from __future__ import annotations

import asyncio
from shlex import quote

import asyncssh

from gplmt.transports.ssh.attachments import Attachment
from gplmt.transports.ssh.pipes import open_pipe

_CONNECT_SECONDS = 3.0


async def can_connect(attachment: Attachment, host: str, port: int) -> bool:
    """Whether the node can open a TCP connection, told within a few seconds.

    Its SSH server tries; where that may not, a shell or `nc` does.

    Raises:
        ConnectionLostError: the node is not there any more.
    """
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await _try(attachment, host, port)
    except (TimeoutError, OSError, asyncssh.Error):
        return False


async def _try(attachment: Attachment, host: str, port: int) -> bool:
    try:
        _, writer = await attachment.connection.open_connection(host, port)
    except asyncssh.ChannelOpenError as error:
        if error.code == asyncssh.OPEN_CONNECT_FAILED:
            return False
    else:
        writer.channel.abort()
        return True
    place = f"{quote(host)} {port}"
    command = f"bash -c 'exec 3<>/dev/tcp/$0/$1' {place} || nc -z -w 2 {place}"
    async with open_pipe(attachment.open_session, command) as pipe:
        pipe.write_eof()
        while await pipe.read():
            pass
        status, _ = await pipe.wait()
        return status == 0
