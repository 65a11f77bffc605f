"""Which failures tell nothing of a task, but that it could not be done just then."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from gplmt.errors import ConnectError, ConnectionLostError, LaunchError

# There may be enough of these another time.
_SCARCE = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS, errno.ENOSPC}
)


def is_loss(error: BaseException) -> bool:
    """Whether a node could not be reached, or this host had no more processes or descriptors.

    What is owed to the node stays owed then.
    """
    if isinstance(error, ConnectError | ConnectionLostError):
        return True
    cause = error.__cause__
    return isinstance(error, LaunchError) and isinstance(cause, OSError) and cause.errno in _SCARCE


@contextmanager
def needing_threads() -> Iterator[None]:
    """What is done within needs threads, of its own or of a library's.

    Raises:
        LaunchError: there can be none, as there are too many processes; that is a loss.
    """
    try:
        yield
    except RuntimeError as error:
        if "start new thread" not in str(error):
            raise
        scarcity = OSError(errno.EAGAIN, str(error))
        raise LaunchError("no thread can be started: there are too many processes") from scarcity
