"""The SFTP client of a connection, or the reason why there is none."""

from __future__ import annotations

import asyncssh

from gplmt.transports.ssh.copying_door import SftpMissingError


async def start_sftp(connection: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
    """Start the SFTP client of a connection, for paths of bytes.

    Raises:
        SftpMissingError: the node has no SFTP server, or one that cannot be talked to.
        asyncssh.Error, OSError: the connection is lost, or opens no more sessions.
    """
    try:
        return await connection.start_sftp_client(path_encoding=None)
    except (asyncssh.Error, OSError) as error:
        if (reason := why_missing(error, connection)) is not None:
            raise SftpMissingError(reason) from error
        raise


def why_missing(error: Exception, connection: asyncssh.SSHClientConnection) -> str | None:
    """Why a node has no SFTP; None if the error says something else."""
    if connection.is_closed():
        return None
    if isinstance(error, asyncssh.SFTPBadMessage):
        return "its SFTP server is spoilt by what the login shell prints, in .bashrc perhaps"
    if isinstance(error, asyncssh.SFTPError):
        return "its SFTP server does not start"
    if (
        isinstance(error, asyncssh.ChannelOpenError)
        and error.code == asyncssh.OPEN_REQUEST_SESSION_FAILED
    ):
        return "it has no SFTP server"
    return None
