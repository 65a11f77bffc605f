"""A shell that runs a local command: its process, its two streams, and how it ended."""

from __future__ import annotations

import asyncio

from gplmt.errors import LogError
from gplmt.protocols import OutputSink
from gplmt.transports.launching import ExitWatch, Launched
from gplmt.transports.streams import OutputStream


class Shell:
    """Feeds the sinks while the shell runs, and afterwards while others hold its output.

    `ended` gives the return code when the shell has ended and what it had written is delivered;
    it raises LogError as soon as a sink fails.  `group` is the process group.
    """

    def __init__(
        self,
        launched: Launched,
        *,
        stdout: OutputSink,
        stderr: OutputSink,
    ) -> None:
        """Take over the process, the descriptors and the sinks."""
        self.group = launched.process.pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._streams = (
            self._stream(launched.stdout, stdout),
            self._stream(launched.stderr, stderr),
        )
        self._watch = ExitWatch(launched.process, self._on_exit)

    @property
    def is_quiet(self) -> bool:
        """Whether no output can come any more."""
        return not any(stream.is_open for stream in self._streams)

    def close(self) -> None:
        """Deliver the last output, and let go of everything."""
        self._watch.look()
        self._watch.cancel()
        for stream in self._streams:
            stream.drain()
            stream.close()

    def release(self) -> tuple[int, ...]:
        """Close the sinks, and hand over the pipes that are still open."""
        return tuple(
            descriptor for stream in self._streams if (descriptor := stream.release()) is not None
        )

    def _stream(self, descriptor: int, sink: OutputSink) -> OutputStream:
        return OutputStream(descriptor, sink, on_failure=self._on_failure)

    def _on_exit(self, returncode: int) -> None:
        for stream in self._streams:
            stream.drain()
        if not self.ended.done():
            self.ended.set_result(returncode)

    def _on_failure(self, error: LogError) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
