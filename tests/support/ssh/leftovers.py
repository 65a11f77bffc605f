"""What no test may leave."""

from __future__ import annotations

import time

from tests.support.processes import marked_by

_LONGEST_SECONDS = 2.0


class Markers:
    """Texts that no process's environment may contain when a test has ended."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def __call__(self, text: str) -> None:
        """Let this text be one of them."""
        self._texts.append(text)

    def check(self) -> None:
        """Fail unless what carries one has gone, or goes at once."""
        deadline = time.monotonic() + _LONGEST_SECONDS
        while found := {text: marked for text in self._texts if (marked := marked_by(text))}:
            assert time.monotonic() < deadline, f"left behind: {found}"
            time.sleep(0.01)
