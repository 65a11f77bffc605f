"""Files to bytes, whatever they turn out to be: nothing is waited for, and nothing is endless."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MAX_BYTES = 256 << 20  # larger than any document; what never ends has to end somewhere


def read_file(name: str) -> bytes:
    """What is in a file, or in a pipe that was handed to us (`/dev/stdin`, `<(command)`).

    Raises:
        OSError: it cannot be read, is neither of the two, or is too large to be a document.
        ValueError: there is no such name.
    """
    path = Path(name)
    status = path.stat()
    is_handed_over = stat.S_ISFIFO(status.st_mode) and _is_anonymous(name)
    if not stat.S_ISREG(status.st_mode) and not is_handed_over:
        raise _refusal(status.st_mode)
    if status.st_size <= MAX_BYTES:
        # some files of /proc, and a FIFO that takes the file's place now, would have us wait
        waiting = 0 if is_handed_over else os.O_NONBLOCK
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | waiting)
        with open(descriptor, "rb") as file:  # noqa: PTH123 (a descriptor)
            content = file.read(MAX_BYTES + 1)
        if len(content) <= MAX_BYTES:
            return content
    raise OSError(f"it is larger than {MAX_BYTES >> 20} MiB")


def is_directory(*parts: str | Path) -> bool:
    """Whether a path leads to a directory; one that cannot be looked at is none."""
    try:
        return Path(*parts).is_dir()
    except (OSError, ValueError):
        return False


def _is_anonymous(name: str) -> bool:
    """Whether a pipe is one that we have open, instead of a FIFO to which nobody may ever write."""
    return Path(os.path.realpath(name)).name.startswith("pipe:[")


def _refusal(mode: int) -> OSError:
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISFIFO(mode):
        return OSError("it is a FIFO")
    return OSError("it is a socket" if stat.S_ISSOCK(mode) else "it is a device")
