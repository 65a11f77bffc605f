"""What the operating system says when a file of the run cannot be written."""

from __future__ import annotations

import errno
import os


def in_words(error: OSError) -> str:
    """The operating system's reason, in the style of our messages, with a hint if one helps."""
    words = os.strerror(error.errno) if error.errno else str(error)
    words = words[:1].lower() + words[1:]
    if error.errno == errno.EMFILE:
        return f"{words}; raise 'ulimit -n' or let fewer targets run at a time (max-parallel)"
    return words
