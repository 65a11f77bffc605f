"""What an SFTP server's few error codes mean, in the words that local copies use."""

from __future__ import annotations

import os

import asyncssh

from gplmt.errors import ConnectionLostError, CopyError, TaskError
from gplmt.transports.copying_names import NodePath, shown

_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 4095
_MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_LOST = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)
_READ_ONLY = os.ST_RDONLY


def wire(path: NodePath) -> bytes:
    """The path as it travels."""
    return str(path).encode(errors="surrogateescape")


def is_missing(error: BaseException) -> bool:
    """Whether it says that there is no such file, or no such directory to look in."""
    return isinstance(error, _MISSING)


async def explained(
    client: asyncssh.SFTPClient, error: Exception, *, action: str, path: NodePath
) -> TaskError:
    """What to raise in the place of an error; the server is asked for more if it said little."""
    if not isinstance(error, asyncssh.SFTPError) or isinstance(error, _LOST):
        return ConnectionLostError(f"the connection was lost ({_text(error)})")
    reason = _reason(error, path) or await _state_of_disk(client, path)
    if reason is None:
        reason = f"the SFTP server says only '{_text(error)}'"
    return CopyError(f"cannot {action} {shown(path)}: {reason}")


def _reason(error: asyncssh.SFTPError, path: NodePath) -> str | None:
    if isinstance(error, _MISSING):
        return "No such file or directory"
    if isinstance(error, asyncssh.SFTPPermissionDenied):
        return "Permission denied"
    if _is_too_long(path):
        return "File name too long"
    if type(error) is asyncssh.SFTPFailure:  # which is said of all that has no code of its own
        return None
    return _text(error)


def _is_too_long(path: NodePath) -> bool:
    whole = wire(path)
    return len(whole) > _MAX_PATH_BYTES or max(map(len, whole.split(b"/"))) > _MAX_NAME_BYTES


async def _state_of_disk(client: asyncssh.SFTPClient, path: NodePath) -> str | None:
    """What is wrong with the file system of a path, if the server can tell."""
    try:
        state = await client.statvfs(wire(path.parent))
    except (asyncssh.Error, OSError):
        return None
    if state.flags & _READ_ONLY:
        return "Read-only file system"
    if state.bavail == 0 or (state.files and state.favail == 0):
        return "No space left on device"
    return None


def _text(error: Exception) -> str:
    return str(error).lower() or type(error).__name__
