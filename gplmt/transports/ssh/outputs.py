"""One output stream of a remote command, from its channel to its sink."""

from __future__ import annotations

from collections.abc import Callable

from gplmt.errors import LogError
from gplmt.protocols import OutputSink

_MAX_HEAD_BYTES = 65_536


class RemoteOutput:
    """Passes bytes on as they are, once the command has begun.

    What comes before the line with the last `sign` is the login shell's, and dropped. `on_sign`
    gets the rest of such a line, and says whether it was the last.  Without a sign nothing is
    dropped.  `on_pause` is told when the sink wants no more for the moment, and `on_resume`
    when it does again; what comes in between is passed on nevertheless.
    """

    def __init__(
        self,
        sink: OutputSink,
        *,
        sign: bytes | None,
        on_sign: Callable[[bytes], bool] = lambda _rest: True,
        on_failure: Callable[[LogError], None],
        on_pause: Callable[[], None],
        on_resume: Callable[[], None],
    ) -> None:
        self._head = b""
        self._sink: OutputSink | None = sink
        self._sign = sign
        self._on_sign = on_sign
        self._on_failure = on_failure
        self._on_pause = on_pause
        self._on_resume = on_resume
        self._is_paused = False

    def write(self, data: bytes) -> None:
        """Take what has come."""
        if self._sign is not None:
            data = self._after_sign(data, self._sign)
        if not data or self._sink is None:
            return
        try:
            wants_more = self._sink.write(data)
        except LogError as error:
            self.close()
            self._on_failure(error)
            return
        if not wants_more and not self._is_paused:
            self._is_paused = True
            self._on_pause()
            self._sink.on_ready(self._resume)

    def close(self) -> None:
        """Nothing will come any more, or nothing that can be kept."""
        if self._sink is not None:
            sink, self._sink = self._sink, None
            sink.close()
            self._resume()

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._on_resume()

    def _after_sign(self, data: bytes, sign: bytes) -> bytes:
        """What belongs to the command."""
        self._head += data
        while (begin := self._head.find(sign)) >= 0 and (end := self._head.find(b"\n", begin)) >= 0:
            rest, self._head = self._head[begin + len(sign) : end], self._head[end + 1 :]
            if self._on_sign(rest):
                self._sign = None
                data, self._head = self._head, b""
                return data
        self._head = self._head[-_MAX_HEAD_BYTES:]
        return b""
